// How a number is computed: a picture of the sum, its terms, and their total.

const MOST_TERMS = 12;
const MOST_GRIDS = 2; // channels whose kernel and patch are drawn

function signed(factor, block) {
  const text = block.write(factor.value);
  return factor.value < 0 ? `(${text})` : text;
}

function termRow(one, block, text, isBest) {
  const names = one.factors.map((factor) => factor.name).join(" \u00b7 ");
  const numbers = one.factors.map((factor) => signed(factor, block)).join(" \u00b7 ");
  return make("tr", isBest ? { class: "best" } : {}, make("td", {}, names),
    make("td", {}, one.factors.length > 1 ? numbers : ""), make("td", {}, text));
}

// The largest terms in order, the rest in one line.
function termRows({ terms, block, total, value, missing, how }) {
  const largest = new Set([...terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, MOST_TERMS));
  const shown = terms.filter((one) => largest.has(one));
  const rest = terms.filter((one) => !largest.has(one));
  const restSum = rest.reduce((all, one) => all + one.value, 0);
  const texts = aligned([...shown.map((one) => one.value), restSum, value - total, value], block.decimals);
  const [restText, missingText, totalText] = texts.slice(-3);
  const rows = shown.map((one, i) => termRow(one, block, texts[i], how === "max" && one.value === total));
  const more = (words, text) => rows.push(make("tr", { class: "rest" }, make("td", { colspan: 2 }, words), make("td", {}, text)));
  if (rest.length) more(say("smallerTerms", { n: rest.length }), how === "max" ? "" : restText);
  if (missing) more(say("missingTerms", { n: missing }), missingText);
  return [rows, totalText];
}

function termTable(explained) {
  const { terms, how, links } = explained;
  if (links) return linkTable(explained);
  if (how === "value") return null;
  if (!terms.length && !explained.missing) return make("p", { class: "note" }, say("noTerms"));
  const [rows, total] = termRows(explained);
  const sign = how === "max" ? "max" : "=";
  return make("table", { class: "terms" },
    make("tbody", {}, rows),
    make("tfoot", {}, make("tr", {}, make("td", { colspan: 2 }, sign), make("td", {}, total))));
}

// The lines of a recipe: what is computed, with names and with numbers, and the result.
function linkTable({ links, block }) {
  const rows = links.map(({ name, words, numbers, value }) => {
    const text = block.write(value);
    return make("tr", {}, make("th", { scope: "row" }, name),
      make("td", {}, make("span", {}, words), numbers === text ? "" : make("span", { class: "numbers" }, `= ${numbers}`)),
      make("td", {}, text));
  });
  return make("table", { class: "links" }, make("tbody", {}, rows));
}

function gridCell(value, scale) {
  if (value === undefined) return make("span", { class: "cell empty" }, "\u00b7");
  const back = colour(value, scale);
  return make("span", { class: "cell", style: `background: ${css(back)}; color: ${inkOn(back)}` }, write(value, 2));
}

// Kernel and patch of a channel side by side, with empty cells for padding.
function gridPair(explained, map) {
  const { terms, grid, block } = explained;
  const [rows, columns] = grid.W.shape.slice(2);
  const ones = terms.filter((one) => one.at && one.at[0] === map);
  const under = new Map(ones.map((one) => [one.at[1] * columns + one.at[2], one.factors[1].value]));
  const kernel = range(rows * columns).map((i) => grid.weight(map, Math.floor(i / columns), i % columns));
  const side = (name, values, scale) => make("figure", {}, make("figcaption", {}, name),
    make("div", { class: "table small", style: `--columns: ${columns}` }, values.map((value) => gridCell(value, scale))));
  const sum = ones.reduce((all, one) => all + one.value, 0);
  return make("div", { class: "pair" },
    side(grid.names[0], kernel, grid.W.scale), make("span", {}, "\u2299"),
    side(grid.names[1], kernel.map((_, i) => under.get(i)), grid.data.scale),
    make("span", {}, `\u2192 ${block.write(sum)}`));
}

function gridPairs(explained) {
  const { grid, terms } = explained;
  if (!grid || Math.max(...grid.W.shape.slice(2)) > 5) return [];
  const weight = (map) => terms.filter((one) => one.at?.[0] === map).reduce((all, one) => all + Math.abs(one.value), 0);
  const maps = range(grid.maps).map((map) => [weight(map), map]).sort((a, b) => b[0] - a[0]);
  const pairs = maps.slice(0, MOST_GRIDS).map(([, map]) => gridPair(explained, map));
  const rest = grid.maps - pairs.length;
  return rest > 0 ? [...pairs, make("p", { class: "note" }, say("moreMaps", { n: rest }))] : pairs;
}

// On a phone the explanation is a card over the page, which opens when a number is picked.
function openCard(picked) {
  document.body.dataset.card = "open";
  picked?.scrollIntoView({ block: "nearest", inline: "nearest" }); // above the card, by its scroll margin
}

const closeCard = () => { delete document.body.dataset.card; };

// The box for an explanation; `show` fills it and marks the numbers involved.
class ExplanationBox {
  constructor(panels) {
    this.panels = panels;
    this.head = make("div", { "aria-live": "polite" });
    this.body = make("div");
    this.element = make("section", { class: "explanation", "aria-label": say("howComputed") }, this.head, this.body, this.closer());
  }

  closer() {
    const button = make("button", { type: "button", class: "close", "aria-label": say("close") }, "\u00d7");
    button.addEventListener("click", closeCard);
    return button;
  }

  // A number, and marked what depends on it.
  showDependents(block, k, readers, gives) {
    this.element.dataset.value = this.element.dataset.total = block.at(k);
    this.element.dataset.how = "value";
    const name = block.label(k);
    this.head.replaceChildren(make("h3", {}, name, " = ", make("b", {}, block.write(block.at(k)))),
      make("p", {}, readers.length ? say("dependents", { n: readers.length }) : say("noDependents")));
    this.body.replaceChildren(...(readers.length ? [dependentTable(readers, gives, name)] : []));
    for (const panel of this.panels) {
      const marked = panel.block === gives ? readers.map(({ output }) => output) : [];
      panel.mark(marked, panel.block === block ? k : -1);
    }
  }

  show(explained) {
    const { block, k, words, value, total } = explained;
    this.element.dataset.value = value;
    this.element.dataset.total = total;
    this.element.dataset.how = explained.how;
    this.head.replaceChildren(
      make("h3", {}, block.label(k), " = ", make("b", {}, block.write(value))), make("p", {}, words));
    this.body.replaceChildren(...gridPairs(explained), ...[termTable(explained)].filter(Boolean));
    const factors = [...explained.terms.flatMap((one) => one.factors), ...(explained.from ?? [])]
      .filter((factor) => factor.block && (factor.sample === undefined || factor.block.samples === 1 || factor.sample === chosen.sample));
    for (const panel of this.panels) {
      const marked = factors.filter((factor) => factor.block.name === panel.block.name).map((factor) => factor.k);
      panel.mark(marked, panel.block.name === block.name ? k : -1);
    }
  }
}
