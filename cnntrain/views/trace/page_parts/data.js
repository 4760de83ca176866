// The trace: arrays from base64, named blocks of numbers, and number formatting.

const trace = JSON.parse(document.getElementById("trace").textContent);
const decoded = new Map();
const chosen = { update: 0, step: 0, sample: 0 };

// A text of the page in its language, with {name} replaced by the value of that name.
const say = (key, values = {}) => trace.texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// The same as a list of texts and elements, for values that are elements.
const sayWith = (key, values) => trace.texts[key].split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] : part));

function numbersOf(content) {
  if (!decoded.has(content)) {
    const { type, base64 } = trace.contents[content];
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    decoded.set(content, new (type === "f4" ? Float32Array : Float64Array)(bytes.buffer));
  }
  return decoded.get(content);
}

const SIGNED = /^[\u2202\u03b4\u0394]|\.(delta|z)$/; // derivatives, \u03b4, changes, and z

// A named array. Positions k count within one sample, in the order of the array.
class Block {
  constructor(name, array, batched) {
    this.name = name;
    this.numbers = numbersOf(array.content);
    this.single = this.numbers instanceof Float32Array;
    this.samples = batched ? array.shape.at(-1) : 1;
    const shape = batched ? array.shape.slice(0, -1) : array.shape;
    const isColumn = shape.length === 2 && shape[1] === 1;
    this.shape = !batched && isColumn ? [shape[0]] : shape;
    this.size = this.shape.reduce((product, n) => product * n, 1);
    this.isSigned = !batched || SIGNED.test(name); // may be negative, even if no number here is
    this.kept = Math.floor(this.numbers.length / this.samples); // positions included in the page
  }

  at(k, sample = chosen.sample) {
    return this.numbers[k * this.samples + (this.samples > 1 ? sample : 0)];
  }

  place(...index) {
    return index.reduce((k, i, axis) => k * this.shape[axis] + i, 0);
  }

  index(k) {
    const found = [];
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      found.unshift(k % this.shape[axis]);
      k = Math.floor(k / this.shape[axis]);
    }
    return found;
  }

  label(k, sample = chosen.sample) {
    const index = this.index(k);
    return `${this.name}[${(this.samples > 1 ? [...index, sample] : index).join(",")}]`;
  }

  write(value) {
    return write(value, this.decimals);
  }

  get decimals() {
    return this.single ? 6 : 8;
  }

  get scale() {
    this.knownScale ??= scaleOf(this);
    return this.knownScale;
  }

  get sizes() {
    return this.shape.join("×");
  }
}

const activation = (quantity) => new Block(quantity.name, quantity.array, true);
const parameter = (quantity) => new Block(quantity.name, quantity.array, false);

// \u03b4 is \u2202C/\u2202z; the derivative by any other output of a layer has its own name.
const isDelta = (layer) => layer.gives.letter === "z";
const deltaName = (layer) => (isDelta(layer) ? `${layer.name}.delta` : `\u2202C/\u2202${layer.gives.name}`);
const deltaOf = (layer) => new Block(deltaName(layer), layer.delta, true);
const updateNow = () => trace.steps[chosen.update];

// Integers as they are, others with `decimals` decimals, very small and large ones as 1.2e-9.
function write(value, decimals) {
  if (value === undefined) return say("notIncluded");
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return minus(String(value));
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return minus(value.toExponential(Math.min(decimals, 5) - 1));
  return minus(String(Number(value.toFixed(decimals))));
}

// Several numbers with the same number of decimals: as few as are exact, at most `most`.
function aligned(values, most) {
  const known = values.filter((value) => value !== undefined);
  const largest = Math.max(...known.map(Math.abs), 0);
  const isFar = largest >= 1e7 || (largest > 0 && largest < 1e-3);
  const slack = 1e-7 * largest * 10 ** -most;
  const isExact = (digits) => known.every((value) => Math.abs(value - Number(value.toFixed(digits))) <= slack);
  const decimals = range(most).find(isExact) ?? most;
  const told = (value) => {
    if (value === undefined) return "\u2026";
    if (!isFar) return minus(value.toFixed(decimals));
    return value ? minus(value.toExponential(most < 6 ? 3 : 5)) : "0";
  };
  return values.map(told);
}

// One number with few digits, for small spaces.
function short(value, digits) {
  const isSmall = value !== 0 && Math.abs(value) < 1e-3;
  return minus(isSmall ? value.toExponential(1) : String(Number(value.toPrecision(digits))));
}

const range = (n) => Array.from({ length: n }, (_, i) => i);
const minus = (text) => text.replaceAll("-", "\u2212");

// An element with attributes, event handlers and children; text is never read as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function formula(number) {
  const template = document.querySelectorAll("template.formula")[number];
  const box = make("div", { class: "formula", tabindex: 0 });
  box.append(template.content.cloneNode(true));
  return box;
}
