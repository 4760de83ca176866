// What depends on a number: the outputs that read it, with their local derivatives.

const MOST_DEPENDENCIES = 1_000_000; // pairs of an output and a number that it reads
const READ_BY = new WeakMap(); // layer: Map of "name:k" to [[output, term, factor], ...]

// Whether all pairs of a layer are few enough to be listed.
function hasDependents(layer, blocks) {
  const { terms, from = [] } = explainForward(layer, blocks, 0);
  return (terms.length + from.length) * blocks.gives.kept <= MOST_DEPENDENCIES;
}

// The place of every number that an output is computed from, in this sample.
function factorsOf(explained) {
  const ofTerms = explained.terms.flatMap((one) => one.factors.map((factor) => [one, factor]));
  return [...ofTerms, ...(explained.from ?? []).map((factor) => [null, factor])]
    .filter(([, { block, sample }]) => block && (block.samples === 1 || sample === chosen.sample));
}

function readersIn(layer, blocks) {
  const seen = READ_BY.get(layer);
  if (seen?.sample === chosen.sample) return seen.found;
  const found = new Map();
  for (let output = 0; output < blocks.gives.kept; output++) {
    const explained = explainForward(layer, blocks, output);
    for (const [one, factor] of factorsOf(explained)) {
      const key = `${factor.block.name}:${factor.k}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push({ output, how: explained.how, term: one, factor });
    }
  }
  READ_BY.set(layer, { sample: chosen.sample, found });
  return found;
}

// \u2202(output)/\u2202(number) as a factor with name and value; null where no single factor is it.
function localDerivative({ how, term: one, factor }) {
  if (how !== "sum" || !one) return null;
  const others = one.factors.filter((other) => other !== factor);
  if (others.length > 1) return null;
  return others[0] ?? constant("1", 1);
}

// {block, k, readers: [{output, derivative}]} of a number of the inputs or parameters of a layer.
function dependentsOf(layer, blocks, block, k) {
  const all = readersIn(layer, blocks).get(`${block.name}:${k}`) ?? [];
  const byOutput = new Map(all.map((one) => [one.output, one]));
  return [...byOutput.values()].map((one) => ({ output: one.output, derivative: localDerivative(one) }));
}

// Their rows: the output, and by what it changes when the number does.
function dependentTable(readers, gives, name) {
  const rows = readers.slice(0, MOST_TERMS).map(({ output, derivative }) => make("tr", {},
    make("td", {}, `\u2202${gives.label(output)} / \u2202${name}`),
    make("td", {}, derivative && derivative.name !== "1" ? derivative.name : ""),
    make("td", {}, derivative ? gives.write(derivative.value) : "\u2026")));
  const rest = readers.length - rows.length;
  if (rest > 0) rows.push(make("tr", { class: "rest" }, make("td", { colspan: 3 }, say("moreDependents", { n: rest }))));
  return make("table", { class: "terms" }, make("tbody", {}, rows));
}
