// What the buttons above each page do: copy its code as one script, print it, cite it; what paper needs.
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
dialog?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // the theme's menu above would take it for its own
  dialog.close();
});

// Paper is white: the dark scheme steps back while the page is printed.
const root = document.documentElement;
let scheme = root.dataset.theme;
matchMedia("print").addEventListener("change", ({ matches: printing }) => {
  if (printing) scheme = root.dataset.theme;
  root.dataset.theme = printing ? "light" : scheme;
});

document.querySelector(".bd-search-container input[type=search]")?.focus();
