// The content of each step: its formula, its blocks of numbers, and how the chosen one is computed.

const sentence = (...children) => make("p", { class: "lead" }, ...children);
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

const inputStage = () => {
  const input = activation(updateNow().input);
  const label = updateNow().losses[0]?.labels?.[chosen.sample];
  const told = label === undefined ? "" : `, of class ${trace.classes?.[label] ?? label}`;
  return [title("forward", "input", "a"), sentence(`Training sample ${trace.samples[chosen.sample]}${told}, as read by the network.`),
    make("div", { class: "panels" }, new Panel(input, { side: "forward" }).element)];
};

function forwardStage(layer) {
  const blocks = blocksOf(layer);
  const panels = [];
  const [box, columns] = withExplanation(panels,
    group(layer.reads.length > 1 ? "inputs" : `input ${layer.reads[0].letter}`,
      ...blocks.reads.map((block) => shown(panels, block, { side: "forward" }))),
    layer.params.length ? group("with", ...layer.params.map((one) => shown(panels, blocks[one.letter]))) : "",
    group(`output ${layer.gives.letter}`, shown(panels, blocks.gives, {
      side: "forward", pick: (k) => box.show(explainForward(layer, blocks, k)),
    })));
  box.show(explainForward(layer, blocks, strongest(blocks.gives, reachOf(panels.at(-1)))));
  return [title("forward", layer.name, `${layer.kind}, forward`), formula(layer.formula), columns];
}

const reachOf = (panel) => Math.min(panel.block.kept, panel.shown * panel.each);

function shown(panels, block, options) {
  const panel = new Panel(block, options);
  panels.push(panel);
  return panel.element;
}

function backwardStage(layer) {
  const blocks = blocksOf(layer);
  const panels = [];
  const letters = layer.to_params.map((one) => one.of.split(".").pop());
  const [box, columns] = withExplanation(panels,
    group(`incoming \u2202C/\u2202${layer.gives.letter}`, shown(panels, blocks.delta, { side: "backward", say: sendersOf(layer) })),
    group("uses", ...layer.params.filter((one) => one.letter !== "b").map((one) => shown(panels, blocks[one.letter])),
      blocks.slope ? shown(panels, blocks.slope, { title: layer.rule.as === "mask" ? "mask M" : "slope f\u2032(z)" }) : "",
      ...blocks.reads.map((block) => shown(panels, block, { side: "forward" }))),
    layer.to_params.length ? group("parameter gradients", ...layer.to_params.map((one, i) => {
      return shown(panels, blocks[`d${letters[i]}`], {
        side: "backward", pick: (k) => box.show(explainGradient(layer, blocks, letters[i], k)),
      });
    })) : "",
    group("passed back", ...blocks.to.map((block, input) => shown(panels, block, {
      side: "backward", pick: (k) => box.show(explainBackward(layer, blocks, input, k)),
    }))));
  const [first] = blocks.to;
  const back = panels.find((panel) => panel.block === first);
  box.show(explainBackward(layer, blocks, 0, strongest(first, reachOf(back))));
  const formulas = new Set([...layer.to_inputs, ...layer.to_params].map((one) => one.formula));
  return [title("backward", layer.name, `${layer.kind}, backward`),
    make("div", { class: "formulas" }, ...[...formulas].map(formula)), columns];
}

// The sources of δ, if there is more than one.
function sendersOf(layer) {
  const readers = trace.edges.filter(([from]) => from === layer.name).map(([, to]) => to);
  const losses = updateNow().losses.filter((one) => one.layer === layer.name).map(() => "the loss");
  const all = [...readers, ...losses];
  return all.length > 1 ? `the sum of the contributions from ${all.join(" and ")}` : undefined;
}

function lossStage() {
  const { losses, cost, penalty } = updateNow();
  const parts = losses.map((loss) => {
    const output = activation(loss.output);
    const delta = new Block("\u03b4", loss.delta, true);
    const label = loss.labels?.[chosen.sample];
    const told = label === undefined ? "" : `class ${trace.classes?.[label] ?? label}`;
    const target = loss.targets && new Block("t", loss.targets, true);
    const panels = [];
    const box = new ExplanationBox(panels);
    const pick = (k) => {
      box.show(explainLoss(loss, output, target, delta, k));
      panels.forEach((panel) => panel.mark([], k));
    };
    const part = make("div", {}, make("h3", {}, `${loss.kind} of ${loss.output.name}`, loss.weight === 1 ? "" : ` (times ${loss.weight})`),
      make("div", { class: "formulas" }, formula(loss.formula), formula(loss.delta_formula)),
      make("div", { class: "columns" }, make("div", { class: "panels" },
        shown(panels, output, { side: "forward", pick }),
        target ? shown(panels, target, { title: "target t", pick })
          : make("figure", { class: "panel" }, make("figcaption", {}, make("b", {}, "target t")), make("p", { class: "big" }, told)),
        shown(panels, delta, { title: `\u03b4 = \u2202C/\u2202${loss.output.name}`, side: "backward", pick })),
      box.element));
    pick(label ?? strongest(delta));
    return part;
  });
  const samples = trace.samples.length > 1 ? ` (over ${trace.samples.length} samples)` : "";
  return [title("loss", "loss", "how wrong is the output?"),
    sentence("The cost C", samples, " is ", make("b", { class: "big" }, write(cost[0], 8)),
      penalty.value ? `, including a penalty on large weights of ${write(penalty.value, 8)}` : "",
      ". Its derivative \u03b4 gives, for every output, how fast C grows with it. It is passed back through the network."),
    ...parts];
}

function updateStage() {
  const { updates, rule, lr, cost } = updateNow();
  const change = cost[1] - cost[0];
  const rows = updates.map((one) => {
    const before = new Block(one.name, one.before, false);
    if (one.frozen) return group(`${one.name}: frozen`, new Panel(before, { isSmall: true }).element);
    const after = new Block(one.name, one.after, false);
    const changed = difference(before, after);
    const scale = scaleOf(before, after);
    const gradient = new Block(`\u2202C/\u2202${one.name}`, one.gradient, false);
    return updateRow(one, before, gradient, changed, after, scale);
  });
  return [title("update", "update", "every weight takes a step downhill"),
    make("div", { class: "formulas" }, ...rule.map(formula)),
    sentence("Every array W becomes W + \u0394W; g is its gradient, \u2202C/\u2202W. With the learning rate \u03b7 = ",
      String(Number(lr.toPrecision(6))), " the cost of the same samples goes from ",
      make("b", { class: "big" }, write(cost[0], 8)), " to ", make("b", { class: "big" }, write(cost[1], 8)),
      ` (${change > 0 ? "+" : ""}${write(change, 8)}).`), ...rows];
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
  const title = one.as_is ? "gradient g" : "gradient g, with penalty or clipping";
  const content = group(one.name,
    shown(panels, before, { title: "before", scale, pick, isSmall: true }),
    shown(panels, gradient, { title, side: "backward", pick, isSmall: true }),
    shown(panels, changed, { title: "change", side: "backward", pick, isSmall: true }),
    shown(panels, after, { title: "after", scale, side: "forward", pick, isSmall: true }));
  return make("div", { class: "update-row" }, content, box.element);
}

// The change of a block, from its values before and after.
function difference(before, after) {
  const changed = Object.create(before);
  changed.name = `\u0394${before.name}`;
  changed.numbers = after.numbers.map((value, k) => value - before.numbers[k]);
  return changed;
}
