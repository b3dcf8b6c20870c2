// A drawing of a cell at work: wires as wide as what they carry, boxes filled as far as their gate is open.

import { num, rich, shape } from "./parts.js";

export class Sketch {
  constructor(width, height, says) {
    this.svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": says.replace(/\{\w+\||\}/g, "") });
    this.wires = shape("g");
    this.marks = shape("g");
    this.svg.append(this.wires, this.marks);
  }

  /** A wire along right-angled points; an arrowhead where it ends, unless it only hands on to others. */
  wire(points, colour, value, arrow = true) {
    const size = Math.abs(value);
    const width = 1.2 + 5.8 * (1 - Math.exp(-size));
    const head = arrow ? 5 + width : 0;
    const [x, y] = points.at(-1);
    const [x0, y0] = points.at(-2);
    const [dx, dy] = [Math.sign(x - x0), Math.sign(y - y0)];
    this.wires.append(shape("path", {
      d: rounded([...points.slice(0, -1), [x - dx * head * 0.8, y - dy * head * 0.8]]),
      class: "ur-wire", "data-colour": colour, "stroke-width": width, "stroke-dasharray": value < 0 ? "7 4" : null,
      opacity: size < 0.005 ? 0.35 : 0.85,
    }));
    if (!arrow) return;
    const [bx, by, half] = [x - dx * head, y - dy * head, head * 0.48];
    this.wires.append(shape("path", {
      d: `M${x} ${y}L${bx - dy * half} ${by + dx * half}L${bx + dy * half} ${by - dx * half}Z`,
      class: "ur-solid", "data-colour": colour, opacity: size < 0.005 ? 0.35 : 0.95,
    }));
  }

  /** The lines of x and h below the gates, and what reaches each gate from them. */
  inputs(model, bottom, hLine, xLine, gates, order) {
    const last = gates.at(-1);
    this.wire([[6, hLine], [last - 22, hLine]], "hidden", model.hidden, false);
    this.wire([[6, xLine], [last + 22, xLine]], "ink", model.x, false);
    gates.forEach((x, position) => {
      const block = order[position];
      this.wire([[x - 22, hLine], [x - 22, bottom]], "hidden", model.hidden * model.recurrent_kernel[block]);
      this.wire([[x + 22, xLine], [x + 22, bottom]], "ink", model.x * model.kernel[block]);
    });
    this.label(6, hLine + 20, `{hidden|h_(t−1)} ${num(model.hidden)}`);
    this.label(6, xLine + 20, `x_t ${num(model.x)}`);
  }

  /** A box that is filled from below as far as its gate is open; from its middle where it may be negative. */
  gate(x, y, symbol, value, colour, signed = false, size = 17) {
    const [width, height] = [70, 56];
    const inside = height - 6;
    this.marks.append(shape("rect", {
      x: x - width / 2, y: y - height / 2, width, height, rx: 9, class: "ur-box", "data-colour": colour }));
    if (signed !== null) {
      const full = (signed ? inside / 2 : inside) * Math.min(1, Math.abs(value));
      const base = signed ? y : y + inside / 2;
      this.marks.append(shape("rect", {
        x: x - width / 2 + 3, y: value < 0 ? base : base - full, width: width - 6, height: full, rx: Math.min(6, full / 2),
        class: "ur-fill", "data-colour": colour }));
    }
    this.marks.append(
      shape("text", { x, y: y - 7, class: "ur-math", "data-colour": colour, "font-size": size, "text-anchor": "middle" }, rich(symbol, "tspan")),
      shape("text", { x, y: y + 17, class: "ur-number", "text-anchor": "middle" }, num(value)));
  }

  /** A small box for a function. */
  box(x, y, width, height, text, colour) {
    this.marks.append(
      shape("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 8, class: "ur-box", "data-colour": colour }),
      shape("text", { x, y: y + 5, "data-colour": colour, class: "ur-word", "text-anchor": "middle" }, text));
  }

  product(x, y, colour) { this.#circle(x, y, colour, shape("circle", { cx: x, cy: y, r: 3.5, class: "ur-solid", "data-colour": colour })); }

  sum(x, y, colour) { this.#circle(x, y, colour, shape("path", { d: `M${x - 6} ${y}h12m-6 -6v12`, class: "ur-stroke", "data-colour": colour })); }

  /** One minus what comes in. */
  less(x, y, colour) { this.#circle(x, y, colour, shape("text", { x, y: y + 5, class: "ur-word", "data-colour": colour, "text-anchor": "middle" }, "1−")); }

  #circle(x, y, colour, sign) {
    this.marks.append(shape("circle", { cx: x, cy: y, r: 13, class: "ur-circle", "data-colour": colour }), sign);
  }

  label(x, y, text, anchor = "start") {
    this.marks.append(shape("text", { x, y: y + 5, class: "ur-label", "text-anchor": anchor }, rich(text, "tspan")));
  }
}

/** A path through right-angled points whose corners are quarter circles. */
function rounded(points, radius = 9) {
  let d = `M${points[0].join(" ")}`;
  for (let k = 1; k < points.length - 1; k++) {
    const [[x0, y0], [x, y], [x1, y1]] = [points[k - 1], points[k], points[k + 1]];
    const r = Math.min(radius, (Math.abs(x - x0) + Math.abs(y - y0)) / 2, (Math.abs(x1 - x) + Math.abs(y1 - y)) / 2);
    d += `L${x - Math.sign(x - x0) * r} ${y - Math.sign(y - y0) * r}Q${x} ${y} ${x + Math.sign(x1 - x) * r} ${y + Math.sign(y1 - y) * r}`;
  }
  return `${d}L${points.at(-1).join(" ")}`;
}
