// The gates of a trained layer over a text or a series: scrub through its steps, compare two units, type your own.
// The models come from the page, which trained them while it was built.

import { affine, unroll, zeros } from "./cells.js";
import { FIELDS } from "./data.js";
import { choice, el, factor, freshId, mount, num, rich, shape, voice } from "./parts.js";

const MOST = 120; // steps of a text: more would be too narrow to see
const PLOT = { left: 34, right: 8, height: 46, gap: 27, top: 20 };

function explorer() {
  const models = Object.fromEntries([...document.querySelectorAll("script.ur-model")]
    .map(script => JSON.parse(script.textContent)).map(model => [model.name, read(model)]));
  const names = Object.keys(models);
  return names.length ? new View(models, names).nodes : null;
}

/** A model with its whole numbers made weights again. */
function read(model) {
  const real = value => (Array.isArray(value) ? value.map(real) : value / model.scale);
  const { kind, reset_after } = model;
  return {
    ...model,
    embedding: model.embedding && real(model.embedding),
    cell: { kind, reset_after, kernel: real(model.kernel), recurrent_kernel: real(model.recurrent_kernel), bias: real(model.bias) },
    dense: { kernel: real(model.dense.kernel), bias: real(model.dense.bias) },
    number: new Map((model.tokens ?? []).map((token, k) => [token, k])),
  };
}

/** The steps of a text: what stands at each, the vector that goes in, and which signs or words the model does not know. */
function readText(model, text) {
  const tokens = (model.split === "letters" ? [...text] : text.toLowerCase().match(/[\p{L}\p{N}'’]+/gu) ?? []).slice(0, MOST);
  const padded = [...Array(Math.max(0, (model.pad ?? 0) - tokens.length)).fill(null), ...tokens];
  const code = token => (token === null ? model.padding : model.number.get(token) ?? model.unknown);
  const kept = padded.filter(token => code(token) !== undefined);
  return {
    tokens: kept,
    vectors: kept.map(token => model.embedding[code(token)]),
    unknown: [...new Set(tokens.filter(token => !model.number.has(token)))],
  };
}

/** The same for a series: the numbers are those of one column; the others stay as they came with the model. */
function readSeries(model, text, column) {
  const parts = text.replaceAll("−", "-").split(/[\s,;]+/).filter(Boolean);
  const given = parts.filter(part => Number.isFinite(Number(part))).slice(0, model.series.length).map(Number);
  const rows = given.map((value, t) => model.series[t].map((was, k) => (k === column ? value : was)));
  return {
    tokens: given.map(value => num(value, 1)),
    rows,
    vectors: rows.map(row => row.map((value, k) => (value - model.mean[k]) / model.deviation[k])),
    unknown: [...new Set(parts.filter(part => !Number.isFinite(Number(part))))],
  };
}

/** Everything that the model computes over what was typed. */
function run(model, text, column) {
  const found = model.series ? readSeries(model, text, column) : readText(model, text);
  return { ...found, steps: unroll(model.cell, found.vectors) };
}

/** Probability of each class; of one class, that it is so. */
function answer({ dense }, hidden) {
  const scores = affine(hidden, dense.kernel, dense.bias);
  if (scores.length === 1) return [1 / (1 + Math.exp(-scores[0]))];
  const most = Math.max(...scores);
  const weights = scores.map(score => Math.exp(score - most));
  const all = weights.reduce((a, b) => a + b);
  return weights.map(weight => weight / all);
}

/** What each column will be next: the model gives the change, in deviations. */
function forecast({ dense, deviation }, hidden, row) {
  return affine(hidden, dense.kernel, dense.bias).map((change, k) => row[k] + change * deviation[k]);
}

const visible = token => (token === null ? "·" : token === " " ? "␣" : token === "\n" ? "↵" : token);

class View {
  constructor(models, names) {
    const label = (control, text) => el("label", { for: control.id }, text);
    Object.assign(this, { models, t: 0, timer: null });
    this.speaker = voice();
    this.text = el("input", {
      id: freshId(), type: "text", name: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
      input: () => this.compute(Infinity, true),
    });
    this.hint = el("p", { class: "ur-hint", id: freshId() });
    this.text.setAttribute("aria-describedby", this.hint.id);
    this.typed = label(this.text, "");
    this.column = el("select", { id: freshId(), name: "column", change: () => { this.example(); this.compute(this.t, true); } });
    this.columns = el("span", {}, label(this.column, ""), this.column);
    this.onward = el("button", { type: "button", click: () => this.write() }, "write on");
    this.player = el("button", { type: "button", class: "ur-play", click: () => this.play() }, "play");
    this.scrubber = el("input", { id: freshId(), type: "range", name: "step", min: 0, step: 1, input: () => this.go(Number(this.scrubber.value)) });
    this.position = el("label", { for: this.scrubber.id }, "step");
    this.units = ["first", "second"].map(which => el("select", { id: freshId(), name: which, change: () => { this.draw(); this.go(this.t); } }));
    this.strip = el("p", { class: "ur-strip", "aria-hidden": "true", click: event => {
      const token = event.target.closest("[data-step]");
      if (token) this.go(Number(token.dataset.step));
    } });
    this.plot = el("div", { class: "ur-plot" });
    this.answers = el("div", { class: "ur-answers" });
    this.formulas = el("div", { class: "ur-formulas" });
    this.nodes = [
      names.length > 1 && choice({
        legend: "Model", name: "model", value: names[0], choose: name => this.choose(name),
        options: names.map(name => [name, models[name].title]) }),
      el("div", { class: "ur-type" }, this.columns, this.typed, this.text, this.onward),
      this.hint, this.strip, this.answers,
      el("div", { class: "ur-units" },
        el("span", {}, label(this.units[0], "unit, solid line"), this.units[0]),
        el("span", {}, label(this.units[1], "unit, dashed line"), this.units[1])),
      el("div", { class: "ur-scrub" }, this.position, this.scrubber, this.player),
      el("div", { class: "ur-two" }, this.plot, this.formulas),
      this.speaker.region,
    ].filter(Boolean);
    this.choose(names[0]);
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && width !== this.width) { this.width = width; this.draw(); this.move(); }
    }).observe(this.plot);
  }

  choose(name) {
    this.model = this.models[name];
    const { series } = this.model;
    this.typed.textContent = series ? "Your own series" : "Your own text";
    this.columns.hidden = !series;
    this.columns.firstChild.textContent = this.model.column_name ?? "";
    this.column.replaceChildren(...(series?.[0] ?? []).map((_, k) => el("option", { value: k, selected: k === this.model.column }, `${k}`)));
    if (series) this.text.removeAttribute("maxlength");
    else this.text.maxLength = MOST;
    this.example();
    this.plot.style.minHeight = `${this.tall}px`; // before its width is known, so that nothing below it moves
    this.onward.hidden = this.model.split !== "letters";
    const units = this.model.cell.recurrent_kernel.length;
    this.units.forEach((select, k) => {
      select.replaceChildren(...Array.from({ length: units }, (_, unit) => el("option", { value: unit }, `${unit}`)));
      select.value = this.model.units[k];
    });
    this.compute(this.model.at ?? 0);
  }

  /** What the model starts with. */
  example() {
    const { series, example } = this.model;
    this.text.value = series ? series.map(row => row[Number(this.column.value)]).join(" ") : example;
  }

  compute(t, spoken) {
    this.stop();
    Object.assign(this, run(this.model, this.text.value, Number(this.column.value)));
    const { unknown } = this;
    this.hint.textContent = unknown.length ? `${this.model.unknown_hint} ${unknown.map(token => `“${token}”`).join(" ")}` : this.model.hint;
    this.hint.toggleAttribute("data-wrong", unknown.length > 0);
    const none = this.steps.length === 0;
    for (const control of [this.scrubber, this.player, this.onward]) control.disabled = none;
    this.strip.replaceChildren(...this.tokens.map((token, step) =>
      el("span", { "data-step": step, class: token === null ? "ur-padding" : null }, visible(token))));
    this.strip.classList.toggle("ur-letters", this.model.split === "letters");
    this.scrubber.max = Math.max(0, this.steps.length - 1);
    this.draw();
    if (none) for (const place of [this.answers, this.formulas]) place.replaceChildren();
    else this.go(t, spoken);
  }

  /** The letters that it finds likeliest, twenty of them, one after the other. */
  write() {
    const { model } = this;
    let text = this.text.value;
    let { steps } = run(model, text);
    let state = steps.at(-1);
    for (let k = 0; k < 20 && text.length < MOST; k++) {
      const scores = affine(state.hidden, model.dense.kernel, model.dense.bias);
      const letter = scores.indexOf(Math.max(...scores));
      text += model.tokens[letter] === "\n" ? " " : model.tokens[letter];
      [state] = unroll(model.cell, [model.embedding[letter]], state);
    }
    this.text.value = text;
    this.compute(Infinity, true);
  }

  play() {
    if (this.timer) return this.stop();
    if (this.t >= this.steps.length - 1) this.go(0);
    this.player.textContent = "pause";
    this.timer = setInterval(() => {
      this.go(this.t + 1);
      if (this.t >= this.steps.length - 1) this.stop();
    }, 350);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.player.textContent = "play";
  }

  go(t, spoken = !this.timer) {
    this.t = Math.max(0, Math.min(this.steps.length - 1, t));
    this.scrubber.value = this.t;
    this.position.textContent = `step ${this.t + 1} of ${this.steps.length}`;
    this.scrubber.setAttribute("aria-valuetext", `${this.t + 1} of ${this.steps.length}: ${spokenName(this.tokens[this.t])}`);
    this.move();
    this.answers.replaceChildren(...this.said());
    this.formulas.replaceChildren(equations(this.model, this.steps, this.t, this.chosen()));
    if (spoken) this.speaker.say(this.summary());
  }

  said() {
    const { model, t, rows } = this;
    const { hidden } = this.steps[t];
    return model.series ? forecastsOf(model, rows[t], forecast(model, hidden, rows[t]), Number(this.column.value))
      : answersOf(model, answer(model, hidden));
  }

  chosen() { return this.units.map(select => Number(select.value)); }

  summary() {
    const [unit] = this.chosen();
    const now = this.steps[this.t];
    return `Step ${this.t + 1}, ${spokenName(this.tokens[this.t])}: in unit ${unit}, `
      + FIELDS[this.model.kind].map(field => `${field.name.replace("_", " ")} ${num(now[field.name][unit])}`).join(", ");
  }

  // The picture

  x(t) {
    const { left, right } = PLOT;
    return left + (t + 0.5) * ((this.width - left - right) / this.steps.length);
  }

  get tall() {
    return PLOT.top + (FIELDS[this.model.kind].length + (this.model.series ? 1 : 0)) * (PLOT.height + PLOT.gap);
  }

  draw() {
    if (!this.width || !this.steps.length) return this.plot.replaceChildren();
    const { height, gap, top } = PLOT;
    const tall = this.tall;
    const units = this.chosen();
    const panels = FIELDS[this.model.kind].map(field => this.fieldPanel(field, units));
    if (this.model.series) panels.unshift(this.seriesPanel(Number(this.column.value)));
    this.cursor = shape("line", { y1: 0, y2: tall - gap + 6, class: "ur-cursor" });
    this.readings = [];
    this.plot.replaceChildren(shape("svg", {
      width: this.width, height: tall, role: "img",
      "aria-label": `${this.model.series ? "The series, and each hour as it was forecast; below it the gates" : "Gates"} and states of the units `
        + `${units.join(" and ")} at each of ${this.steps.length} steps; the table below has the numbers of the chosen step`,
      pointerdown: event => this.point(event), pointermove: event => event.buttons && this.point(event),
    }, this.cursor, panels.map((panel, k) => this.panel(panel, top + k * (height + gap)))));
  }

  /** One field of two units: a gate from 0 to 1, a state around 0. */
  fieldPanel({ name, symbol, colour }, units) {
    const values = units.map(unit => this.steps.map(step => step[name][unit]));
    const gate = name.endsWith("_gate");
    const most = gate || name !== "cell" ? 1 : Math.max(1, ...values.flat().map(Math.abs));
    return { title: `${symbol} ${name.replace("_", " ")}`, colour, values, ticks: gate ? [0, 1] : [-most, 0, most], places: most % 1 ? 1 : 0 };
  }

  /** What was measured in a column, and what had been forecast a step before. */
  seriesPanel(column) {
    const now = this.rows.map(row => row[column]);
    const said = this.rows.map((row, t) => forecast(this.model, this.steps[t].hidden, row)[column]);
    const values = [now, [null, ...said.slice(0, -1)]];
    const all = values.flat().filter(value => value !== null);
    return { title: this.model.series_name, colour: "ink", values, ticks: [Math.floor(Math.min(...all)), Math.ceil(Math.max(...all) + 0.01)], places: 0 };
  }

  /** Two lines over time, the second dashed, from the lowest tick to the highest; null is a step without a value. */
  panel({ title, colour, values, ticks, places }, y) {
    const [low, high] = [ticks[0], ticks.at(-1)];
    const place = value => y + PLOT.height * (high - value) / (high - low);
    const points = series => series.flatMap((value, t) => (value === null ? [] : [`${this.x(t).toFixed(1)} ${place(value).toFixed(1)}`]));
    const dots = values.map(() => shape("circle", { r: 4.5, class: "ur-solid", "data-colour": colour }));
    const reading = shape("text", { x: this.width - PLOT.right, y: y - 6, class: "ur-number", "text-anchor": "end" });
    this.readings.push(t => {
      dots.forEach((dot, k) => {
        const value = values[k][t];
        dot.toggleAttribute("hidden", value === null);
        if (value === null) return;
        dot.setAttribute("cx", this.x(t));
        dot.setAttribute("cy", place(value));
      });
      reading.textContent = values.map(series => (series[t] === null ? "–" : num(series[t]))).join("  ·  ");
    });
    const tick = value => [
      shape("line", { x1: PLOT.left, x2: this.width - PLOT.right, y1: place(value), y2: place(value), class: "ur-grid" }),
      shape("text", { x: PLOT.left - 6, y: place(value) + 4, class: "ur-tick", "text-anchor": "end" }, num(value, places)),
    ];
    return shape("g", {},
      shape("text", { x: PLOT.left, y: y - 6, class: "ur-panel", "data-colour": colour }, title),
      reading, ticks.map(tick),
      [...values].reverse().map((series, k) => shape("path", {
        d: `M${points(series).join("L")}`, class: "ur-line", "data-colour": colour, "stroke-dasharray": k === values.length - 1 ? null : "5 4" })),
      dots);
  }

  point(event) {
    const { left, right } = PLOT;
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left - left;
    this.stop();
    this.go(Math.floor(at / ((this.width - left - right) / this.steps.length)));
  }

  move() {
    if (!this.steps.length) return;
    [...this.strip.children].forEach((token, step) => token.toggleAttribute("data-now", step === this.t));
    if (!this.width || !this.cursor) return;
    for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, this.x(this.t));
    this.readings.forEach(reading => reading(this.t));
  }
}

const spokenName = token => ({ " ": "space", "\n": "line break" }[token] ?? token ?? "padding");

/** What the model expects, or decides, after this step. */
function answersOf(model, probabilities) {
  const rows = model.classes
    ? [[model.classes[1], probabilities[0]], [model.classes[0], 1 - probabilities[0]]]
    : probabilities.map((p, k) => [visible(model.tokens[k]), p]).sort((a, b) => b[1] - a[1]).slice(0, 5);
  return [
    el("p", {}, model.classes ? "If the text ended here:" : "It expects next:"),
    el("ul", {}, rows.map(([name, p]) => bar(name, p, `${Math.round(100 * p)} %`))),
  ];
}

/** A chosen column now and in the next step, and the next step of its neighbour, which cannot be seen in it. */
function forecastsOf(model, now, next, column) {
  const all = [...model.series.flat(), ...now, ...next];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const row = (k, when, values) =>
    bar(`${model.column_name} ${k}, ${when}`, (values[k] - low) / (high - low || 1), `${num(values[k], 1)}${model.unit}`);
  const rows = [row(column, "now", now), row(column, "next", next)];
  if (column + 1 < next.length) rows.push(row(column + 1, "next", next));
  return [el("p", {}, model.says), el("ul", { class: "ur-forecasts" }, rows)];
}

function bar(name, share, text) {
  const filled = el("span", { class: "ur-bar" });
  filled.style.width = `${(100 * share).toFixed(1)}%`;
  return el("li", {}, el("span", { class: "ur-name" }, name), el("span", { class: "ur-track" }, filled), el("span", { class: "ur-share" }, text));
}

/** Each equation with the numbers of the chosen units at one step. */
function equations(model, steps, t, units) {
  const before = t ? steps[t - 1] : zeros(model.cell);
  const rows = FIELDS[model.kind].map(field => el("tr", {},
    el("th", { scope: "row" },
      el("span", { class: "ur-symbol" }, rich(`{${field.colour}|${field.symbol}_t}`)),
      el("span", { class: "ur-field" }, field.name.replace("_", " "))),
    units.map((unit, k) => el("td", {},
      el("span", { class: "ur-numbers" }, rich(NUMBERS[model.kind](field.name, steps[t], before, unit))),
      el("span", { class: "ur-value", "data-field": field.name, "data-unit": k, "data-colour": field.colour }, num(steps[t][field.name][unit], 4))))));
  return el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, `step ${t + 1}`), units.map(unit => el("th", { scope: "col" }, `unit ${unit}`)))),
    el("tbody", {}, rows));
}

const tinted = (colour, value) => `{${colour}|${factor(value)}}`;

const NUMBERS = {
  SimpleRNN: (name, now, before, k) => `tanh(${num(now.hidden_pre[k])})`,
  LSTM(name, now, before, k) {
    if (name === "cell") {
      return `${tinted("forget", now.forget_gate[k])} · ${tinted("cell", before.cell[k])} + ${tinted("input", now.input_gate[k])} · ${tinted("candidate", now.candidate[k])}`;
    }
    if (name === "hidden") return `${tinted("output", now.output_gate[k])} · tanh({cell|${num(now.cell[k])}})`;
    return `${name === "candidate" ? "tanh" : "σ"}(${num(now[`${name}_pre`][k])})`;
  },
  GRU(name, now, before, k) {
    if (name === "hidden") {
      return `${tinted("update", now.update_gate[k])} · ${tinted("hidden", before.hidden[k])} + ${tinted("update", 1 - now.update_gate[k])} · ${tinted("candidate", now.candidate[k])}`;
    }
    return `${name === "candidate" ? "tanh" : "σ"}(${num(now[`${name}_pre`][k])})`;
  },
};

mount("time", explorer);
