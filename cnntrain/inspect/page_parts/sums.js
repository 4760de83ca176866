// How one number arises, from the arrays of the trace: {block, k, words, terms, how, ...}.
// A term is a product of factors; `at` is its place [map, row, column] in a picture of the sum.

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

// The tap i of output o reads the input at o * stride + i * dilation - before.
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

const dense = {
  forward({ W, b, gives, reads: [a] }, rule, k) {
    const terms = range(a.size).map((j) => term([named(W, W.place(k, j)), named(a, j)]));
    return found(gives, k, "row of W times the inputs, and the bias", [...terms, ...biasOf(b, k)]);
  },
  backward({ W, delta, to: [da] }, rule, j) {
    const terms = range(delta.size).map((k) => term([named(W, W.place(k, j)), named(delta, k)]));
    return found(da, j, "column of W times \u03b4: what each unit sends back along its weight", terms);
  },
  W({ W, dW, delta, reads: [a] }, rule, place) {
    const [k, j] = W.index(place);
    const terms = range(a.samples).map((n) => term([named(delta, k, n), named(a, j, n)]));
    return found(dW, place, "\u03b4 of the unit times the input of the weight", terms);
  },
  b({ db, delta }, rule, k) {
    const terms = range(delta.samples).map((n) => term([named(delta, k, n)]));
    return found(db, k, "\u03b4 of the unit: the bias has the input 1", terms);
  },
};

const conv = {
  forward({ W, b, gives, reads: [a] }, rule, place) {
    const [f, oh, ow] = gives.index(place);
    const channels = W.shape[1];
    const first = Math.floor(f / (W.shape[0] / rule.groups)) * channels;
    const terms = range(channels).flatMap((c) => windowOf(rule.axes, oh, ow).map(([h, w, i, j]) => {
      return term([named(W, W.place(f, c, i, j)), named(a, a.place(first + c, h, w))], [c, i, j]);
    }));
    const weight = (c, i, j) => W.at(W.place(f, c, i, j));
    const grid = { maps: channels, weight, W, data: a, names: ["kernel", "patch under it"] };
    return found(gives, place, "kernel times the patch under it, and the bias",
      [...terms, ...biasOf(b, f)], "sum", { grid });
  },
  backward({ W, delta, to: [da] }, rule, place) {
    const [c, h, w] = da.index(place);
    const [down, across] = rule.axes;
    const [filters, channels, rows, columns] = W.shape;
    const each = filters / rule.groups;
    const first = Math.floor(c / channels) * each;
    const terms = range(each).flatMap((g) => readersOf(down, h).flatMap(([oh, i]) => {
      return readersOf(across, w).map(([ow, j]) => {
        const f = first + g;
        const at = [g, rows - 1 - i, columns - 1 - j];
        return term([named(W, W.place(f, c % channels, i, j)), named(delta, delta.place(f, oh, ow))], at);
      });
    }));
    const weight = (g, i, j) => W.at(W.place(first + g, c % channels, rows - 1 - i, columns - 1 - j));
    const grid = { maps: each, weight, W, data: delta, names: ["kernel, rotated by 180\u00b0", "\u03b4 under it"] };
    return found(da, place, "the rotated kernel over \u03b4: every output that read this number sends " +
      "its \u03b4 back through the weight it used", terms, "sum", { grid });
  },
  W({ W, dW, delta, reads: [a] }, rule, place) {
    const [f, c, i, j] = W.index(place);
    const [down, across] = rule.axes;
    const channel = Math.floor(f / (W.shape[0] / rule.groups)) * W.shape[1] + c;
    const terms = range(a.samples).flatMap((n) => range(down.out).flatMap((oh) => {
      return range(across.out).map((ow) => [oh, ow, inputAt(down, oh, i), inputAt(across, ow, j)])
        .filter(([, , h, w]) => isInside(down, h) && isInside(across, w))
        .map(([oh_, ow_, h, w]) => {
          return term([named(delta, delta.place(f, oh_, ow_), n), named(a, a.place(channel, h, w), n)]);
        });
    }));
    return found(dW, place, "\u03b4 of every output times the input that this weight met there", terms);
  },
  b({ db, delta }, rule, f) {
    const each = delta.shape[1] * delta.shape[2];
    const terms = range(delta.samples).flatMap((n) => {
      return range(each).map((k) => term([named(delta, f * each + k, n)]));
    });
    return found(db, f, "the sum of the whole \u03b4 map: the bias has the input 1 everywhere", terms);
  },
};

// The place of the largest input of a window; the first one, if several are as large.
function winner(x, axes, c, oh, ow) {
  const places = windowOf(axes, oh, ow).map(([h, w]) => x.place(c, h, w));
  return places.reduce((best, k) => (x.at(k) > x.at(best) ? k : best), places[0]);
}

// What every window that holds the input (h, w) gives: pairs [oh, ow].
function windowsWith([down, across], h, w) {
  return readersOf(down, h).flatMap(([oh]) => readersOf(across, w).map(([ow]) => [oh, ow]));
}

const max = {
  forward({ gives, reads: [x] }, rule, place) {
    const [c, oh, ow] = gives.index(place);
    const terms = windowOf(rule.axes, oh, ow).map(([h, w, i, j]) => {
      return term([named(x, x.place(c, h, w))], [0, i, j]);
    });
    return found(gives, place, "the largest number of the window", terms, "max");
  },
  backward({ delta, reads: [x], to: [dx] }, rule, place) {
    const [c, h, w] = dx.index(place);
    const won = windowsWith(rule.axes, h, w).filter(([oh, ow]) => winner(x, rule.axes, c, oh, ow) === place);
    const terms = won.map(([oh, ow]) => term([named(delta, delta.place(c, oh, ow))]));
    const words = won.length ? "it was the largest of its window: the \u03b4 of the window comes back to it"
      : "it was not the largest of its window: nothing comes back";
    return found(dx, place, words, terms);
  },
};

// How many places of the window count in the mean.
function countIn(rule, oh, ow) {
  const along = (axis, o, pad) => range(axis.size).map((i) => inputAt(axis, o, i))
    .filter((at) => at >= -pad && at < axis.length + pad).length;
  return along(rule.axes[0], oh, rule.counted[0]) * along(rule.axes[1], ow, rule.counted[1]);
}
const share = (n) => constant(`1/${n}`, 1 / n);

const mean = {
  forward({ gives, reads: [x] }, rule, place) {
    const [c, oh, ow] = gives.index(place);
    const part = share(countIn(rule, oh, ow));
    const terms = windowOf(rule.axes, oh, ow).map(([h, w]) => term([part, named(x, x.place(c, h, w))]));
    return found(gives, place, "the mean of the window", terms);
  },
  backward({ delta, to: [dx] }, rule, place) {
    const [c, h, w] = dx.index(place);
    const terms = windowsWith(rule.axes, h, w).map(([oh, ow]) => {
      return term([share(countIn(rule, oh, ow)), named(delta, delta.place(c, oh, ow))]);
    });
    return found(dx, place, "its share of the \u03b4 of every window it is in", terms);
  },
};

const globalMean = {
  forward({ gives, reads: [x] }, rule, c) {
    const each = x.shape[1] * x.shape[2];
    const terms = range(each).map((k) => term([share(each), named(x, c * each + k)]));
    return found(gives, c, "the mean of the whole map", terms);
  },
  backward({ delta, to: [dx] }, rule, place) {
    const each = dx.shape[1] * dx.shape[2];
    const terms = [term([share(each), named(delta, Math.floor(place / each))])];
    return found(dx, place, "its share of the \u03b4 of its map", terms);
  },
};

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const FUNCTIONS = {
  sigmoid: [sigmoid, (z) => `1 / (1 + e^${z})`, -1],
  tanh: [Math.tanh, (z) => `tanh ${z}`],
  relu: [(z) => Math.max(z, 0), (z) => `max(${z}, 0)`],
  relu6: [(z) => Math.min(Math.max(z, 0), 6), (z) => `min(max(${z}, 0), 6)`],
  identity: [(z) => z, (z) => z],
  silu: [(z) => z * sigmoid(z), (z) => `${z} \u00b7 \u03c3(${z})`],
  softplus: [(z) => Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0), (z) => `log(1 + e^${z})`],
  softsign: [(z) => z / (1 + Math.abs(z)), (z) => `${z} / (1 + |${z}|)`],
};

const elementwise = {
  forward({ gives, slope, reads: [z] }, rule, k, kind) {
    const read = named(z, k);
    if (kind === "dropout" || kind === "spatial_dropout") {
      const kept = { ...named(slope, k), name: slope.label(k).replace("f\u2032", "M") };
      const words = kept.value ? "kept, and scaled up for those that are dropped" : "dropped in this update";
      return found(gives, k, words, [term([read, kept])]);
    }
    const known = FUNCTIONS[kind];
    if (!known) return found(gives, k, `f(z) at z = ${z.write(read.value)}`, [], "value", { from: [read] });
    const [f, told, sign = 1] = known;
    const result = { ...constant(told(z.write(sign * read.value)), f(read.value)), block: z, k };
    return found(gives, k, `f(z) at z = ${read.name}`, [term([result])]);
  },
  backward({ delta, slope, to: [dz] }, rule, k, kind) {
    const isDropout = kind === "dropout" || kind === "spatial_dropout";
    const name = isDropout ? slope.label(k).replace("f\u2032", "M") : slope.label(k).replace("[", "(z)[");
    const words = isDropout ? "\u03b4 times the same mask" : "what comes back, times the slope of f at z";
    return found(dz, k, words, [term([named(delta, k), { ...named(slope, k), name }])]);
  },
};

const same = {
  forward({ gives, reads: [x] }, rule, k) {
    return found(gives, k, "the same number at another place", [term([named(x, k)])]);
  },
  backward({ delta, to: [dx] }, rule, k) {
    return found(dx, k, "the same number at its old place", [term([named(delta, k)])]);
  },
};

const add = {
  forward({ gives, reads }, rule, k) {
    return found(gives, k, "the sum of both branches", reads.map((x) => term([named(x, k)])));
  },
  backward({ delta, to }, rule, k, kind, input) {
    return found(to[input], k, "a sum sends \u03b4 back to each of its parts", [term([named(delta, k)])]);
  },
};

const other = {
  forward({ gives }, rule, k) {
    return found(gives, k, "from the formula above; this page does not write its sum out", [], "value");
  },
  backward({ to }, rule, k, kind, input) {
    return found(to[input], k, "from the formula above; this page does not write its sum out", [], "value");
  },
};

const RULES = { dense, conv, max, mean, global_mean: globalMean, elementwise, same, add, other };

// \u03b4 of an output of the loss, where it is the difference of two numbers over the m samples.
function explainLoss(loss, output, target, delta, k) {
  const label = loss.labels?.[chosen.sample];
  const over = loss.weight === 1 ? `1/${output.samples}` : `${loss.weight}/${output.samples}`;
  const share = loss.weight / output.samples;
  const part = share === 1 ? [] : [constant(over, share)];
  const wanted = target ? named(target, k) : constant("t", k === label ? 1 : 0);
  const answer = loss.kind === "squared_error" ? named(output, k) : softmaxAt(output, k);
  const opposite = { ...wanted, name: `\u2212${wanted.name}`, value: -wanted.value };
  const terms = [term([...part, answer]), term([...part, opposite])];
  const sum = found(delta, k, "the answer minus the target, over the number of samples", terms);
  const isSo = sum.missing === 0 && Math.abs(sum.total - sum.value) <= 1e-5 * Math.max(Math.abs(sum.value), delta.scale.reach);
  return isSo ? sum : { ...found(delta, k, "from the formula above", [], "value"), from: [named(output, k)] };
}

function softmaxAt(z, k) {
  const powers = range(z.size).map((j) => Math.exp(z.at(j) - z.scale.high));
  const value = powers[k] / powers.reduce((sum, one) => sum + one, 0);
  return { ...named(z, k), name: `softmax(z)[${k}]`, value };
}

function explainForward(layer, blocks, k) {
  return RULES[layer.rule.as].forward(blocks, layer.rule, k, layer.kind);
}

function explainBackward(layer, blocks, input, k) {
  return RULES[layer.rule.as].backward(blocks, layer.rule, k, layer.kind, input);
}

function explainGradient(layer, blocks, letter, k) {
  const rule = RULES[layer.rule.as][letter];
  return rule ? rule(blocks, layer.rule, k)
    : found(blocks[`d${letter}`], k, "from the formula above; this page does not write its sum out", [], "value");
}
