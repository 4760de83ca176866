// A small MLP as neurons and weighted edges, coloured by value; δ flows back along them.

const MOST_UNITS = 12;
const NEURON = { radius: 17, across: 150, down: 42, margin: 26 };
const LEAST_COLOUR = 0.35; // of the strongest, so that no edge is invisible

// Whether the whole network is a chain of few units per layer.
function isSmallMlp() {
  const { layers } = updateNow();
  const names = trace.nodes.map((node) => node.name);
  const isChain = trace.edges.length === names.length - 1 && layers.length === names.length - 1
    && trace.edges.every(([from, to], i) => from === names[i] && to === names[i + 1]);
  const isSmall = trace.nodes.every(({ shape }) => shape.length === 1 && shape[0] <= MOST_UNITS);
  const isKnown = layers.every(({ rule }) => ["dense", "elementwise", "mask"].includes(rule.as));
  return isChain && isSmall && isKnown && layers.some(({ rule }) => rule.as === "dense");
}

// The edges into a layer: [from, to, value], and the weight that each stands for.
function edgesOf(layer, isBack) {
  const { W, delta, gives } = blocksOf(layer);
  if (layer.rule.as !== "dense") return range(gives.size).map((k) => ({ from: k, to: k }));
  return range(W.size).map((place) => {
    const [to, from] = W.index(place);
    return { from, to, place, name: W.name, value: W.at(place) * (isBack ? delta.at(to) : 1) };
  });
}

class NeuronView {
  constructor(choose) {
    this.choose = choose;
    this.most = Math.max(...trace.nodes.map(({ shape }) => shape[0]));
    const width = 2 * NEURON.margin + (trace.nodes.length - 1) * NEURON.across;
    const height = 2 * NEURON.margin + (this.most - 1) * NEURON.down;
    this.element = svg("svg", { id: "neurons", role: "img", "aria-label": say("neurons"), viewBox: `0 0 ${width} ${height}` });
    this.element.style.width = `${width}px`;
  }

  place(column, unit) {
    const units = trace.nodes[column].shape[0];
    return [NEURON.margin + column * NEURON.across, NEURON.margin + ((this.most - units) / 2 + unit) * NEURON.down];
  }

  // `seen`: what every node shows so far, as for the network above.
  show(step, seen) {
    const edges = updateNow().layers.flatMap((layer, i) => this.edges(layer, i, step));
    const units = trace.nodes.flatMap(({ name, shape: [size] }, column) => {
      return range(size).map((unit) => this.unit(column, unit, seen.get(name)?.[1]));
    });
    this.element.replaceChildren(...edges, ...units.flat());
  }

  edges(layer, column, step) {
    const isBack = step.phase === "backward" && step.node === layer.name;
    const isNow = step.node === layer.name;
    const all = edgesOf(layer, isBack);
    const reach = Math.max(...all.map(({ value }) => Math.abs(value ?? 0))) || 1;
    return all.map((edge) => this.edge(edge, column, reach, isBack ? "back" : isNow ? "ahead" : ""));
  }

  edge({ from, to, value, name, place }, column, reach, way) {
    const [[x1, y1], [x2, y2]] = [this.place(column, from), this.place(column + 1, to)];
    const part = Math.abs(value ?? 0) / reach;
    const seen = Math.sign(value) * Math.max(part, LEAST_COLOUR);
    const line = svg("line", {
      x1, y1, x2, y2, class: `edge ${way}`, "stroke-width": 1 + 4 * part,
      stroke: value === undefined ? "var(--line)" : css(colour(seen, { signed: true, reach: 1 })),
    });
    if (name === undefined) return line;
    line.dataset.weight = `${name}:${place}`;
    line.dataset.value = value;
    line.addEventListener("click", () => this.choose(name, place));
    return line;
  }

  unit(column, unit, block) {
    const [cx, cy] = this.place(column, unit);
    const value = block?.at(unit);
    const back = value === undefined ? null : colour(value, block.scale);
    const circle = svg("circle", { cx, cy, r: NEURON.radius, fill: back ? css(back) : "var(--ground)" });
    if (!back) return [circle];
    circle.dataset.value = value;
    const text = svg("text", { x: cx, y: cy, fill: inkOn(back) });
    text.textContent = short(value, 2);
    return [circle, text];
  }
}
