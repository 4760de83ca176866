// The content of each step: its formula, its blocks of numbers, and how the chosen one is computed.

const sentence = (...children) => make("p", { class: "lead" }, ...children);
const big = (value) => make("b", { class: "big" }, write(value, 8));
const group = (title, ...children) => make("div", { class: "group" }, make("h3", {}, title),
  make("div", { class: "panels" }, ...children));

function title(side, name, what) {
  return make("h2", { class: side }, make("b", {}, name), " ", what);
}

// The position of the largest number, which is explained until another is selected.
function strongest(block, among = block.kept) {
  let best = 0;
  for (let k = 1; k < among; k++) if (Math.abs(block.at(k)) > Math.abs(block.at(best))) best = k;
  return best;
}

function withExplanation(panels, ...content) {
  const box = new ExplanationBox(panels);
  return [box, make("div", { class: "columns" }, make("div", { class: "flow" }, ...content), box.element)];
}

const className = (label) => trace.classes?.[label] ?? label;

const inputStage = () => {
  const input = activation(updateNow().input);
  const label = updateNow().losses[0]?.labels?.[chosen.sample];
  const values = { sample: trace.samples[chosen.sample], label: className(label) };
  return [title("forward", say("input"), "a"), sentence(say(label === undefined ? "readSample" : "readSampleOfClass", values)),
    make("div", { class: "panels" }, ...[photoOf(chosen.sample)].filter(Boolean), new Panel(input, { side: "forward" }).element)];
};

function forwardStage(layer) {
  const blocks = blocksOf(layer);
  const panels = [];
  const isTraced = hasDependents(layer, blocks);
  const read = (block, options) => shown(panels, block, {
    ...options, ...(isTraced && { pick: (k) => box.showDependents(block, k, dependentsOf(layer, blocks, block, k), blocks.gives) }),
  });
  const [box, columns] = withExplanation(panels,
    group(layer.reads.length > 1 ? say("inputs") : say("inputLetter", layer.reads[0]),
      ...blocks.reads.map((block) => read(block, { side: "forward" }))),
    layer.params.length ? group(say("with"), ...layer.params.map((one) => read(blocks[one.letter]))) : "",
    group(say("outputLetter", layer.gives), shown(panels, blocks.gives, {
      side: "forward", pick: (k) => box.show(explainForward(layer, blocks, k)),
    })));
  box.show(explainForward(layer, blocks, strongest(blocks.gives, reachOf(panels.at(-1)))));
  return [title("forward", layer.name, say("kindForward", layer)), formula(layer.formula), columns];
}

const reachOf = (panel) => Math.min(panel.block.kept, panel.shown * panel.each);

function shown(panels, block, options) {
  const panel = new Panel(block, options);
  panels.push(panel);
  return panel.element;
}

function lossStage() {
  const { losses, cost, penalty } = updateNow();
  const parts = losses.map((loss) => {
    const output = activation(loss.output);
    const delta = new Block("\u03b4", loss.delta, true);
    const label = loss.labels?.[chosen.sample];
    const told = label === undefined ? "" : say("ofClass", { label: className(label) });
    const target = loss.targets && new Block("t", loss.targets, true);
    const panels = [];
    const box = new ExplanationBox(panels);
    const pick = (k) => {
      box.show(explainLoss(loss, output, target, delta, k));
      panels.forEach((panel) => panel.mark([], k));
    };
    const part = make("div", {}, make("h3", {}, say("lossOf", { kind: loss.kind, output: loss.output.name }), loss.weight === 1 ? "" : say("times", loss)),
      make("div", { class: "formulas" }, formula(loss.formula), formula(loss.delta_formula)),
      make("div", { class: "columns" }, make("div", { class: "panels" },
        shown(panels, output, { side: "forward", pick }),
        target ? shown(panels, target, { title: say("target"), pick })
          : make("figure", { class: "panel" }, make("figcaption", {}, make("b", {}, say("target"))), make("p", { class: "big" }, told)),
        shown(panels, delta, { title: `\u03b4 = \u2202C/\u2202${loss.output.name}`, side: "backward", pick })),
      box.element));
    pick(label ?? strongest(delta));
    return part;
  });
  const samples = trace.samples.length > 1 ? say("overSamples", { n: trace.samples.length }) : "";
  return [title("loss", say("loss"), say("howWrong")),
    sentence(sayWith("costIs", { samples, cost: big(cost[0]) }),
      penalty.value ? say("penaltyIs", { penalty: write(penalty.value, 8) }) : "", say("deltaTells")),
    ...parts];
}

function updateStage() {
  const { updates, rule, lr, cost } = updateNow();
  const change = cost[1] - cost[0];
  const rows = updates.map((one) => {
    const before = new Block(one.name, one.before, false);
    if (one.frozen) return group(say("frozen", one), new Panel(before, { isSmall: true }).element);
    const after = new Block(one.name, one.after, false);
    const changed = difference(before, after);
    const scale = scaleOf(before, after);
    const gradient = new Block(`\u2202C/\u2202${one.name}`, one.gradient, false);
    return updateRow(one, before, gradient, changed, after, scale);
  });
  return [title("update", say("update"), say("downhill")),
    make("div", { class: "formulas" }, ...rule.map(formula)),
    sentence(sayWith("costGoes", {
      lr: Number(lr.toPrecision(6)), before: big(cost[0]), after: big(cost[1]),
      change: `${change > 0 ? "+" : ""}${write(change, 8)}`,
    })), ...rows];
}

function updateRow(one, before, gradient, changed, after, scale) {
  const panels = [];
  const box = new ExplanationBox(panels);
  const pick = (k) => {
    const terms = [term([named(before, k)]), term([{ ...named(changed, k), name: changed.label(k) }])];
    const sum = found(after, k, say("oldPlusChange"), terms);
    box.show(one.lines ? { ...sum, links: explainChange(one, changed, k).links } : sum);
    panels.forEach((panel) => panel.mark([], k));
  };
  const title = say(one.as_is ? "gradient" : "changedGradient");
  const content = group(one.name,
    shown(panels, before, { title: say("before"), scale, pick, isSmall: true }),
    shown(panels, gradient, { title, side: "backward", pick, isSmall: true }),
    shown(panels, changed, { title: say("change"), side: "backward", pick, isSmall: true }),
    shown(panels, after, { title: say("after"), scale, side: "forward", pick, isSmall: true }));
  return make("div", { class: "update-row" }, content, box.element);
}

// The change of a block, from its values before and after.
function difference(before, after) {
  const changed = Object.create(before);
  changed.name = `\u0394${before.name}`;
  changed.numbers = after.numbers.map((value, k) => value - before.numbers[k]);
  return changed;
}
