// The network from input to loss: a button for every node, edges, and a moving dot.

const BOX = { width: 90, height: 96, gap: 20, lane: 122, top: 12 };
const LOSS = "loss"; // the name of the node

// Column: the longest path from the input. Lane: the first free one in the column.
function placeNodes() {
  const losses = updateNow().losses;
  const nodes = [...trace.nodes, { name: LOSS, kind: LOSS, shape: [] }];
  const edges = [...trace.edges, ...losses.map((one) => [one.layer, LOSS])];
  const columns = new Map();
  const taken = new Map();
  for (const node of nodes) {
    const from = edges.filter(([, to]) => to === node.name).map(([name]) => columns.get(name));
    const column = from.length ? Math.max(...from) + 1 : 0;
    columns.set(node.name, column);
    const lane = taken.get(column) ?? 0;
    taken.set(column, lane + 1);
    Object.assign(node, { column, lane });
  }
  return { nodes, edges, lanes: Math.max(...taken.values()) };
}

// How far an edge rises to pass over others.
const riseOf = (a, b) => (a.lane === b.lane && b.column - a.column > 1 ? 10 + 5 * Math.min(b.column - a.column, 6) : 0);

function edgePath(a, b, top) {
  const [x1, x2] = [a.column * (BOX.width + BOX.gap) + BOX.width, b.column * (BOX.width + BOX.gap)];
  const [y1, y2] = [a, b].map((node) => top + node.lane * BOX.lane + BOX.height / 2);
  const rise = riseOf(a, b);
  if (!rise) { // along the lower lane, changing to the other one in the gap between columns
    const [turn, end] = y1 > y2 ? [x2 - BOX.gap, x2] : [x1, x1 + BOX.gap];
    const middle = (turn + end) / 2;
    return `M${x1} ${y1} L${turn} ${y1} C${middle} ${y1} ${middle} ${y2} ${end} ${y2} L${x2} ${y2}`;
  }
  const over = y1 - BOX.height / 2 - rise;
  const [from, to] = [x1 - BOX.width / 2, x2 + BOX.width / 2];
  return `M${from} ${y1 - BOX.height / 2} C${from} ${over} ${from} ${over} ${from + 30} ${over} ` +
    `L${to - 30} ${over} C${to} ${over} ${to} ${over} ${to} ${y2 - BOX.height / 2}`;
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}

// A small picture of a block: up to four maps, or a vector as a square.
function thumbnail(canvas, block) {
  const { maps, rows, columns, isVector } = layoutOf(block);
  const wide = isVector ? Math.ceil(Math.sqrt(block.size)) : columns;
  const [across, down] = isVector && block.size <= 12 ? [1, block.size] : [wide, isVector ? Math.ceil(block.size / wide) : rows];
  const tiles = maps >= 4 && block.kept >= 4 * rows * columns ? 2 : 1;
  const scale = scaleOf(block);
  const pen = canvas.getContext("2d");
  const size = canvas.width / tiles;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (let tile = 0; tile < tiles * tiles; tile++) {
    const cell = size / Math.max(across, down);
    const left = (tile % tiles) * size + (size - cell * across) / 2;
    const top = Math.floor(tile / tiles) * size + (size - cell * down) / 2;
    for (let i = 0; i < across * down; i++) {
      const value = block.at(tile * across * down + i);
      if (value === undefined || (isVector && i >= block.size)) continue;
      pen.fillStyle = css(colour(value, scale));
      const [x, y] = [left + (i % across) * cell, top + Math.floor(i / across) * cell];
      pen.fillRect(Math.floor(x), Math.floor(y), Math.ceil(x + cell) - Math.floor(x), Math.ceil(y + cell) - Math.floor(y));
    }
  }
}

class NetworkView {
  constructor(root, go) {
    const { nodes, edges, lanes } = placeNodes();
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const ends = edges.map(([a, b]) => [byName.get(a), byName.get(b)]);
    const top = BOX.top + Math.max(0, ...ends.map(([a, b]) => riseOf(a, b)));
    const last = Math.max(...nodes.map((node) => node.column));
    const width = (last + 1) * (BOX.width + BOX.gap) - BOX.gap;
    const height = top + (lanes - 1) * BOX.lane + BOX.height + 4;
    this.drawing = svg("svg", { width, height, "aria-hidden": "true" });
    this.paths = ends.map(([a, b]) => {
      const path = svg("path", { d: edgePath(a, b, top), "data-from": a.name, "data-to": b.name });
      this.drawing.append(path);
      return path;
    });
    this.buttons = new Map(nodes.map((node) => [node.name, this.button(node, top, go)]));
    this.board = make("div", { class: "board", style: `width: ${width}px; height: ${height}px` },
      this.drawing, ...this.buttons.values());
    this.root = root;
    root.replaceChildren(this.board);
  }

  button(node, top, go) {
    const sizes = node.shape.length ? node.shape.join("\u00d7") : "";
    const element = make("button", {
      type: "button", class: "node", "data-node": node.name, title: node.name === LOSS ? say("loss") : `${node.name}: ${node.kind} ${sizes}`,
      style: `left: ${node.column * (BOX.width + BOX.gap)}px; top: ${top + node.lane * BOX.lane}px`,
    }, node.name === LOSS ? make("output", {}, "C") : make("canvas", { width: 88, height: 88 }),
    make("b", {}, node.name === LOSS ? say("loss") : node.name), make("small", {}, sizes || "\u00a0"));
    element.addEventListener("click", () => go(node.name));
    return element;
  }

  // One step: {node, phase}; `seen`: {name: ["forward" | "backward", block]} of what is known so far.
  show(step, seen) {
    for (const [name, button] of this.buttons) {
      const [side, content] = seen.get(name) ?? ["", null];
      button.dataset.side = side;
      button.toggleAttribute("data-now", name === step.node);
      if (name === step.node) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      const canvas = button.querySelector("canvas");
      if (canvas && content) thumbnail(canvas, content);
      else if (canvas) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      else button.querySelector("output").textContent = content ? `C = ${short(content, 4)}` : "C";
    }
    const isBack = step.phase === "backward";
    for (const path of this.paths) {
      const isActive = isBack ? path.dataset.from === step.node
        : step.phase !== "update" && path.dataset.to === step.node;
      path.dataset.side = isActive ? (isBack ? "backward" : "forward") : "";
    }
    this.move(isBack);
    this.reveal(step.node);
  }

  // Dots along the active edges: forward with the data, backward with δ.
  move(isBack) {
    this.board.querySelectorAll(".dot").forEach((dot) => dot.remove());
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const path of this.paths.filter((one) => one.dataset.side)) {
      const dot = make("i", { class: `dot ${path.dataset.side}`, style: `offset-path: path("${path.getAttribute("d")}")` });
      this.board.append(dot);
      const way = isBack ? ["100%", "0%"] : ["0%", "100%"];
      dot.animate({ offsetDistance: way }, { duration: 1100, iterations: 3, easing: "ease-in-out" })
        .onfinish = () => dot.remove();
    }
  }

  reveal(name) {
    const button = this.buttons.get(name);
    if (!button) return;
    const left = button.offsetLeft + button.offsetWidth / 2 - this.root.clientWidth / 2;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.root.scrollTo({ left, behavior });
  }
}
