// Shades each word of a sentence by how much one output depends on it. You choose the output and the layer.
// The numbers come from the page, which computed them; without this script the figures on the page stand.

for (const form of document.querySelectorAll("form.ur-connectivity")) {
  const { words, right, layers } = JSON.parse(form.dataset.connectivity);
  const output = form.querySelector("output");
  const percent = share => `${Math.round(100 * share)} %`;
  const signed = value => value.toFixed(1).replace("-", "−").replace("−0.0", "0.0");

  const tiles = words.map((word, step) => {
    const choice = Object.assign(document.createElement("input"), { type: "radio", name: "step", value: step });
    const text = Object.assign(document.createElement("span"), { textContent: word });
    const tile = document.createElement("label");
    tile.append(choice, text, document.createElement("small"));
    return tile;
  });

  const show = () => {
    const name = form.elements.layer.value;
    const step = Number(form.elements.step.value);
    const { sizes, answers } = layers[name];
    const total = sizes[step].reduce((sum, size) => sum + size, 0);
    const shares = sizes[step].map(size => size / total);
    const largest = Math.max(...shares);
    tiles.forEach((tile, k) => {
      const read = k <= step;
      tile.classList.toggle("ur-unread", !read);
      tile.style.setProperty("--shade", read ? shares[k] / largest : 0);
      tile.querySelector("small").textContent = read ? percent(shares[k]) : "later";
    });
    const [first, second] = shares.map((share, k) => [share, words[k]]).sort((a, b) => b[0] - a[0]);
    output.textContent = `After “${words[step]}” the ${name} answers ${signed(answers[step])}; right is ${signed(right[step])}. ` +
      `Its answer depends most on “${first[1]}”, ${percent(first[0])} of all` +
      (second ? `, then on “${second[1]}”, ${percent(second[0])}.` : ".");
  };

  form.querySelector("fieldset").append(...tiles);
  tiles.at(-1).querySelector("input").checked = true;
  form.addEventListener("input", show);
  form.addEventListener("submit", event => event.preventDefault());
  show();
  form.hidden = false;
}
