// Activations and masks, and layers that move or add values.

const elementwise = {
  forward({ gives, reads: [z] }, { lines, constants }, k) {
    const read = named(z, k);
    if (!lines) return found(gives, k, say("valueOf", { name: read.name, z: z.write(read.value) }), [], "value", { from: [read] });
    return foundByRecipe(gives, k, say("functionOf", { name: read.name }), lines, { ...constants, z: read.value }, [read]);
  },
  backward({ delta, slope, to: [dz] }, rule, k) {
    const name = slope.label(k).replace("[", "(z)[");
    return found(dz, k, say("timesSlope"), [term([named(delta, k), { ...named(slope, k), name }])]);
  },
};

// The mask of a dropout, which is drawn once for forward and backward.
const masked = (slope, k) => ({ ...named(slope, k), name: slope.label(k).replace("f\u2032", "M") });
const mask = {
  forward({ gives, slope, reads: [z] }, rule, k) {
    const kept = masked(slope, k);
    return found(gives, k, say(kept.value ? "kept" : "dropped"), [term([named(z, k), kept])]);
  },
  backward({ delta, slope, to: [dz] }, rule, k) {
    return found(dz, k, say("sameMask"), [term([named(delta, k), masked(slope, k)])]);
  },
};

const same = {
  forward({ gives, reads: [x] }, rule, k) {
    return found(gives, k, say("moved"), [term([named(x, k)])]);
  },
  backward({ delta, to: [dx] }, rule, k) {
    return found(dx, k, say("movedBack"), [term([named(delta, k)])]);
  },
};

const add = {
  forward({ gives, reads }, rule, k) {
    return found(gives, k, say("sumOfInputs"), reads.map((x) => term([named(x, k)])));
  },
  backward({ delta, to }, rule, k, input) {
    return found(to[input], k, say("sumPassesBack"), [term([named(delta, k)])]);
  },
};

const other = {
  forward({ gives }, rule, k) {
    return found(gives, k, say("sumNotShown"), [], "value");
  },
  backward({ to }, rule, k, input) {
    return found(to[input], k, say("sumNotShown"), [], "value");
  },
};

const RULES = { dense, conv, max, mean, global_mean: globalMean, elementwise, mask, same, add, recipe, other };

function explainForward(layer, blocks, k) {
  return RULES[layer.rule.as].forward(blocks, layer.rule, k);
}

function explainBackward(layer, blocks, input, k) {
  return RULES[layer.rule.as].backward(blocks, layer.rule, k, input);
}

function explainGradient(layer, blocks, letter, k) {
  const rule = RULES[layer.rule.as][letter];
  return rule ? rule(blocks, layer.rule, k)
    : found(blocks[`d${letter}`], k, say("sumNotShown"), [], "value");
}
