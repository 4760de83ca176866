// Elementwise layers, and layers that move or add values.

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
      const words = kept.value ? "kept, and scaled up to compensate for dropped units" : "dropped in this update";
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
    const words = isDropout ? "\u03b4 times the same mask" : "the incoming gradient times the slope of f at z";
    return found(dz, k, words, [term([named(delta, k), { ...named(slope, k), name }])]);
  },
};

const same = {
  forward({ gives, reads: [x] }, rule, k) {
    return found(gives, k, "the same value at another position", [term([named(x, k)])]);
  },
  backward({ delta, to: [dx] }, rule, k) {
    return found(dx, k, "the same value at its original position", [term([named(delta, k)])]);
  },
};

const add = {
  forward({ gives, reads }, rule, k) {
    return found(gives, k, "the sum of all inputs", reads.map((x) => term([named(x, k)])));
  },
  backward({ delta, to }, rule, k, kind, input) {
    return found(to[input], k, "a sum passes \u03b4 back to each of its inputs", [term([named(delta, k)])]);
  },
};

const other = {
  forward({ gives }, rule, k) {
    return found(gives, k, "from the formula above; this page does not show its sum", [], "value");
  },
  backward({ to }, rule, k, kind, input) {
    return found(to[input], k, "from the formula above; this page does not show its sum", [], "value");
  },
};

const RULES = { dense, conv, max, mean, global_mean: globalMean, elementwise, same, add, recipe, other };

function explainForward(layer, blocks, k) {
  return RULES[layer.rule.as].forward(blocks, layer.rule, k, layer.kind);
}

function explainBackward(layer, blocks, input, k) {
  return RULES[layer.rule.as].backward(blocks, layer.rule, k, layer.kind, input);
}

function explainGradient(layer, blocks, letter, k) {
  const rule = RULES[layer.rule.as][letter];
  return rule ? rule(blocks, layer.rule, k)
    : found(blocks[`d${letter}`], k, "from the formula above; this page does not show its sum", [], "value");
}
