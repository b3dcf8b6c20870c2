// What the buttons above each page do: copy its code as one script, print it, cite it.
const said = document.querySelector("#ur-said");

function say(text, button) {
  said.textContent = text;
  if (!button) return;
  const label = button.textContent;
  button.textContent = text;
  setTimeout(() => (button.textContent = label), 2000);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(await text);
    say("Copied", button);
  } catch (error) {
    say(`Could not copy: ${error.message}`, button);
  }
}

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.text();
}

const dialog = document.querySelector("dialog.ur-cite");
const on = (selector, act) => document.querySelectorAll(selector).forEach((button) => button.addEventListener("click", () => act(button)));

on("[data-ur-copy]", (button) => copy(read(button.dataset.urCopy), button));
on("[data-ur-print]", () => window.print());
on("[data-ur-cite]", () => {
  dialog.querySelector("time").textContent = new Date().toISOString().slice(0, 10);
  dialog.showModal();
});
on("[data-ur-copy-text]", (button) => copy(dialog.querySelector("pre").textContent, button));
on("[data-ur-close]", () => dialog.close());

document.querySelector(".bd-search-container input[type=search]")?.focus();
