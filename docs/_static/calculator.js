// Counts the parameters of a recurrent layer while you type. What a layer's blocks and bias rows are comes from the
// page, which wrote it with the Python package; without this script the table and the formula on the page stand.

for (const form of document.querySelectorAll("form.ur-calculator")) {
  const layers = JSON.parse(form.dataset.layers);
  const output = form.querySelector("output");
  const number = value => value.toLocaleString("en-US");

  const show = () => {
    const wrong = [...form.querySelectorAll("input")].find(input => !input.validity.valid);
    if (wrong) {
      output.textContent = `${wrong.labels[0].textContent.trim()}: a whole number from ${wrong.min} to ${number(+wrong.max)}, please.`;
      return;
    }
    const size = name => BigInt(form.elements[name].value);
    const { blocks, bias_rows } = layers[form.elements.layer.value];
    const [g, rows, D, M, K] = [BigInt(blocks), BigInt(bias_rows), size("features"), size("units"), size("classes")];
    const parts = [
      ["kernel", `${g} · ${D} · ${M}`, g * D * M],
      ["recurrent kernel", `${g} · ${M} · ${M}`, g * M * M],
      ["bias", `${rows} · ${g} · ${M}`, rows * g * M],
    ];
    if (K > 0n) parts.push(["Dense kernel", `${M} · ${K}`, M * K], ["Dense bias", `${K}`, K]);
    parts.push(["together", "", parts.reduce((sum, part) => sum + part[2], 0n)]);

    const body = document.createElement("tbody");
    for (const [name, product, count] of parts) {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      row.insertCell().textContent = product;
      row.insertCell().textContent = number(count);
    }
    const table = document.createElement("table");
    table.append(body);
    output.replaceChildren(table);
  };

  form.addEventListener("input", show);
  form.addEventListener("submit", event => event.preventDefault());
  show();
  form.hidden = false;
}
