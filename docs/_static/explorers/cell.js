// One step of one unit, to be moved by hand: the flow through the cell, and each formula with its numbers.

import { step } from "./cells.js";
import { LAYERS, PRESETS } from "./data.js";
import { Sketch } from "./sketch.js";
import { choice, el, factor, fieldOf, mount, num, rich, slider, voice } from "./parts.js";

const INDEX = { // the letter of each block's weights
  LSTM: { input_gate: "i", forget_gate: "f", candidate: "c", output_gate: "o" },
  GRU: { update_gate: "z", reset_gate: "r", candidate: "h" },
  SimpleRNN: { hidden: "" },
};
const H = "{hidden|h_(t−1)}";
const C = "{cell|c_(t−1)}";

function explorer(place) {
  const model = { layer: place.dataset.layer };
  const compact = "compact" in place.dataset;
  const said = el("p", { class: "ur-explorer-says" });
  const [presets, figure, sliders, formulas] = ["ur-presets", "ur-sketch", "ur-sliders", "ur-formulas"]
    .map(name => el("div", { class: name }));
  const speaker = voice();
  let shown = [];

  const refresh = spoken => {
    const now = computed(model);
    shown.forEach(one => one.refresh());
    figure.replaceChildren(DRAWINGS[drawingOf(model)](model, now));
    if (!compact) formulas.replaceChildren(table(EQUATIONS[model.kind](model, now)));
    presets.querySelectorAll("button[aria-pressed]").forEach(button =>
      button.setAttribute("aria-pressed", button.value === model.preset));
    said.replaceChildren(...rich(model.preset ? PRESETS[model.kind][model.preset].says : sentence(model, now)));
    if (spoken) speaker.say(sentence(model, now).replace(/\{\w+\||\}/g, ""));
  };
  const take = name => {
    const { says, ...numbers } = structuredClone(PRESETS[model.kind][name]);
    Object.assign(model, numbers, { preset: name });
    if (model.kind !== "GRU") model.bias = [model.bias];
  };
  const change = write => value => { write(value); model.preset = null; refresh(true); };
  const choose = layer => {
    Object.assign(model, LAYERS[layer], { layer, reset_after: LAYERS[layer].reset_after });
    take(model.preset && PRESETS[model.kind][model.preset] ? model.preset : "mix");
    const groups = sliderGroups(model, change).filter(({ folded }) => !(compact && folded));
    shown = groups.flatMap(group => group.sliders);
    sliders.replaceChildren(...groups.map(groupOf));
    refresh(true);
  };

  const onward = el("button", {
    type: "button", class: "ur-onward", click: () => {
      const next = computed(model);
      model.hidden = next.hidden[0];
      if (next.cell) model.cell = next.cell[0];
      refresh(true);
    },
  }, "next step");
  presets.append(...Object.keys(PRESETS.LSTM).map(name =>
    el("button", { type: "button", value: name, "aria-pressed": "false", click: () => { take(name); refresh(true); } }, name)));
  choose(model.layer);
  speaker.say("");
  if (compact) return [figure, el("div", {}, presets, el("div", { class: "ur-onwards" }, said, onward), folded(sliders)), speaker.region];
  presets.append(onward);
  return [
    choice({ legend: "Layer", name: "layer", value: model.layer, choose, options: Object.keys(LAYERS).map(name => [name, name]) }),
    presets, said, el("div", { class: "ur-two" }, figure, sliders), formulas, speaker.region,
  ];
}

/** Sliders beside the drawing where there is room; on a phone folded under it. */
const folded = sliders => el("details", { open: matchMedia("(min-width: 768px)").matches },
  el("summary", {}, "Move the numbers"), sliders);

/** What the package's step would give for these numbers. */
function computed(model) {
  const bias = model.kind === "GRU" && !model.reset_after ? model.bias.slice(0, 1) : model.bias;
  const cell = { ...model, kernel: [model.kernel], recurrent_kernel: [model.recurrent_kernel], bias };
  return step(cell, [model.x], { hidden: [model.hidden], cell: [model.cell] });
}

const drawingOf = model => (model.kind === "GRU" && !model.reset_after ? "GRU before" : model.kind);

// Sliders

function sliderGroups(model, change) {
  const one = (name, label, colour, reach, list, key) => slider({
    name, label, spoken: spokenName(name), colour, min: -reach, max: reach,
    read: () => list()[key], write: change(value => { list()[key] = value; }),
  });
  const blocks = Object.entries(INDEX[model.kind]).map(([name, letter], block) =>
    ({ block, at: letter && `_${letter}`, colour: fieldOf(model.kind, name).colour, field: name }));
  const of = (name, letter, reach, list, which = blocks) => which.map(({ block, at, colour, field }) =>
    one(`${name} ${field}`, `{${colour}|${letter}${at}}`, colour, reach, list, block));
  const whole = () => model;
  const states = [one("x", "x_t", "ink", 3, whole, "x"), one("hidden", H, "hidden", 1, whole, "hidden")];
  if (model.kind === "LSTM") states.push(one("cell", C, "cell", 5, whole, "cell"));
  const biases = of("bias", "b", 10, () => model.bias[0]);
  const weights = [...of("kernel", "W", 3, () => model.kernel), ...of("recurrent_kernel", "U", 3, () => model.recurrent_kernel)];
  if (model.kind === "GRU" && model.reset_after) {
    const candidate = blocks.filter(({ field }) => field === "candidate");
    biases.push(...of("recurrent_bias", "b′", 10, () => model.bias[1], candidate));
    weights.push(...of("recurrent_bias", "b′", 10, () => model.bias[1], blocks.filter(b => !candidate.includes(b))));
  }
  return [
    { title: model.kind === "LSTM" ? "Input and states" : "Input and state", sliders: states },
    { title: biases.length > 1 ? "Biases" : "Bias", sliders: biases },
    { title: "Weights", sliders: weights, folded: true },
  ];
}

/** What a slider is called in words: "bias forget_gate" is the bias of the forget gate. */
function spokenName(name) {
  const [what, field] = name.replaceAll("recurrent_", "recurrent ").split(/ (?=\w+$)/);
  const whole = { x: "input", hidden: "old hidden state", cell: "old cell state" };
  return whole[what] ?? (field === "hidden" ? what : `${what} of the ${field.replace("_", " ")}`);
}

function groupOf({ title, sliders, folded }) {
  const rows = sliders.map(one => one.row);
  return folded
    ? el("details", {}, el("summary", {}, title), rows)
    : el("fieldset", {}, el("legend", {}, title), rows);
}

// Formulas

function table(rows) {
  const body = rows.map(({ field, formula, numbers, value }) => el("tr", {},
    el("th", { scope: "row" },
      el("span", { class: "ur-symbol" }, rich(`{${field.colour}|${field.symbol}_t}`)),
      el("span", { class: "ur-field" }, field.name.replace("_", " "))),
    el("td", {}, el("span", { class: "ur-formula" }, rich(formula)), el("span", { class: "ur-numbers" }, rich(numbers))),
    el("td", { class: "ur-value", "data-field": field.name, "data-colour": field.colour }, num(value, 4))));
  return el("table", {},
    el("thead", {}, el("tr", {}, ["name", "formula and its numbers", "value"].map(text => el("th", { scope: "col" }, text)))),
    el("tbody", {}, body));
}

/** A gate, or whatever else is a function of x W + h U + b. */
function gate(model, now, name, sigma) {
  const block = Object.keys(INDEX[model.kind]).indexOf(name);
  const at = INDEX[model.kind][name] && `_${INDEX[model.kind][name]}`;
  const second = model.kind === "GRU" && model.reset_after;
  const biases = [[` + b${at}`, model.bias[0][block]], ...(second ? [[` + b′${at}`, model.bias[1][block]]] : [])];
  const sum = `${factor(model.x)} · ${factor(model.kernel[block])} + {hidden|${factor(model.hidden)}} · ${factor(model.recurrent_kernel[block])}`;
  const f = sigma ? "σ" : "tanh";
  return {
    field: fieldOf(model.kind, name),
    formula: `${f}(x_t W${at} + ${H} U${at}${biases.map(([text]) => text).join("")})`,
    numbers: `${f}(${sum}${biases.map(([, value]) => ` + ${factor(value)}`).join("")}) = ${f}(${num(now[`${name}_pre`][0])})`,
    value: now[name][0],
  };
}

const EQUATIONS = {
  SimpleRNN: (model, now) => [gate(model, now, "hidden")],

  LSTM(model, now) {
    const [i, f, o, candidate] = ["input_gate", "forget_gate", "output_gate", "candidate"].map(name => num(now[name][0]));
    const field = name => fieldOf("LSTM", name);
    return [
      gate(model, now, "input_gate", true), gate(model, now, "forget_gate", true), gate(model, now, "candidate"),
      gate(model, now, "output_gate", true),
      {
        field: field("cell"), formula: `{forget|f_t} · ${C} + {input|i_t} · {candidate|c̃_t}`,
        numbers: `{forget|${f}} · {cell|${factor(model.cell)}} + {input|${i}} · {candidate|${bracket(candidate)}}`, value: now.cell[0],
      },
      {
        field: field("hidden"), formula: "{output|o_t} · tanh({cell|c_t})",
        numbers: `{output|${o}} · tanh({cell|${num(now.cell[0])}}) = {output|${o}} · ${factor(Math.tanh(now.cell[0]))}`, value: now.hidden[0],
      },
    ];
  },

  GRU(model, now) {
    const [z, r, candidate] = ["update_gate", "reset_gate", "candidate"].map(name => num(now[name][0]));
    const [W, U, b, b2] = [model.kernel[2], model.recurrent_kernel[2], model.bias[0][2], model.bias[1][2]].map(factor);
    const [x, h] = [factor(model.x), factor(model.hidden)];
    const after = model.reset_after;
    return [
      gate(model, now, "update_gate", true), gate(model, now, "reset_gate", true),
      {
        field: fieldOf("GRU", "candidate"),
        formula: after ? `tanh(x_t W_h + b_h + {reset|r_t} · (${H} U_h + b′_h))` : `tanh(x_t W_h + ({reset|r_t} · ${H}) U_h + b_h)`,
        numbers: (after
          ? `tanh(${x} · ${W} + ${b} + {reset|${r}} · ({hidden|${h}} · ${U} + ${b2}))`
          : `tanh(${x} · ${W} + ({reset|${r}} · {hidden|${h}}) · ${U} + ${b})`) + ` = tanh(${num(now.candidate_pre[0])})`,
        value: now.candidate[0],
      },
      {
        field: fieldOf("GRU", "hidden"), formula: `{update|z_t} · ${H} + (1 − {update|z_t}) · {candidate|h̃_t}`,
        numbers: `{update|${z}} · {hidden|${h}} + {update|${num(1 - now.update_gate[0])}} · {candidate|${bracket(candidate)}}`,
        value: now.hidden[0],
      },
    ];
  },
};

const bracket = text => (text.startsWith("−") ? `(${text})` : text);

/** What happened in this step, in words. */
function sentence(model, now) {
  const h = num(now.hidden[0]);
  if (model.kind === "SimpleRNN") return `The sum is ${num(now.hidden_pre[0])}; its tanh is the new state, {hidden|h = ${h}}.`;
  if (model.kind === "GRU") {
    const z = now.update_gate[0];
    return `{update|${num(z)}} of the old state ${num(model.hidden)} is kept, and ${num(1 - z)} of the candidate `
      + `${num(now.candidate[0])} comes in: {hidden|h = ${h}}.`;
  }
  return `{forget|${num(now.forget_gate[0])}} of the old cell state ${num(model.cell)} is kept, and `
    + `{input|${num(now.input_gate[0])}} of the candidate ${num(now.candidate[0])} is added: `
    + `{cell|c = ${num(now.cell[0])}}. {output|${num(now.output_gate[0])}} of its tanh shows: {hidden|h = ${h}}.`;
}

// Drawings: a wire is as wide as what it carries is large, and dashed where that is negative

const DRAWINGS = {
  LSTM(model, now) {
    const d = new Sketch(380, 340, `One step of an LSTM. ${sentence(model, now)}`);
    const [f, i, c, o, line, gates] = [52, 138, 224, 310, 58, 214];
    const middle = (i + c) / 2;
    const kept = now.forget_gate[0] * model.cell;
    const written = now.input_gate[0] * now.candidate[0];

    d.wire([[6, line], [f - 13, line]], "cell", model.cell);
    d.wire([[f + 13, line], [middle - 13, line]], "cell", kept);
    d.wire([[middle + 13, line], [374, line]], "cell", now.cell[0]);
    d.wire([[f, gates - 28], [f, line + 13]], "forget", now.forget_gate[0]);
    d.wire([[i, gates - 28], [i, 138], [middle - 13, 138]], "input", now.input_gate[0]);
    d.wire([[c, gates - 28], [c, 138], [middle + 13, 138]], "candidate", now.candidate[0]);
    d.wire([[middle, 125], [middle, line + 13]], "cell", written);
    d.wire([[o, line], [o, 84]], "cell", now.cell[0]);
    d.wire([[o, 108], [o, 125]], "cell", Math.tanh(now.cell[0]));
    d.wire([[o, gates - 28], [o, 151]], "output", now.output_gate[0]);
    d.wire([[o + 13, 138], [374, 138]], "hidden", now.hidden[0]);
    d.inputs(model, gates + 28, 268, 310, [f, i, c, o], [1, 0, 2, 3]);

    d.box(o, 96, 50, 24, "tanh", "cell");
    d.gate(f, gates, "f_t", now.forget_gate[0], "forget");
    d.gate(i, gates, "i_t", now.input_gate[0], "input");
    d.gate(c, gates, "c̃_t", now.candidate[0], "candidate", true);
    d.gate(o, gates, "o_t", now.output_gate[0], "output");
    d.product(f, line, "cell");
    d.product(middle, 138, "cell");
    d.product(o, 138, "hidden");
    d.sum(middle, line, "cell");
    d.label(6, 28, `{cell|c_(t−1)} ${num(model.cell)}`);
    d.label((f + middle) / 2, 36, `{cell|${num(kept)}}`, "middle");
    d.label(middle + 12, 98, `{cell|${num(written)}}`);
    d.label(374, 28, `{cell|c_t} ${num(now.cell[0])}`, "end");
    d.label(374, 166, `{hidden|h_t} ${num(now.hidden[0])}`, "end");
    return d.svg;
  },

  GRU(model, now) {
    const d = new Sketch(380, 362, `One step of a GRU, reset after the product. ${sentence(model, now)}`);
    const [r, part] = [148, 232];
    const recurrent = model.hidden * model.recurrent_kernel[2] + model.bias[1][2];
    const reset = now.reset_gate[0] * recurrent;
    d.wire([[r, 222], [r, 180], [part - 13, 180]], "reset", now.reset_gate[0]);
    d.wire([[part, 222], [part, 193]], "hidden", recurrent);
    d.wire([[part + 13, 180], [277, 180]], "reset", reset);
    d.wire([[part, 306], [part, 278]], "hidden", model.hidden);
    d.gate(part, 250, "h U + b′", recurrent, "hidden", null, 13);
    d.product(part, 180, "reset");
    d.label(part, 156, `{reset|${num(reset)}}`, "middle");
    update(d, model, now);
    return d.svg;
  },

  "GRU before"(model, now) {
    const d = new Sketch(380, 362, `One step of a GRU, reset before the product. ${sentence(model, now)}`);
    const [r, part] = [148, 232];
    const reset = now.reset_gate[0] * model.hidden;
    d.wire([[r + 35, 250], [part - 13, 250]], "reset", now.reset_gate[0]);
    d.wire([[part, 306], [part, 263]], "hidden", model.hidden);
    d.wire([[part, 237], [part, 180], [277, 180]], "reset", reset);
    d.product(part, 250, "reset");
    d.label(part + 10, 222, `{reset|${num(reset)}}`);
    update(d, model, now);
    return d.svg;
  },

  SimpleRNN(model, now) {
    const d = new Sketch(380, 250, `One step of a SimpleRNN. ${sentence(model, now)}`);
    const [plus, line] = [176, 100];
    const [fromX, fromH] = [model.x * model.kernel[0], model.hidden * model.recurrent_kernel[0]];
    d.wire([[6, line], [54, line]], "hidden", model.hidden);
    d.wire([[124, line], [plus - 13, line]], "hidden", fromH);
    d.wire([[plus + 13, line], [232, line]], "hidden", now.hidden_pre[0]);
    d.wire([[302, line], [374, line]], "hidden", now.hidden[0]);
    d.wire([[plus, 246], [plus, 212]], "ink", model.x);
    d.wire([[plus, 156], [plus, line + 13]], "ink", fromX);
    d.wire([[plus, 46], [plus, line - 13]], "muted", model.bias[0][0]);
    d.gate(89, line, "h U", fromH, "hidden", null);
    d.gate(plus, 184, "x W", fromX, "ink", null);
    d.gate(267, line, "tanh", now.hidden[0], "hidden", true);
    d.sum(plus, line, "hidden");
    d.label(6, 58, `{hidden|h_(t−1)} ${num(model.hidden)}`);
    d.label(plus, 32, `b ${num(model.bias[0][0])}`, "middle");
    d.label(plus + 14, 238, `x_t ${num(model.x)}`);
    d.label(208, 78, `{hidden|${num(now.hidden_pre[0])}}`, "middle");
    d.label(374, 78, `{hidden|h_t} ${num(now.hidden[0])}`, "end");
    return d.svg;
  },
};

/** What both dialects of the GRU share: the old state, the gates' inputs, the candidate, and how z mixes the two. */
function update(d, model, now) {
  const [z, r, candidate, line] = [64, 148, 312, 58];
  const value = now.update_gate[0];
  const written = (1 - value) * now.candidate[0];
  d.wire([[14, line], [14, 306], [232, 306]], "hidden", model.hidden, false);
  d.wire([[6, line], [z - 13, line]], "hidden", model.hidden);
  d.wire([[z + 13, line], [candidate - 13, line]], "hidden", value * model.hidden);
  d.wire([[candidate + 13, line], [374, line]], "hidden", now.hidden[0]);
  d.wire([[z, 222], [z, line + 13]], "update", value);
  d.wire([[z, 116], [175, 116]], "update", value);
  d.wire([[201, 116], [candidate - 13, 116]], "update", 1 - value);
  d.wire([[candidate, 152], [candidate, 129]], "candidate", now.candidate[0]);
  d.wire([[candidate, 103], [candidate, line + 13]], "hidden", written);
  for (const [x, block] of [[z, 0], [r, 1]]) {
    d.wire([[x - 14, 306], [x - 14, 278]], "hidden", model.hidden * model.recurrent_kernel[block]);
    d.wire([[x + 14, 336], [x + 14, 278]], "ink", model.x * model.kernel[block]);
  }
  d.wire([[6, 336], [candidate, 336], [candidate, 208]], "ink", model.x, true);
  d.gate(z, 250, "z_t", value, "update");
  d.gate(r, 250, "r_t", now.reset_gate[0], "reset");
  d.gate(candidate, 180, "h̃_t", now.candidate[0], "candidate", true);
  d.product(z, line, "hidden");
  d.product(candidate, 116, "hidden");
  d.sum(candidate, line, "hidden");
  d.less(188, 116, "update");
  d.label(6, 28, `{hidden|h_(t−1)} ${num(model.hidden)}`);
  d.label(188, 36, `{hidden|${num(value * model.hidden)}}`, "middle");
  d.label(246, 98, `{update|${num(1 - value)}}`, "middle");
  d.label(candidate + 12, 88, `{hidden|${num(written)}}`);
  d.label(374, 28, `{hidden|h_t} ${num(now.hidden[0])}`, "end");
  d.label(6, 354, `x_t ${num(model.x)}`);
}

mount("cell", explorer);
