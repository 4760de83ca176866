"""Recipes: how a number is computed, one small expression per line, evaluated and written out.

A line is a name and an expression in the notation of Python, such as ``("p", "e / S")``, over
numbers and vectors that are given and the names of the lines above; ``z[k]`` is the entry of a
vector that is explained. The page evaluates the same recipes, so text and page cannot differ.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.ops.erf import erf
from cnntrain.types import Array
from cnntrain.views.arrays import number
from cnntrain.views.languages import say

Values = Mapping[str, Any]  # numbers and vectors by name; "k" is the index of the entry
Tree = list[Any]  # an expression for the page: [operator, operands ...]

MOST_WRITTEN = 4  # terms of a sum that are written out
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^", ast.Lt: "<"}
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "<": np.less,
}
BINDING = {"<": 0, "+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
SHOWN = {"*": " · ", "-": " - ", "+": " + ", "/": " / ", "<": " < "}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
    "tanh": np.tanh,
    "erf": erf,
    "min": np.minimum,
    "max": np.maximum,
    "sum": np.sum,
    "mean": np.mean,
    "largest": np.max,
}
OVER_ALL = ("sum", "mean", "largest")


@dataclass(frozen=True)
class Recipe:
    """Lines (name, expression), and the numbers and vectors that they start from."""

    lines: tuple[tuple[str, str], ...]
    given: Values
    verdict: str = ""  # what the result means, in a sentence


@dataclass(frozen=True)
class Link:
    """One line worked out: its expression with names, with numbers, and its value."""

    name: str
    expression: str
    written: str
    value: float


def work_out(recipe: Recipe) -> tuple[Link, ...]:
    """All lines of a recipe; a line whose value is a vector is named, not written."""
    known: dict[str, Any] = dict(recipe.given)
    links = []
    for name, expression in recipe.lines:
        tree = parsed(expression)
        with np.errstate(all="ignore"):
            known[name] = evaluated(tree, known)
        if np.ndim(known[name]) == 0:
            words, numbers = (writing(tree, known, names) for names in (True, False))
            links.append(Link(name, words, numbers, float(known[name])))
    return tuple(links)


def parsed(expression: str) -> Tree:
    """An expression as nested lists: numbers, names, ``["at", name]`` and operations."""
    return _tree(ast.parse(expression, mode="eval").body)


def _tree(node: ast.expr) -> Tree:
    match node:
        case ast.Constant(value=value):
            return ["number", value]
        case ast.Name(id=name):
            return ["name", name]
        case ast.Subscript(value=ast.Name(id=name)):
            return ["at", name]
        case ast.UnaryOp(operand=operand):
            return ["minus", _tree(operand)]
        case ast.BinOp(left=left, op=op, right=right):
            return [SIGNS[type(op)], _tree(left), _tree(right)]
        case ast.Compare(left=left, comparators=[right]):
            return ["<", _tree(left), _tree(right)]
        case ast.Call(func=ast.Name(id=name), args=args):
            return [name, *map(_tree, args)]
    raise ValueError(f"not part of a recipe: {ast.dump(node)}")


def encoded(lines: Sequence[tuple[str, str]]) -> list[Any]:
    """Lines for the page: [name, expression as nested lists]."""
    return [[name, parsed(expression)] for name, expression in lines]


def as_lists(given: Values) -> dict[str, Any]:
    """Given numbers and vectors for the page."""
    return {name: np.asarray(value).tolist() for name, value in given.items()}


def evaluated(tree: Tree, known: Values) -> Any:
    """The value of an expression: a number, or a vector."""
    kind, *parts = tree
    match kind:
        case "number":
            return float(parts[0])
        case "name":
            return known[parts[0]]
        case "at":
            return known[parts[0]][known["k"]]
        case "minus":
            return -evaluated(parts[0], known)
    values = [evaluated(part, known) for part in parts]
    return (OPERATIONS.get(kind) or FUNCTIONS[kind])(*values)


def writing(tree: Tree, known: Values, with_names: bool) -> str:
    """The expression, with the names of its numbers or with their values."""
    kind, *parts = tree
    if kind in ("number", "name", "at"):
        return _leaf(tree, known, with_names)
    if kind in OVER_ALL and not with_names:
        return _terms(kind, parts[0], known)
    if kind in FUNCTIONS:
        told = ", ".join(writing(part, known, with_names) for part in parts)
        head = {"sum": "Σ ", "sqrt": "√"}.get(kind, kind)
        is_call = kind == "sum" and re.fullmatch(r"\w+\(.*\)", told)
        return f"{head}{told}" if is_call else f"{head}({told})"
    level = 2 if kind == "minus" else BINDING[kind]
    left = writing(parts[0], known, with_names)
    if BINDING.get(parts[0][0], 9) < level or (kind == "^" and left.startswith("-")):
        left = f"({left})"
    if kind == "minus":
        return f"-({left})" if left.startswith("-") else f"-{left}"
    right = writing(parts[1], known, with_names)
    is_loose = BINDING.get(parts[1][0], 9) < level + (kind in "-/")
    right = f"({right})" if is_loose or right.startswith("-") else right
    return f"{left}{SHOWN.get(kind, kind)}{right}".replace("^2", "²")


def _leaf(tree: Tree, known: Values, with_names: bool) -> str:
    kind, content = tree
    if kind == "number":
        return f"{content:g}"
    if with_names:
        return f"{content}[{known['k']}]" if kind == "at" else str(content)
    value = evaluated(tree, known)
    return str(content) if np.ndim(value) else number(float(value))


def _terms(kind: str, inner: Tree, known: Values) -> str:
    """``1.2 + 3.4 + ...``: the first terms of a sum, all if they are few."""
    values: Array = np.atleast_1d(evaluated(inner, known))
    shown: Sequence[str] = [number(float(value)) for value in values[:MOST_WRITTEN]]
    rest = [f"... {say('trace.numbers', count=len(values))}"] if len(values) > MOST_WRITTEN else []
    if kind == "largest":
        return f"max({', '.join([*shown, *rest])})"
    terms = " + ".join(f"({text})" if text.startswith("-") else text for text in shown)
    terms = " + ".join([terms, *rest])
    return f"({terms}) / {len(values)}" if kind == "mean" else terms
