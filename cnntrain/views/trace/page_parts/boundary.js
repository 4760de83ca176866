// The decision boundary of a network that reads two numbers, over the plane of its training samples.

const GRID = 60;
const BOUNDARY_SIZE = 260;
const MARGIN = 0.12; // of the range of the samples
const CLASS_COLOURS = [[69, 117, 180], [214, 96, 12], [44, 140, 90], [150, 80, 170], [190, 150, 20], [90, 90, 90]];

const hasBoundary = () => Boolean(trace.points) && updateNow().losses.length === 1 && canPlay(updateNow())
  && updateNow().layers.every(({ rule }) => ["dense", "elementwise", "mask", "same"].includes(rule.as));

// The layers as functions of a list of numbers; dropout is only for training.
function functionOf(layer) {
  const { W, b } = blocksOf(layer);
  const { as, lines, constants } = layer.rule;
  if (as === "elementwise") return (a) => a.map((z) => resultOf(lines, { ...constants, z }));
  if (as !== "dense") return (a) => a;
  const units = range(W.shape[0]);
  return (a) => units.map((k) => a.reduce((sum, value, j) => sum + W.at(k * a.length + j) * value, b ? b.at(k) : 0));
}

// The class of outputs, and how far they are from the boundary: positive for the second class.
function judged(outputs, threshold) {
  if (outputs.length > 2) return { label: outputs.indexOf(Math.max(...outputs)) };
  const score = outputs.length === 2 ? outputs[1] - outputs[0] : outputs[0] - threshold;
  return { label: Number(score > 0), score };
}

function judge() {
  const { layers } = updateNow();
  const steps = layers.map(functionOf);
  const threshold = /sigmoid/.test(layers.at(-1).kind) ? 0.5 : 0;
  return (point) => judged(steps.reduce((a, step) => step(a), point), threshold);
}

const spread = (values) => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const more = MARGIN * (high - low || 1);
  return [low - more, high + more];
};

class Boundary {
  constructor() {
    const dots = Math.ceil(window.devicePixelRatio || 1);
    const size = BOUNDARY_SIZE * dots;
    this.canvas = make("canvas", { id: "boundary", width: size, height: size, role: "img", "aria-label": say("boundary"), style: `width: ${BOUNDARY_SIZE}px` });
    this.told = make("figcaption", { class: "note" });
    this.element = make("figure", {}, this.canvas, this.told);
    this.ranges = [0, 1].map((axis) => spread(trace.points.x.map((point) => point[axis])));
  }

  at(column, row) {
    const [[left, right], [bottom, top]] = this.ranges;
    return [left + ((column + 0.5) / GRID) * (right - left), top - ((row + 0.5) / GRID) * (top - bottom)];
  }

  show() {
    const classify = judge();
    const cells = range(GRID * GRID).map((i) => classify(this.at(i % GRID, Math.floor(i / GRID))));
    this.paint(cells);
    const { x, labels } = trace.points;
    const found = x.map((point) => classify(point).label);
    this.points(labels);
    this.told.textContent = say("rightPoints", { right: found.filter((label, i) => label === labels[i]).length, n: x.length });
  }

  paint(cells) {
    const reach = Math.max(...cells.map(({ score }) => Math.abs(score ?? 0))) || 1;
    const image = make("canvas", { width: GRID, height: GRID });
    const pixels = new ImageData(GRID, GRID);
    cells.forEach(({ label, score }, i) => {
      const back = score === undefined ? CLASS_COLOURS[label % CLASS_COLOURS.length] : colour(score, { signed: true, reach });
      const other = [i % GRID < GRID - 1 ? cells[i + 1] : null, cells[i + GRID]].some((next) => next && next.label !== label);
      pixels.data.set(other ? [...(isDark() ? [255, 255, 255] : [20, 20, 20]), 255] : [...back, 255], 4 * i);
    });
    image.getContext("2d").putImageData(pixels, 0, 0);
    const pen = this.canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
  }

  // The training samples in the colours of their classes; those of the update have a second ring.
  points(labels) {
    const pen = this.canvas.getContext("2d");
    const { width } = this.canvas;
    const radius = width / 70;
    trace.points.x.forEach((point, i) => {
      const [x, y] = point.map((value, axis) => ((value - this.ranges[axis][0]) / (this.ranges[axis][1] - this.ranges[axis][0])) * width);
      const ring = (r, fill) => { pen.fillStyle = fill; pen.beginPath(); pen.arc(x, width - y, r, 0, 2 * Math.PI); pen.fill(); };
      if (trace.samples.includes(i)) ring(radius * 2, isDark() ? "#ffffff" : "#000000");
      ring(radius * 1.4, "#ffffff");
      ring(radius, css(CLASS_COLOURS[labels[i] % CLASS_COLOURS.length]));
    });
  }
}
