// Choose a layer and its switches: the line to copy, what comes back, and how many weights there are.

import { code, countParams, returns, shortName } from "./contract.js";
import { LAYERS } from "./data.js";
import { el, freshId, mount, shape, voice } from "./parts.js";

const SIZES = [["units", "units M", 64], ["timesteps", "timesteps T", 20], ["features", "features D", 10]];
const SWITCHES = ["return_sequences", "return_state", "bidirectional"];

function explorer(place) {
  const layers = el("select", { id: freshId(), name: "layer" },
    Object.keys(LAYERS).map(name => el("option", { selected: name === place.dataset.layer }, name)));
  const sizes = SIZES.map(([name, , value]) => el("input", {
    id: freshId(), name, type: "number", inputmode: "numeric", min: 1, max: 1000000, step: 1, required: true, value }));
  const switches = SWITCHES.map(name => el("input", { id: freshId(), type: "checkbox", name }));
  const [problem, picture, lines] = [el("p", { class: "ur-hint", "data-wrong": true }), el("div", { class: "ur-tensors" }), el("code", { tabindex: 0, class: "ur-lines" })];
  const [tensors, counts] = [el("div", { class: "ur-formulas" }), el("div", { class: "ur-formulas" })];
  const speaker = voice();
  const copied = el("button", { type: "button", hidden: !navigator.clipboard, click: async () => {
    await navigator.clipboard.writeText(lines.textContent);
    speaker.say("copied");
    copied.textContent = "copied";
    setTimeout(() => { copied.textContent = "copy"; }, 1500);
  } }, "copy");

  const refresh = () => {
    const wrong = sizes.find(input => !input.validity.valid);
    problem.textContent = wrong ? `${wrong.labels[0].textContent}: a whole number from 1 to 1,000,000, please.` : "";
    sizes.forEach(input => (input.validity.valid ? input.removeAttribute("aria-invalid") : input.setAttribute("aria-invalid", "true")));
    if (wrong) return speaker.say(problem.textContent);
    const { kind, reset_after } = LAYERS[layers.value];
    const settings = {
      layer: kind, reset_after,
      ...Object.fromEntries(sizes.map(input => [input.name, Number(input.value)])),
      ...Object.fromEntries(switches.map(input => [input.name, input.checked])),
    };
    const given = returns(settings);
    const count = countParams(settings);
    lines.textContent = code(settings);
    picture.replaceChildren(drawing(settings, given));
    tensors.replaceChildren(tensorTable(given));
    counts.replaceChildren(countTable(settings, count));
    speaker.say(`${given.length === 1 ? "One tensor" : `${given.length} tensors`}; ${count.total.toLocaleString("en-US")} parameters`);
  };

  const form = el("form", { class: "ur-settings", input: refresh, submit: event => event.preventDefault() },
    el("span", {}, el("label", { for: layers.id }, "layer"), layers),
    sizes.map((input, k) => el("span", {}, el("label", { for: input.id }, SIZES[k][1]), input)),
    el("fieldset", {}, el("legend", {}, "switches"), switches.map(input =>
      el("label", { for: input.id }, input, input.name === "bidirectional" ? "Bidirectional" : input.name))));
  refresh();
  return [form, problem, el("div", { class: "ur-copy" }, el("pre", {}, lines), copied), picture,
    el("div", { class: "ur-two" }, tensors, counts), speaker.region];
}

const written = dimensions => `(${dimensions.map(size => (size === null ? "batch" : size.toLocaleString("en-US"))).join(", ")})`;
const colourOf = name => (name.endsWith("cell") ? "cell" : "hidden");

function tensorTable(given) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ["comes back", "shape"].map(text => el("th", { scope: "col" }, text)))),
    el("tbody", {}, given.map(([name, dimensions]) => el("tr", { "data-tensor": name },
      el("th", { scope: "row", class: "ur-tint", "data-colour": colourOf(name) }, shortName(name)),
      el("td", { class: "ur-shape" }, written(dimensions))))));
}

function countTable({ bidirectional }, { weights, one, total }) {
  const row = (name, product, count, last) => el("tr", { class: last ? "ur-total" : null },
    el("th", { scope: "row" }, name), el("td", {}, product), el("td", { class: "ur-count" }, count.toLocaleString("en-US")));
  return el("table", {},
    el("thead", {}, el("tr", {}, ["parameters", "how many", "number"].map(text => el("th", { scope: "col" }, text)))),
    el("tbody", {}, weights.map(weight => row(...weight)), row("together", bidirectional ? `2 · ${one.toLocaleString("en-US")}` : "", total, true)));
}

/** The input, the layer, and what comes back: a block is as high as it has steps, as wide as it has features. */
function drawing(settings, given) {
  const { layer, units, timesteps, features, bidirectional } = settings;
  const size = (count, most) => Math.min(most, 8 + 16 * Math.log10(count + 1));
  const block = ([rows, columns]) => [size(columns, 60), rows === 1 ? 12 : 10 + 2 * size(rows, 50)];
  const marks = [];
  const put = (x, y, name, dimensions, [width, height], colour) => {
    marks.push(
      shape("rect", { x, y: y - height / 2, width, height, rx: 4, class: "ur-box", "data-colour": colour }),
      shape("text", { x: x + width + 8, y: y - 2, class: "ur-panel", "data-colour": colour }, name),
      shape("text", { x: x + width + 8, y: y + 15, class: "ur-tick" }, dimensions));
  };
  const input = block([timesteps, features]);
  const tall = given.map(([, dimensions]) => block(dimensions.length === 3 ? dimensions.slice(1) : [1, dimensions[1]]));
  const heights = tall.map(([, height]) => Math.max(height, 36) + 12);
  const right = heights.reduce((a, b) => a + b, 0);
  const high = Math.max(right, input[1] + 70, 110);
  const middle = high / 2;
  const times = "×";
  marks.push(
    shape("rect", { x: 6, y: middle - input[1] / 2 - 18, width: input[0], height: input[1], rx: 4, class: "ur-box", "data-colour": "ink" }),
    shape("text", { x: 6, y: middle + input[1] / 2 + 2, class: "ur-panel", "data-colour": "ink" }, "x"),
    shape("text", { x: 6, y: middle + input[1] / 2 + 19, class: "ur-tick" }, `T ${times} D`));
  const start = 6 + Math.max(input[0], 40);
  marks.push(shape("path", { d: `M${start + 4} ${middle}H${start + 20}`, class: "ur-stroke", "data-colour": "ink" }),
    shape("rect", { x: start + 22, y: middle - 26, width: 84, height: 52, rx: 9, class: "ur-box", "data-colour": "accent" }),
    shape("text", { x: start + 64, y: middle + (bidirectional ? -3 : 5), class: "ur-word", "text-anchor": "middle" }, layer));
  if (bidirectional) marks.push(shape("text", { x: start + 64, y: middle + 15, class: "ur-tick", "text-anchor": "middle" }, "both ways"));
  let y = (high - right) / 2;
  given.forEach(([name, dimensions], k) => {
    const centre = y + heights[k] / 2;
    marks.push(shape("path", { d: `M${start + 108} ${middle}C${start + 124} ${middle} ${start + 112} ${centre} ${start + 128} ${centre}`, class: "ur-stroke", "data-colour": colourOf(name) }));
    const width = dimensions.length === 3 ? dimensions.slice(1) : [1, dimensions[1]];
    put(start + 132, centre, shortName(name), width.map(one => one.toLocaleString("en-US")).join(` ${times} `), tall[k], colourOf(name));
    y += heights[k];
  });
  const wide = start + 132 + Math.max(...tall.map(([width]) => width)) + 100;
  return shape("svg", {
    viewBox: `0 0 ${wide} ${high}`, width: 1.15 * wide, role: "img",
    "aria-label": `x of T × D goes into the ${layer}; out come ${given.map(([name, dimensions]) => `${shortName(name)} ${written(dimensions)}`).join(", ")}`,
  }, marks);
}

mount("shapes", explorer);
