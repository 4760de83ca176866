// Links to a step and a cell, such as #step=12&cell=conv1.W[0,0,1,1], and the address kept up to date.

const ADDRESS_MS = 200; // browsers limit how often an address may change
let panelsNow = []; // of the step that is shown
let pendingAddress = 0;

function setAddress(cell = "") {
  clearTimeout(pendingAddress);
  history.replaceState(null, "", `#step=${chosen.step + 1}${cell && `&cell=${cell}`}`);
}

function setAddressSoon(cell) {
  clearTimeout(pendingAddress);
  pendingAddress = setTimeout(() => setAddress(cell), ADDRESS_MS);
}

// "conv1.W[0,1]" as ["conv1.W", [0, 1]].
function readCell(text) {
  const parts = /^(.+)\[([\d,]+)\]$/.exec(text ?? "");
  return parts && [parts[1], parts[2].split(",").map(Number)];
}

// The position within a sample, or -1; the index of the sample comes last.
function placeIn(block, index) {
  const sizes = block.samples > 1 ? [...block.shape, block.samples] : block.shape;
  if (index.length !== sizes.length || index.some((i, axis) => i >= sizes[axis])) return -1;
  if (block.samples > 1) chosen.sample = index.at(-1);
  return block.place(...index.slice(0, block.shape.length));
}

// The step that a link names, from 1.
function followStep(steps) {
  const step = Number(new URLSearchParams(location.hash.slice(1)).get("step"));
  if (step >= 1 && step <= steps) chosen.step = step - 1;
}

const pickablePanel = (name) => panelsNow.find(({ block, options }) => options.pick && block.name === name);

// The cell that a link names: explained where it can be, its gradient where only that can.
function followCell() {
  const [name, index] = readCell(new URLSearchParams(location.hash.slice(1)).get("cell")) ?? [];
  render();
  const panel = pickablePanel(name) ?? pickablePanel(`\u2202C/\u2202${name}`);
  if (!panel) return;
  const before = chosen.sample;
  const k = placeIn(panel.block, index);
  if (k < 0 || k >= panel.block.kept) return;
  if (chosen.sample !== before) render();
  pickablePanel(panel.block.name).pick(k);
}
