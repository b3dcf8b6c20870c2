// The arithmetic of SimpleRNN, LSTM and GRU for one sequence, in Keras's weights: what unrolled/cells.py computes.
// tests/website/test_explorers.py holds it against cases.json, which the build writes with that package.
//
// A cell is {kind, kernel, recurrent_kernel, bias, reset_after}: kernel is features × blocks·units, recurrent_kernel
// units × blocks·units, bias a list of rows (two for a GRU with reset_after) or null. x, hidden and cell are lists.

const BLOCKS = { SimpleRNN: 1, LSTM: 4, GRU: 3 };

const sigmoid = a => 1 / (1 + Math.exp(-a));
const mix = (n, value) => Array.from({ length: n }, (_, unit) => value(unit));

/** One timestep: every gate and state by its name in a Trace, and what went into each gate (`…_pre`). */
export function step(cell, x, state) {
  return STEPS[cell.kind](cell, x, state);
}

/** All timesteps: one step's result after the other. */
export function unroll(cell, xs, state = zeros(cell)) {
  const steps = [];
  for (const x of xs) steps.push(state = step(cell, x, state));
  return steps;
}

/** The state before the first step. */
export function zeros(cell) {
  const none = cell.recurrent_kernel.map(() => 0);
  return cell.kind === "LSTM" ? { hidden: none, cell: none } : { hidden: none };
}

const STEPS = {
  SimpleRNN(cell, x, { hidden: h }) {
    const [a] = blocks(cell, x, h);
    const hidden_pre = total(a);
    return { hidden_pre, hidden: hidden_pre.map(Math.tanh) };
  },

  LSTM(cell, x, { hidden: h, cell: c }) {
    const [input_gate_pre, forget_gate_pre, candidate_pre, output_gate_pre] = blocks(cell, x, h).map(total);
    const i = input_gate_pre.map(sigmoid);
    const f = forget_gate_pre.map(sigmoid);
    const candidate = candidate_pre.map(Math.tanh);
    const o = output_gate_pre.map(sigmoid);
    const next = mix(c.length, k => f[k] * c[k] + i[k] * candidate[k]);
    const hidden = mix(c.length, k => o[k] * Math.tanh(next[k]));
    return {
      input_gate_pre, forget_gate_pre, candidate_pre, output_gate_pre,
      input_gate: i, forget_gate: f, candidate, output_gate: o, cell: next, hidden,
    };
  },

  GRU(cell, x, { hidden: h }) {
    const [forZ, forR, forCandidate] = blocks(cell, x, h);
    const [update_gate_pre, reset_gate_pre] = [total(forZ), total(forR)];
    const z = update_gate_pre.map(sigmoid);
    const r = reset_gate_pre.map(sigmoid);
    // The two dialects: the gate acts on the product with the state, or on the state itself.
    const recurrent = cell.reset_after
      ? mix(h.length, k => r[k] * forCandidate.recurrent[k])
      : blocks(cell, x, mix(h.length, k => r[k] * h[k]))[2].recurrent;
    const candidate_pre = mix(h.length, k => forCandidate.input[k] + recurrent[k]);
    const candidate = candidate_pre.map(Math.tanh);
    const hidden = mix(h.length, k => z[k] * h[k] + (1 - z[k]) * candidate[k]);
    return {
      update_gate_pre, reset_gate_pre, candidate_pre,
      update_gate: z, reset_gate: r, candidate, hidden,
    };
  },
};

/** Each block's part from the input and part from the state, biases included. */
function blocks(cell, x, hidden) {
  const units = cell.recurrent_kernel.length;
  const [inputBias, recurrentBias] = cell.bias ?? [];
  const input = affine(x, cell.kernel, inputBias);
  const recurrent = affine(hidden, cell.recurrent_kernel, cell.reset_after ? recurrentBias : undefined);
  return Array.from({ length: BLOCKS[cell.kind] }, (_, block) => {
    const columns = [block * units, (block + 1) * units];
    return { input: input.slice(...columns), recurrent: recurrent.slice(...columns) };
  });
}

const total = block => mix(block.input.length, k => block.input[k] + block.recurrent[k]);

/** vector · matrix + bias */
export function affine(vector, matrix, bias) {
  const sum = bias ? [...bias] : matrix[0].map(() => 0);
  vector.forEach((value, row) => {
    if (value !== 0) matrix[row].forEach((weight, column) => { sum[column] += value * weight; });
  });
  return sum;
}
