// What the explorers share: elements, formulas in the page's colours, sliders, and a voice for screen readers.

import { FIELDS } from "./data.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a function is a listener, true an attribute without a value. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for a shape. */
export function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A number as the page writes it: two places, a real minus, and no minus before zero. */
export function num(value, places = 2) {
  const text = value.toFixed(places);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A factor or summand in a formula: negative numbers stand in brackets. */
export const factor = value => (num(value).startsWith("−") ? `(${num(value)})` : num(value));

/** Text with {colour|parts} in the colours of the palette, and indices after _, in brackets if longer than one sign. */
export function rich(source, tag = "span") {
  const [span, sub] = tag === "tspan"
    ? [colour => shape("tspan", { "data-colour": colour }), lowered]
    : [colour => el("span", { class: "ur-tint", "data-colour": colour }), text => el("sub", {}, text)];
  const nodes = [];
  let rest = source;
  for (let found; (found = /\{(\w+)\|([^}]*)\}|_\(([^)]*)\)|_(\S)/.exec(rest));) {
    if (found.index) nodes.push(rest.slice(0, found.index));
    if (found[1]) {
      const tinted = span(found[1]);
      tinted.append(...rich(found[2], tag));
      nodes.push(tinted);
    } else nodes.push(sub(found[3] ?? found[4]));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) nodes.push(rest);
  return nodes.flat();
}

/** An index in a drawing: below the line, with a hair space that carries the pen back up. */
const lowered = text => [
  shape("tspan", { dy: "3.5", class: "ur-sub" }, text), shape("tspan", { dy: "-3.5" }, "\u200a"),
];

/** Name, symbol and colour of a field, out of the package's table. */
export const fieldOf = (kind, name) => FIELDS[kind].find(field => field.name === name);

let ids = 0;
export const freshId = () => `ur-explorer-${++ids}`;

/**
 * A slider with its symbol, its name for who hears or points at it, and its number. `read()` gives the value that it shows: it may lie between two notches or
 * beyond the end, as after a step, until the reader moves it.
 */
export function slider({ name, label, spoken, colour, min, max, step = 0.05, read, write }) {
  const id = freshId();
  const number = el("span", { class: "ur-slider-number", "aria-hidden": "true" });
  const input = el("input", {
    type: "range", id, name, min, max, step, input: () => write(Number(input.value)),
  });
  const row = el("div", { class: "ur-slider", "data-colour": colour }, 
    el("label", { for: id, title: spoken }, rich(label), el("span", { class: "ur-voice" }, spoken)), input, number);
  const refresh = () => {
    const value = read();
    if (Number(input.value) !== value) input.value = value;
    number.textContent = num(value);
    input.setAttribute("aria-valuetext", num(value));
  };
  return { row, refresh };
}

/** Buttons of which one is chosen: radio buttons, so arrow keys move and a screen reader says "2 of 4". */
export function choice({ legend, name, options, value, choose }) {
  const group = freshId();
  return el("fieldset", { class: "ur-choice" }, el("legend", {}, legend), options.map(([key, text]) => {
    const id = freshId();
    return [
      el("input", { type: "radio", id, name: `${name}-${group}`, value: key, checked: key === value, change: () => choose(key) }),
      el("label", { for: id }, text),
    ];
  }));
}

/** Says a sentence to a screen reader once the reader has stopped moving things. */
export function voice() {
  const region = el("p", { class: "ur-voice", role: "status" });
  let timer;
  return {
    region,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => { region.textContent = text; }, 700);
    },
  };
}

/** Puts a view in the place of each fallback of its name, once the reader comes near it or takes the keyboard. */
export function mount(name, build) {
  const places = new Set(document.querySelectorAll(`.ur-explorer[data-explorer=${name}]`));
  const show = place => {
    if (!places.delete(place)) return;
    near.unobserve(place);
    const view = build(place);
    if (!view) return;
    place.replaceChildren(...view);
    place.dataset.ready = "";
  };
  const near = new IntersectionObserver(seen => {
    seen.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => show(target));
  }, { rootMargin: "50%" });
  places.forEach(place => near.observe(place));
  // The Tab key would leap over an explorer that has no controls yet.
  addEventListener("keydown", () => places.forEach(show), { once: true });
}
