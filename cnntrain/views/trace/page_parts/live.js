// Playing with the numbers: a changed weight, input or η, and all that follows from it, computed
// here with the same sums that the page writes out.

const MOST_WEIGHTS = 5000;
const MOST_VALUES = 4000; // of one array
const SLOPES = {
  sigmoid: (z) => sigmoid(z) * (1 - sigmoid(z)),
  tanh: (z) => 1 - Math.tanh(z) ** 2,
  relu: (z) => Number(z > 0),
  relu6: (z) => Number(z > 0 && z < 6),
  identity: () => 1,
  silu: (z) => sigmoid(z) * (1 + z * (1 - sigmoid(z))),
  softplus: sigmoid,
  softsign: (z) => 1 / (1 + Math.abs(z)) ** 2,
};
const isMask = (kind) => kind.endsWith("dropout");
const sizeOf = (array) => array.shape.reduce((product, n) => product * n, 1);

function canPlay(step) {
  const layers = trace.nodes.length - 1 === step.layers.length;
  const known = step.layers.every(({ rule, kind }) => rule.as !== "other" && (rule.as !== "elementwise" || isMask(kind) || SLOPES[kind]));
  const weights = step.updates.reduce((all, one) => all + sizeOf(one.before), 0);
  const arrays = [step.input.array, ...step.layers.map((one) => one.gives.array), ...step.updates.map((one) => one.before)];
  const whole = arrays.every((array) => sizeOf(array) <= MOST_VALUES && numbersOf(array.content).length === sizeOf(array));
  const updates = step.updates.every((one) => one.frozen || (one.as_is && one.lines));
  return layers && known && whole && updates && weights <= MOST_WEIGHTS && step.losses.every((loss) => loss.lines);
}

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
        gradient: shared(`d ${one.name}`, one.gradient), after: ownArray(one.after), constants: { ...one.constants },
        memory: Object.fromEntries(Object.entries(one.memory).map(([name, array]) => [name, ownArray(array)])),
      }),
    })),
    cost: [...step.cost],
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
    if (layer.slope && !isMask(layer.kind)) {
      fill(blocks.slope, (k) => SLOPES[layer.kind](blocks.reads[0].at(k)));
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
  const cost = costOf(step);
  weightsOf(step).forEach(([numbers], i) => numbers.set(kept[i]));
  forwardAll(step);
  return cost;
}

function recompute(step) {
  forwardAll(step);
  backwardAll(step);
  changesOf(step);
  const penalty = step.penalty;
  step.cost = [costOf(step) + penalty, costWith(step, () => {
    for (const [numbers, one] of weightsOf(step)) if (!one.frozen) numbers.set(numbersOf(one.after.content));
  }) + penalty];
}
