// Playing with the numbers: a changed weight, input or η, and all that follows from it, computed
// here with the same sums that the page writes out.

const MOST_WEIGHTS = 5000;
const MOST_VALUES = 4000; // of one array
const sizeOf = (array) => array.shape.reduce((product, n) => product * n, 1);
const isWhole = (array) => sizeOf(array) <= MOST_VALUES && numbersOf(array.content).length === sizeOf(array);

// Why a step cannot be computed here, in words; "" if it can.
function obstacle(step) {
  const strange = step.layers.find(({ rule }) => rule.as === "other" || (rule.as === "elementwise" && !rule.lines));
  const weights = step.updates.reduce((all, one) => all + sizeOf(one.before), 0);
  const arrays = [step.input.array, ...step.layers.map((one) => one.gives.array), ...step.updates.map((one) => one.before)];
  if (trace.nodes.length - 1 !== step.layers.length) return say("notAllLayers");
  if (strange) return say("notThisLayer", { name: strange.name, kind: strange.kind });
  if (weights > MOST_WEIGHTS) return say("tooManyWeights", { weights, most: MOST_WEIGHTS });
  if (!arrays.every(isWhole)) return say("tooLarge", { most: MOST_VALUES });
  if (step.limited) return say("notMaxNorm");
  if (step.updates.some((one) => !one.frozen && !one.lines)) return say("notThisOptimizer");
  return step.losses.every((loss) => loss.lines) ? "" : say("notThisLoss");
}

const canPlay = (step) => !obstacle(step);

let lastContent = trace.contents.length;

function ownArray(array) {
  const content = lastContent++;
  decoded.set(content, Float64Array.from(numbersOf(array.content)));
  return { shape: array.shape, content };
}

// A copy of a step whose arrays can change; what has one name is one array.
function livelyCopy(step) {
  const byName = new Map();
  const shared = (name, array) => {
    if (!byName.has(name)) byName.set(name, ownArray(array));
    return byName.get(name);
  };
  const quantity = (one) => ({ ...one, array: shared(one.name, one.array) });
  return {
    ...step,
    input: { ...quantity(step.input), delta: ownArray(step.input.delta) },
    layers: step.layers.map((layer) => ({
      ...layer,
      reads: layer.reads.map(quantity), params: layer.params.map(quantity), gives: quantity(layer.gives),
      delta: shared(`${layer.name}.delta`, layer.delta), slope: layer.slope && ownArray(layer.slope),
      to_inputs: layer.to_inputs.map((one) => ({ ...one, array: ownArray(one.array) })),
      to_params: layer.to_params.map((one) => ({ ...one, array: shared(`d ${one.of}`, one.array) })),
    })),
    losses: step.losses.map((loss) => ({ ...loss, output: quantity(loss.output), delta: ownArray(loss.delta) })),
    updates: step.updates.map((one) => ({
      ...one, before: shared(one.name, one.before),
      ...(!one.frozen && {
        gradient: ownArray(one.gradient), after: ownArray(one.after), constants: { ...one.constants },
        memory: Object.fromEntries(Object.entries(one.memory).map(([name, array]) => [name, ownArray(array)])),
      }),
    })),
    cost: [...step.cost], penalty: { ...step.penalty },
  };
}

// Every value of a block, for every sample: value(k) with `chosen.sample` set.
function fill(block, value) {
  const before = chosen.sample;
  for (let sample = 0; sample < block.samples; sample++) {
    if (block.samples > 1) chosen.sample = sample;
    for (let k = 0; k < block.size; k++) block.numbers[k * block.samples + sample] = value(k, sample);
  }
  chosen.sample = before;
}

function forwardAll(step) {
  for (const layer of step.layers) {
    const blocks = blocksOf(layer);
    if (layer.rule.as === "elementwise") {
      const { slope, constants } = layer.rule;
      fill(blocks.slope, (k) => resultOf(slope, { ...constants, z: blocks.reads[0].at(k) }));
    }
    fill(blocks.gives, (k) => explainForward(layer, blocks, k).total);
  }
}

function costOf(step) {
  return step.losses.reduce((all, loss) => {
    const output = activation(loss.output);
    const target = loss.targets && new Block("t", loss.targets, true);
    const costs = range(output.samples).map((n) => resultOf(loss.cost_lines, givenOfLoss(loss, output, target, 0, n)));
    return all + (loss.weight * sumOf(costs)) / output.samples;
  }, 0);
}

function backwardAll(step) {
  for (const loss of step.losses) {
    const output = activation(loss.output);
    const target = loss.targets && new Block("t", loss.targets, true);
    fill(new Block("\u03b4", loss.delta, true), (k) => resultOf(loss.lines, givenOfLoss(loss, output, target, k)));
  }
  for (const layer of [...step.layers].reverse()) {
    receive(step, layer.name, layer.delta);
    const blocks = blocksOf(layer);
    blocks.to.forEach((to, input) => fill(to, (k) => explainBackward(layer, blocks, input, k).total));
    for (const { of } of layer.to_params) {
      const letter = of.split(".").pop();
      fill(blocks[`d${letter}`], (k) => gradientOf(layer, blocks, letter, k));
    }
  }
  receive(step, "input", step.input.delta);
}

function gradientOf(layer, blocks, letter, k) {
  return explainGradient(layer, blocks, letter, k).total;
}

// \u03b4 of a node: what its readers and the losses pass back.
function receive(step, name, delta) {
  const all = numbersOf(delta.content).fill(0);
  const add = (array) => numbersOf(array.content).forEach((value, i) => { all[i] += value; });
  step.losses.filter((loss) => loss.layer === name).forEach((loss) => add(loss.delta));
  step.layers.flatMap((layer) => layer.to_inputs).filter(({ of }) => of.split(".")[0] === name).forEach((one) => add(one.array));
}

// \u00bd l2 \u03a3 W\u00b2 + l1 \u03a3 |W| of all weights.
function penaltyOf({ penalty: { l1, l2 }, updates }) {
  const of = ({ before, decay_mult: mult }) => mult * numbersOf(before.content)
    .reduce((all, W) => all + (l2 * W * W) / 2 + l1 * Math.abs(W), 0);
  return updates.reduce((all, one) => all + of(one), 0);
}

// What the optimizer gets: \u2202C/\u2202W with penalties, each entry clipped, then all scaled to the largest norm.
function gradientsOf(step) {
  const derivatives = new Map(step.layers.flatMap((layer) => layer.to_params).map((one) => [one.of, numbersOf(one.array.content)]));
  const { penalty: { l1, l2 }, clip: { value, norm } } = step;
  const limit = value ?? Infinity;
  const trained = step.updates.filter((one) => !one.frozen);
  for (const { name, before, gradient, decay_mult: mult } of trained) {
    const [W, g, from] = [numbersOf(before.content), numbersOf(gradient.content), derivatives.get(name)];
    g.forEach((_, k) => {
      const whole = from[k] + l2 * mult * W[k] + l1 * mult * Math.sign(W[k]);
      g[k] = Math.max(-limit, Math.min(limit, whole));
    });
  }
  scaleTo(norm, trained.map((one) => numbersOf(one.gradient.content)));
}

function scaleTo(norm, gradients) {
  const total = Math.sqrt(sumOf(gradients.map((g) => g.reduce((all, one) => all + one * one, 0))));
  if (norm && total > norm) gradients.forEach((g) => g.forEach((one, k) => { g[k] = (one * norm) / total; }));
}

function changesOf(step) {
  for (const one of step.updates.filter((update) => !update.frozen)) {
    const after = numbersOf(one.after.content);
    const changed = difference(new Block(one.name, one.before, false), new Block(one.name, one.after, false));
    for (let k = 0; k < after.length; k++) {
      after[k] = numbersOf(one.before.content)[k] + explainChange(one, changed, k).total;
    }
  }
}

// The weights of the update become those before the next one, and its memory is remembered.
function takeUpdate(step) {
  for (const one of step.updates.filter((update) => !update.frozen)) {
    const before = numbersOf(one.before.content);
    const changed = new Block(one.name, one.after, false);
    const lines = range(before.length).map((k) => explainChange(one, changed, k).links);
    for (const [name, array] of Object.entries(one.memory)) {
      lines.forEach((links, k) => { numbersOf(array.content)[k] = links.find((link) => link.name === `${name}_new`).value; });
    }
    before.set(numbersOf(one.after.content));
    if (one.constants.t) one.constants.t += 1;
  }
}

const weightsOf = (step) => step.updates.map((one) => [numbersOf(one.before.content), one]);

// The cost with other weights, leaving everything as it was.
function costWith(step, change) {
  const kept = weightsOf(step).map(([numbers]) => numbers.slice());
  change();
  forwardAll(step);
  const cost = costOf(step) + penaltyOf(step);
  weightsOf(step).forEach(([numbers], i) => numbers.set(kept[i]));
  forwardAll(step);
  return cost;
}

function recompute(step) {
  forwardAll(step);
  backwardAll(step);
  gradientsOf(step);
  changesOf(step);
  step.penalty.value = penaltyOf(step);
  step.cost = [costOf(step) + step.penalty.value, costWith(step, () => {
    for (const [numbers, one] of weightsOf(step)) if (!one.frozen) numbers.set(numbersOf(one.after.content));
  })];
}
