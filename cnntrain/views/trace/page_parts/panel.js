// A block of numbers as a figure: small ones as coloured numbers, large ones as pictures.

const MOST_CELLS = 100; // shown as numbers
const MOST_TILES = 32; // maps shown of one block
const MOST_KERNELS = 192; // fewer if four blocks are side by side
const FEW_KERNELS = 64;

// How a block is laid out: maps of rows and columns; long vectors are wrapped.
function layoutOf(block) {
  const { shape, size } = block;
  if (shape.length > 2) {
    const [rows, columns] = shape.slice(-2);
    return { maps: size / (rows * columns), rows, columns };
  }
  if (shape.length === 2) return { maps: 1, rows: shape[0], columns: shape[1] };
  const columns = size <= 12 ? 1 : Math.min(20, size);
  return { maps: 1, rows: Math.ceil(size / columns), columns, isVector: true };
}

class Panel {
  // options: {title, say: words below, pick: (k) => ..., scale, side: "forward" | "backward", isSmall}
  constructor(block, options = {}) {
    this.block = block;
    this.options = options;
    Object.assign(this, layoutOf(block));
    this.each = this.rows * this.columns;
    this.marked = new Set();
    this.picked = -1;
    this.scale = options.scale ?? block.scale;
    const kernels = options.isSmall ? FEW_KERNELS : MOST_KERNELS;
    const most = block.shape.length === 4 ? kernels : MOST_TILES;
    this.shown = Math.max(1, Math.min(this.maps, most, Math.floor(block.kept / this.each) || 1));
    this.asNumbers = this.each * this.shown <= MOST_CELLS && this.columns <= 9;
    this.element = this.build();
  }

  build() {
    const { block, options } = this;
    const isPickable = Boolean(options.pick);
    this.tiles = make("div", {
      class: `tiles ${this.asNumbers ? "numbers" : "pictures"}`,
      ...(isPickable && {
        tabindex: 0, role: "application",
        "aria-label": say("selectNumber", { name: options.title ?? block.name, sizes: block.sizes }),
      }),
    });
    this.drawn = range(this.shown).map((map) => this.asNumbers ? this.table(map) : this.picture(map));
    this.tiles.append(...this.drawn.map((tile) => tile.element));
    if (block.shape.length === 4 && block.shape[1] > 1) {
      this.tiles.style.setProperty("--across", Math.min(block.shape[1], 16));
      this.tiles.classList.add("kernels");
    }
    if (isPickable) this.listen();
    panelsNow.push(this);
    const head = make("figcaption", {}, make("b", {}, options.title ?? block.name), " ",
      make("span", {}, block.sizes || "1"));
    return make("figure", { class: `panel ${options.side ?? ""}`, "data-name": block.name }, head,
      this.tiles, colourBar(this.scale, block), this.note(), options.say && make("p", {}, options.say));
  }

  note() {
    const { shown, maps, block } = this;
    if (shown < maps) return make("p", { class: "note" }, say("firstMaps", { shown, maps }));
    if (block.kept >= block.size) return null;
    const rows = Math.floor((block.kept / block.size) * block.shape[0]);
    return make("p", { class: "note" }, say("firstRows", { rows, all: block.shape[0] }));
  }

  table(map) {
    const element = make("div", { class: this.rows > 6 ? "table tight" : "table", style: `--columns: ${this.columns}` });
    const decimals = this.columns <= 2 ? (this.block.single ? 6 : 8) : this.columns <= 4 ? 4 : 2;
    const places = range(this.each).map((i) => map * this.each + i).filter((k) => k < this.block.size);
    const values = places.map((k) => this.block.at(k));
    const texts = aligned(values, decimals);
    const cells = places.map((k, i) => {
      if (values[i] === undefined) return make("span", { class: "cell" }, texts[i]);
      const back = colour(values[i], this.scale);
      return make("span", {
        class: "cell", "data-k": k, "data-value": values[i],
        style: `background: ${css(back)}; color: ${inkOn(back)}`,
      }, texts[i]);
    });
    element.append(...cells);
    return { element, cells, marks: () => cells.forEach((cell, i) => this.markCell(cell, map * this.each + i)) };
  }

  markCell(cell, k) {
    cell.classList.toggle("marked", this.marked.has(k));
    cell.classList.toggle("picked", this.picked === k);
  }

  picture(map) {
    const size = this.cellSize();
    const dots = Math.ceil(window.devicePixelRatio || 1);
    const element = make("canvas", {
      width: this.columns * size * dots, height: this.rows * size * dots, "data-map": map, "data-columns": this.columns,
      style: `width: ${this.columns * size}px; aspect-ratio: ${this.columns} / ${this.rows}`,
    });
    const image = this.imageOf(map);
    const marks = () => this.paint(element, image, map, size * dots);
    marks();
    return { element, marks };
  }

  // Pixels per number: fewer if there are many kernels, or if maps are large.
  cellSize() {
    const most = 28;
    const { isSmall } = this.options;
    if (this.block.shape.length === 4) return this.shown <= 16 ? (isSmall ? 6 : 14) : this.shown <= 36 ? 9 : 4;
    const wide = this.isVector ? (isSmall ? 200 : 300) : this.maps === 1 ? 224 : this.maps > 8 ? 100 : 112;
    const across = this.maps === 1 ? this.columns : Math.max(this.columns, this.rows);
    return Math.max(1, Math.min(most, Math.floor(wide / across)));
  }

  imageOf(map) {
    const image = make("canvas", { width: this.columns, height: this.rows });
    const pixels = new ImageData(this.columns, this.rows);
    for (let i = 0; i < this.each; i++) {
      const value = this.block.at(map * this.each + i);
      const isThere = value !== undefined && map * this.each + i < this.block.size;
      if (isThere) pixels.data.set([...colour(value, this.scale), 255], 4 * i);
    }
    image.getContext("2d").putImageData(pixels, 0, 0);
    return image;
  }

  paint(canvas, image, map, size) {
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    const inMap = [...this.marked].filter((k) => Math.floor(k / this.each) === map).map((k) => this.cellOf(k));
    frames(inMap, Math.min(this.each, this.block.size)).forEach((box) => frame(pen, box, size));
    const isPicked = Math.floor(this.picked / this.each) === map;
    note(canvas, "marked", inMap[0]);
    note(canvas, "picked", isPicked ? this.cellOf(this.picked) : undefined);
    if (isPicked) frame(pen, [...this.cellOf(this.picked), 1, 1], size);
  }

  cellOf(k) {
    return [Math.floor((k % this.each) / this.columns), (k % this.each) % this.columns];
  }

  // Mark the numbers of a sum (`marked`) and the one that is explained (`picked`).
  mark(marked, picked = -1) {
    const before = [...this.marked, this.picked];
    this.marked = new Set(marked);
    this.picked = picked;
    const changed = new Set([...before, ...this.marked, picked].map((k) => Math.floor(k / this.each)));
    this.drawn.forEach((tile, map) => changed.has(map) && tile.marks());
    this.reveal();
  }

  // The box on the screen of a highlighted cell, which may be a part of a picture.
  boxOf(target) {
    const { left, top, width, height } = target.getBoundingClientRect();
    const place = target.dataset.picked ?? target.dataset.marked;
    if (place === undefined) return new DOMRect(left, top, width, height);
    const [row, column] = place.split(",").map(Number);
    const [wide, high] = [width / this.columns, height / this.rows];
    return new DOMRect(left + column * wide, top + row * high, wide, high);
  }

  // What is picked, else what is marked first: a cell, or the picture of a map.
  highlighted() {
    return this.tiles.querySelector(".picked, [data-picked]") ?? this.tiles.querySelector(".marked, [data-marked]");
  }

  // Scroll what is highlighted into view, within this panel.
  reveal() {
    const target = this.highlighted();
    if (!target) return;
    const [inner, outer] = [this.boxOf(target), this.tiles.getBoundingClientRect()];
    const past = (low, high, least, most) => (low < least ? low - least : Math.max(0, Math.min(high - most, low - least)));
    this.tiles.scrollBy(past(inner.left, inner.right, outer.left, outer.right), past(inner.top, inner.bottom, outer.top, outer.bottom));
  }

  // Explain a number, and name it in the address.
  pick(k) {
    this.options.pick(k);
    setAddressSoon(this.block.label(k));
    openCard(this.highlighted());
  }

  placeUnder(event) {
    const target = event.target.closest?.("[data-k], canvas");
    if (!target) return -1;
    if (target.dataset.k !== undefined) return Number(target.dataset.k);
    const box = target.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    return this.has(row, column) ? Number(target.dataset.map) * this.each + row * this.columns + column : -1;
  }

  has(row, column) {
    return row >= 0 && column >= 0 && row < this.rows && column < this.columns;
  }

  listen() {
    const point = (event) => {
      const k = this.placeUnder(event);
      const isNew = k !== this.picked || event.type === "pointerdown";
      if (k >= 0 && k < this.block.kept && isNew) this.pick(k);
    };
    this.tiles.addEventListener("pointermove", point);
    this.tiles.addEventListener("pointerdown", point);
    this.tiles.addEventListener("keydown", (event) => this.move(event));
    this.tiles.addEventListener("focus", () => {
      if (this.picked < 0) this.pick(0);
    });
  }

  // Arrow keys move over the rows and columns of a map, and across its edge to the next map.
  move(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const k = Math.max(this.picked, 0) + step;
    if (k >= 0 && k < Math.min(this.block.kept, this.shown * this.each)) this.pick(k);
  }
}
