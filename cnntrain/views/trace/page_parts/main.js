// The steps of an update and the controls to move through them: buttons, keys, menus.

const PLAY_MS = 1800; // of a step
const SPEEDS = [0.5, 1, 2, 4];
const layersOf = () => updateNow().layers;
const stage = document.getElementById("stage");
const byId = (id) => document.getElementById(id);

// input, forward layer by layer, loss, backward layer by layer, update
function tour() {
  const layers = layersOf();
  return [
    { phase: "input", node: "input", words: say("input") },
    ...layers.map((layer) => ({ phase: "forward", node: layer.name, layer, words: say("forwardOf", layer) })),
    { phase: "loss", node: LOSS, words: say("loss") },
    ...[...layers].reverse().map((layer) => ({ phase: "backward", node: layer.name, layer, words: say("backwardOf", layer) })),
    { phase: "update", node: "", words: say("update") },
  ];
}

function contentOf(step) {
  if (step.phase === "input") return inputStage();
  if (step.phase === "forward") return forwardStage(step.layer);
  if (step.phase === "loss") return lossStage();
  if (step.phase === "backward") return backwardStage(step.layer);
  return updateStage();
}

// What every node shows so far: its output after the forward pass, its δ after the backward pass.
function seenBy(steps, now) {
  const seen = new Map();
  steps.slice(0, now + 1).forEach((step) => {
    if (step.phase === "input") seen.set("input", ["forward", activation(updateNow().input)]);
    if (step.phase === "forward") seen.set(step.node, ["forward", activation(step.layer.gives)]);
    if (step.phase === "loss") seen.set(LOSS, ["loss", updateNow().cost[0]]);
    if (step.phase === "backward") seen.set(step.node, ["backward", deltaOf(step.layer)]);
  });
  return seen;
}

let view = null;
let playBar = null;

function render() {
  const steps = tour();
  const step = steps[chosen.step];
  panelsNow = [];
  closeCard();
  stage.replaceChildren(...contentOf(step));
  panelsNow.forEach((panel) => panel.reveal());
  const seen = seenBy(steps, chosen.step);
  view.show(step, seen);
  byId("progress").textContent = say("progress", { step: chosen.step + 1, of: steps.length, words: step.words });
  document.querySelector(".bar i").style.width = `${(100 * (chosen.step + 1)) / steps.length}%`;
  document.body.dataset.phase = step.phase;
  byId("back").disabled = byId("first").disabled = chosen.step === 0 && chosen.update === 0;
  byId("next").disabled = isAtEnd();
  byId("about").textContent = about(updateNow());
  byId("choose-update").querySelector("select").value = chosen.update;
  playBar.show(step, seen);
  setAddress();
}

function about({ step, lr }) {
  const [sample, ...more] = trace.samples;
  const samples = more.length ? say("samples", { n: more.length + 1 }) : say("oneSample", { sample });
  const told = say("about", { update: step + 1, samples, lr: Number(lr.toPrecision(6)) });
  return trace.augmented ? say("augmented", { told }) : told;
}

const isAtEnd = () => chosen.step === tour().length - 1 && chosen.update === trace.steps.length - 1;

function go(step, update = chosen.update) {
  chosen.step = step;
  chosen.update = update;
  render();
}

function next() {
  if (isAtEnd()) return pause();
  if (chosen.step < tour().length - 1) go(chosen.step + 1);
  else go(0, chosen.update + 1);
}

function back() {
  if (chosen.step > 0) go(chosen.step - 1);
  else if (chosen.update > 0) go(tour().length - 1, chosen.update - 1);
}

// Go to the step of a node: backward during the backward pass, else forward.
function goToNode(name) {
  const steps = tour();
  const isBack = ["backward", "update"].includes(steps[chosen.step].phase);
  const of = steps.map((step, i) => [step, i]).filter(([step]) => step.node === name);
  const wanted = of.find(([step]) => (step.phase === "backward") === isBack) ?? of[0];
  if (wanted) go(wanted[1]);
}

let playing = 0;

function pause() {
  clearInterval(playing);
  playing = 0;
  byId("play").textContent = say("play");
}

function play() {
  if (playing) return pause();
  if (isAtEnd()) go(0, 0);
  startPlaying();
  byId("play").textContent = say("pause");
}

function startPlaying() {
  clearInterval(playing);
  playing = setInterval(next, PLAY_MS / Number(byId("speed").value));
}

function onKey(event) {
  const isField = event.target.closest?.("select, input");
  if (isField || event.ctrlKey || event.metaKey || event.altKey) return;
  const isButton = event.target.closest?.("button");
  const actions = { ArrowRight: next, ArrowLeft: back, Home: () => go(0, 0),
    Escape: closeCard,
    End: () => go(tour().length - 1, trace.steps.length - 1), ...(!isButton && { " ": play }) };
  if (!actions[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  actions[event.key]();
}

// A menu, shown if there is more than one choice.
function choices(id, labels, choose) {
  const label = byId(id);
  const select = label.querySelector("select");
  select.append(...labels.map((text, i) => make("option", { value: i }, text)));
  select.addEventListener("change", () => choose(Number(select.value)));
  label.hidden = labels.length < 2;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = say(theme === "dark" ? "light" : "dark");
}

function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => { setTheme(dark.matches ? "dark" : "light"); render(); });
  byId("theme").addEventListener("click", () => { setTheme(isDark() ? "light" : "dark"); render(); });
  choices("choose-update", trace.steps.map((step) => String(step.step + 1)), (update) => go(chosen.step, update));
  choices("choose-sample", trace.samples.map(String), (sample) => { chosen.sample = sample; render(); });
  playBar = new PlayBar(byId("play-bar"));
  stage.addEventListener("click", ({ target }) => pickToPlay(target));
  view = new NetworkView(byId("network"), goToNode);
  for (const [id, action] of Object.entries({ first: () => go(0, 0), back, next })) {
    byId(id).addEventListener("click", () => { pause(); action(); });
  }
  byId("play").addEventListener("click", play);
  byId("speed").append(...SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 1 }, `${speed}\u00d7`)));
  byId("speed").addEventListener("change", () => playing && startPlaying());
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", follow);
  follow();
}

// A click on a number of the input or of a parameter chooses it to play with.
function pickToPlay(target) {
  const cell = target.closest?.(".panel [data-k]");
  if (cell) playBar.choose(cell.closest(".panel").dataset.name, Number(cell.dataset.k));
}

function follow() {
  followStep(tour().length);
  followCell();
}

start();
