// What a layer returns and how many weights it has: what unrolled/contract.py says, for the settings of a form.
// tests/website/test_explorers.py holds it against the cases of the page "Shapes", which come from live layers.
//
// Settings are {layer, units, timesteps, features, return_sequences, return_state, bidirectional, reset_after}.

const BLOCKS = { SimpleRNN: 1, LSTM: 4, GRU: 3 };

/** [name, shape] of each tensor that a call gives back, in order; null is the batch. */
export function returns({ layer, units, timesteps, return_sequences, return_state, bidirectional }) {
  const width = bidirectional ? 2 * units : units;
  const tensors = [["output", return_sequences ? [null, timesteps, width] : [null, width]]];
  if (!return_state) return tensors;
  const states = layer === "LSTM" ? ["hidden", "cell"] : ["hidden"];
  const prefixes = bidirectional ? ["forward_", "backward_"] : [""];
  for (const prefix of prefixes) for (const state of states) tensors.push([prefix + state, [null, units]]);
  return tensors;
}

/** [weight, how it is counted, count] of each weight of one direction, and the count of the whole layer. */
export function countParams({ layer, units, features, bidirectional, reset_after }) {
  const g = BLOCKS[layer];
  const rows = layer === "GRU" && reset_after ? 2 : 1;
  const [big, D, M] = [BigInt(g), BigInt(features), BigInt(units)];
  const weights = [
    ["kernel", `${g} · ${features} · ${units}`, big * D * M],
    ["recurrent kernel", `${g} · ${units} · ${units}`, big * M * M],
    ["bias", `${rows} · ${g} · ${units}`, BigInt(rows) * big * M],
  ];
  const one = weights.reduce((sum, weight) => sum + weight[2], 0n);
  return { weights, one, total: bidirectional ? 2n * one : one };
}

/** The lines to copy: they import the layer, call it, and name what comes back. */
export function code(settings) {
  const { layer, units, return_sequences, return_state, bidirectional, reset_after } = settings;
  const options = [`${units}`];
  if (return_sequences) options.push("return_sequences=True");
  if (return_state) options.push("return_state=True");
  if (layer === "GRU" && !reset_after) options.push("reset_after=False");
  const one = `layers.${layer}(${options.join(", ")})`;
  const names = returns(settings).map(([name]) => shortName(name)).join(", ");
  return `from keras import layers\n\n${names} = ${bidirectional ? `layers.Bidirectional(${one})` : one}(x)`;
}

/** output, h, c, forward_h, …: as one writes them. */
export const shortName = name => name.replace("hidden", "h").replace("cell", "c");
