// Recipes, as in the text of the trace: small expressions, evaluated and written out line by line.
// An expression is nested lists: ["+", left, right], ["exp", inner], ["at", "z"] for z[k], ...

const each = (f, ...parts) => {
  const long = parts.find(Array.isArray);
  return long ? long.map((_, i) => f(...parts.map((one) => (Array.isArray(one) ? one[i] : one)))) : f(...parts);
};
const sumOf = (values) => (Array.isArray(values) ? values.reduce((all, one) => all + one, 0) : values);

// 2/\u221a\u03c0 e^(-x\u00b2) \u03a3 2^n x^(2n+1) / (1\u00b73\u00b7...\u00b7(2n+1)), whose terms do not cancel.
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const OPERATIONS = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
  "^": (a, b) => a ** b, "<": (a, b) => Number(a < b),
  minus: (a) => -a, exp: Math.exp, log: Math.log, log1p: Math.log1p, sqrt: Math.sqrt, abs: Math.abs,
  sign: Math.sign, tanh: Math.tanh, erf, min: Math.min, max: Math.max,
};
const OVER_ALL = {
  sum: sumOf, mean: (values) => sumOf(values) / values.length, largest: (values) => Math.max(...values),
};
const BINDING = { "<": 0, "+": 1, "-": 1, "*": 2, "/": 2, "^": 4 };
const SHOWN = { "*": " \u00b7 ", "-": " \u2212 ", "+": " + ", "/": " / ", "<": " < ", "^": "^" };
const MOST_WRITTEN = 4;

function evaluated([kind, ...parts], known) {
  if (kind === "number") return parts[0];
  if (kind === "name") return known[parts[0]];
  if (kind === "at") return known[parts[0]][known.k];
  const values = parts.map((part) => evaluated(part, known));
  return OVER_ALL[kind] ? OVER_ALL[kind](values[0]) : each(OPERATIONS[kind], ...values);
}

const isNegative = (text) => text.startsWith("\u2212") || text.startsWith("-");
const boxed = (text) => (isNegative(text) ? `(${text})` : text);

function termsOf(kind, values, tell) {
  const shown = values.slice(0, MOST_WRITTEN).map(tell);
  const rest = values.length > MOST_WRITTEN ? [`\u2026 (${values.length})`] : [];
  if (kind === "largest") return `max(${[...shown, ...rest].join(", ")})`;
  const terms = [...shown.map((text, i) => (i ? boxed(text) : text)), ...rest].join(" + ");
  return kind === "mean" ? `(${terms}) / ${values.length}` : terms;
}

// `tell`: how numbers are written; without it, their names are.
function writing(tree, known, tell) {
  const [kind, ...parts] = tree;
  if (kind === "number") return minus(String(parts[0]));
  if (kind === "name") return tell && !Array.isArray(known[parts[0]]) ? tell(known[parts[0]]) : parts[0];
  if (kind === "at") return tell ? tell(evaluated(tree, known)) : `${parts[0]}[${known.k}]`;
  if (OVER_ALL[kind] && tell) return termsOf(kind, [evaluated(parts[0], known)].flat(), tell);
  const texts = parts.map((part) => writing(part, known, tell));
  if (BINDING[kind] === undefined && kind !== "minus") {
    return `${{ sum: "\u03a3 ", sqrt: "\u221a" }[kind] ?? kind}(${texts.join(", ")})`;
  }
  const level = BINDING[kind] ?? 2;
  const loose = (i, more = 0) => (BINDING[parts[i][0]] ?? 9) < level + more;
  const left = loose(0) || (kind === "^" && isNegative(texts[0])) ? `(${texts[0]})` : texts[0];
  if (kind === "minus") return `\u2212${boxed(left)}`;
  const right = loose(1, "-/".includes(kind) ? 1 : 0) ? `(${texts[1]})` : boxed(texts[1]);
  return `${left}${SHOWN[kind]}${right}`.replace("^2", "\u00b2");
}

// All lines of a recipe with their values; lines that give a vector are not shown.
function workOut(lines, given, tell) {
  const known = { ...given };
  return lines.flatMap(([name, tree]) => {
    known[name] = evaluated(tree, known);
    if (Array.isArray(known[name])) return [];
    const [words, numbers] = [undefined, tell].map((how) => writing(tree, known, how));
    return [{ name, words, numbers, value: known[name] }];
  });
}

// The value of the last line alone.
function resultOf(lines, given) {
  const known = { ...given };
  lines.forEach(([name, tree]) => { known[name] = evaluated(tree, known); });
  return known[lines.at(-1)[0]];
}

function foundByRecipe(block, k, words, lines, given, from = []) {
  const links = workOut(lines, given, (value) => block.write(value));
  const total = links.at(-1).value;
  return { block, k, words, value: block.at(k), total, terms: [], missing: 0, how: "recipe", links, from };
}
