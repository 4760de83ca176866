// The controls for playing: a chosen number, \u03b7, nudges, repeated updates.

const original = new Map(); // of every update that was played with
const NUDGES = [0.1, 0.01, 0.001, 0.0001];

function liveStep() {
  if (!original.has(chosen.update)) {
    original.set(chosen.update, updateNow());
    trace.steps[chosen.update] = livelyCopy(updateNow());
  }
  return updateNow();
}

// The array of this name that can be changed: the input, or a parameter.
function changeable(step, name) {
  if (name === "input") return activation(step.input);
  const found = step.layers.flatMap((layer) => layer.params).find((one) => one.name === name);
  return found && parameter(found);
}

class PlayBar {
  constructor(root) {
    this.root = root;
    this.target = null;
    this.value = make("input", { type: "number", step: "any", id: "play-value", "aria-label": say("value") });
    this.lr = make("input", { type: "number", step: "any", min: 0, id: "play-lr", "aria-label": "\u03b7" });
    this.name = make("b", { id: "play-name" }, say("pickOne"));
    this.cost = make("output", { id: "play-cost" });
    this.nudges = make("p", { id: "play-nudges", class: "note" });
    this.value.addEventListener("change", () => this.set(Number(this.value.value)));
    this.lr.addEventListener("change", () => this.setRate(Number(this.lr.value)));
    const button = (id, act) => {
      const one = make("button", { type: "button", id: `play-${id}` }, say(id));
      one.addEventListener("click", act);
      return one;
    };
    this.obstacle = make("p", { id: "play-obstacle", class: "note" });
    this.row = make("div", { class: "row" },
      make("label", {}, this.name, " = ", this.value), button("nudge", () => this.nudge()),
      make("label", {}, "\u03b7 = ", this.lr), button("repeat", () => this.repeat()), button("reset", () => this.reset()),
      this.cost);
    this.neurons = isSmallMlp() ? new NeuronView((name, k) => this.choose(name, k)) : null;
    this.boundary = hasBoundary() ? new Boundary() : null;
    const pictures = [this.neurons?.element, this.boundary?.element].filter(Boolean);
    const title = say(pictures.length ? "playWithPictures" : "playTitle");
    root.append(make("summary", { id: "play-title" }, title), this.obstacle, this.row, this.nudges,
      make("div", { class: "row" }, ...pictures));
    root.addEventListener("toggle", () => this.draw());
  }

  choose(name, k) {
    const block = changeable(updateNow(), name);
    if (!block || !canPlay(updateNow())) return;
    this.target = { name, k };
    this.root.open = true;
    this.nudges.textContent = "";
    render();
  }

  set(value) {
    if (!this.target || !Number.isFinite(value)) return;
    const step = liveStep();
    const block = changeable(step, this.target.name);
    block.numbers[this.target.k * block.samples + (block.samples > 1 ? chosen.sample : 0)] = value;
    this.follow();
  }

  setRate(value) {
    const step = liveStep();
    const scale = value / step.lr;
    step.updates.filter((one) => !one.frozen).forEach((one) => { one.lr = step.lr ? one.lr * scale : value; });
    step.lr = value;
    this.follow();
  }

  repeat() {
    takeUpdate(liveStep());
    this.follow();
  }

  reset() {
    if (original.has(chosen.update)) trace.steps[chosen.update] = original.get(chosen.update);
    original.delete(chosen.update);
    this.nudges.textContent = "";
    render();
  }

  follow() {
    recompute(updateNow());
    render();
  }

  // \u0394C/\u0394W for smaller and smaller \u0394W, beside the gradient.
  nudge() {
    if (!this.target) return;
    const step = liveStep();
    recompute(step);
    const block = changeable(step, this.target.name);
    const at = this.target.k * block.samples + (block.samples > 1 ? chosen.sample : 0);
    const before = block.numbers[at];
    const base = costOf(step);
    const slopes = NUDGES.map((h) => {
      block.numbers[at] = before + h;
      forwardAll(step);
      return `${h}: ${write((costOf(step) - base) / h, 8)}`;
    });
    block.numbers[at] = before;
    forwardAll(step);
    this.nudges.textContent = `\u0394C/\u0394, ${slopes.join("  ")}  \u2192 \u2202C/\u2202 = ${write(this.gradient(step), 8)}`;
  }

  gradient(step) {
    const { name, k } = this.target;
    if (name === "input") return new Block("", step.input.delta, true).at(k);
    const found = step.layers.flatMap((layer) => layer.to_params).find(({ of }) => of === name);
    return found ? new Block("", found.array, false).at(k) : undefined;
  }

  // The pictures, only while they can be seen.
  draw() {
    if (!this.root.open) return;
    this.neurons?.show(...this.now);
    this.boundary?.show();
  }

  show(at, seen) {
    const step = updateNow();
    const why = obstacle(original.get(chosen.update) ?? step);
    this.row.hidden = why !== "";
    this.obstacle.textContent = why;
    this.lr.value = step.lr;
    this.cost.textContent = `C = ${write(step.cost[0], 8)} \u2192 ${write(step.cost[1], 8)}`;
    this.now = [at, seen];
    this.draw();
    if (!this.target) return;
    const block = changeable(step, this.target.name);
    this.name.textContent = block.label(this.target.k);
    this.value.value = block.at(this.target.k);
  }
}
