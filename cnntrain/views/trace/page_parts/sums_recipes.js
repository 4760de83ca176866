// Layers and updates that are written out line by line: normalization, softmax, optimizers.

// The entries that depend on each other, as [position, sample], and the place of (k, sample) there.
const MEMBERS = {
  channel(x, k) {
    const each = x.size / x.shape[0];
    const first = Math.floor(k / each) * each;
    const all = range(each).flatMap((i) => range(x.samples).map((n) => [first + i, n]));
    return [all, (k - first) * x.samples + chosen.sample];
  },
  group(x, k, { groups }) {
    const each = x.size / groups;
    const first = Math.floor(k / each) * each;
    return [range(each).map((i) => [first + i, chosen.sample]), k - first];
  },
  column(x, k) {
    const stride = x.size / x.shape[0];
    return [range(x.shape[0]).map((c) => [c * stride + (k % stride), chosen.sample]), Math.floor(k / stride)];
  },
};

function givenOf(blocks, rule, k) {
  const { reads: [x], gives, delta, gamma, beta } = blocks;
  const [members, place] = MEMBERS[rule.members](x, k, rule);
  const row = (block) => members.map(([i, n]) => block.at(i, n));
  const perUnit = (block) => block && members.map(([i]) => block.at(Math.floor(i / (x.size / block.size))));
  const z = row(x);
  return {
    ...rule.constants, k: place, members, x: z, z, a: row(gives), c: Math.max(...z), "\u03b4": row(delta),
    da: row(delta), "\u03b3": perUnit(gamma), "\u03b2": perUnit(beta),
  };
}

const recipe = {
  forward(blocks, rule, k) {
    const given = givenOf(blocks, rule, k);
    const from = given.members.map(([i, n]) => named(blocks.reads[0], i, n));
    return foundByRecipe(blocks.gives, k, say("recipe"), rule.forward, given, from);
  },
  backward(blocks, rule, k) {
    const given = givenOf(blocks, rule, k);
    const from = given.members.map(([i, n]) => named(blocks.delta, i, n));
    return foundByRecipe(blocks.to[0], k, say("recipe"), rule.backward, given, from);
  },
  gamma(blocks, rule, place) {
    const { reads: [x], delta, gamma, dgamma } = blocks;
    const hat = rule.forward.slice(0, -1);
    const before = chosen.sample;
    const terms = sharers(x, gamma, place).map(([k, n]) => {
      chosen.sample = n;
      const value = resultOf(hat, givenOf(blocks, rule, k));
      return term([named(delta, k, n), constant(x.label(k, n).replace(x.name, "x\u0302"), value)]);
    });
    chosen.sample = before;
    return found(dgamma, place, say("gamma"), terms);
  },
  beta({ reads: [x], delta, beta, dbeta }, rule, place) {
    return found(dbeta, place, say("beta"), sharers(x, beta, place).map(([k, n]) => term([named(delta, k, n)])));
  },
};

// The positions and samples that share an entry of \u03b3 or \u03b2.
function sharers(x, parameters, place) {
  const each = x.size / parameters.size;
  return range(each).flatMap((i) => range(x.samples).map((n) => [place * each + i, n]));
}

// The numbers that δ of a loss is computed from, for one sample.
function givenOfLoss(loss, output, target, k, sample = chosen.sample) {
  const label = loss.labels?.[sample];
  const all = range(output.size);
  const t = target ? all.map((i) => target.at(i, sample)) : all.map((i) => (output.size === 1 ? label : Number(i === label)));
  const z = all.map((i) => output.at(i, sample));
  return { ...loss.constants, k, z, a: z, t, m: output.samples, w_loss: loss.weight };
}

// δ of an output of the loss.
function explainLoss(loss, output, target, delta, k) {
  if (!loss.lines) return { ...found(delta, k, say("formulaAbove"), [], "value"), from: [named(output, k)] };
  const given = givenOfLoss(loss, output, target, k);
  return foundByRecipe(delta, k, say("fromOutput"), loss.lines, given, [named(output, k)]);
}

// \u0394W of one weight, with what the optimizer remembers of it.
function explainChange(one, changed, k) {
  const memory = Object.fromEntries(Object.entries(one.memory).map(([name, array]) => [name, new Block(name, array, false).at(k)]));
  const before = new Block(one.name, one.before, false);
  const g = new Block("g", one.gradient, false).at(k);
  return foundByRecipe(changed, k, say("changeFrom"), one.lines, { ...one.constants, ...memory, g, W: before.at(k), "\u03b7": one.lr });
}
