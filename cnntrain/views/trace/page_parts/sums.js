// How a number is computed from the arrays of the trace: {block, k, words, terms, how, ...}.
// A term is a product of factors; `at` is its position [map, row, column] in a picture of the sum.

const named = (block, k, sample = chosen.sample) => ({
  block, k, sample, name: block.label(k, sample), value: block.at(k, sample),
});
const constant = (name, value) => ({ name, value });
const term = (factors, at) => ({
  factors, at, value: factors.reduce((product, factor) => product * factor.value, 1),
});
const isKnown = (one) => one.value === one.value && one.value !== undefined;

function found(block, k, words, terms, how = "sum", more = {}) {
  const known = terms.filter(isKnown);
  const value = block.at(k);
  const total = how === "max" ? Math.max(...known.map((one) => one.value))
    : known.reduce((sum, one) => sum + one.value, 0);
  return { block, k, words, value, terms: known, missing: terms.length - known.length, total, how, ...more };
}

const blocksOf = (layer) => ({
  reads: layer.reads.map(activation),
  gives: activation(layer.gives),
  delta: deltaOf(layer),
  to: layer.to_inputs.map((one) => new Block(`\u2202C/\u2202${one.of}`, one.array, true)),
  slope: layer.slope && new Block("f\u2032", layer.slope, true),
  ...Object.fromEntries(layer.params.map((one) => [one.letter, parameter(one)])),
  ...Object.fromEntries(layer.to_params.map((one) => {
    return [`d${one.of.split(".").pop()}`, new Block(`\u2202C/\u2202${one.of}`, one.array, false)];
  })),
});

const biasOf = (b, k) => (b ? [term([named(b, k)])] : []);

// Tap i of output o reads input o * stride + i * dilation - before.
const inputAt = (axis, o, i) => o * axis.stride + i * axis.dilation - axis.before;
const isInside = (axis, at) => at >= 0 && at < axis.length;

// All outputs o whose tap i reads the input `at`, as pairs [o, i].
function readersOf(axis, at) {
  return range(axis.size).map((i) => [(at + axis.before - i * axis.dilation) / axis.stride, i])
    .filter(([o]) => Number.isInteger(o) && o >= 0 && o < axis.out);
}

// [h, w, i, j] of all inputs in the window of the output (oh, ow).
function windowOf([down, across], oh, ow) {
  return range(down.size).flatMap((i) => range(across.size).map((j) => {
    return [inputAt(down, oh, i), inputAt(across, ow, j), i, j];
  })).filter(([h, w]) => isInside(down, h) && isInside(across, w));
}
