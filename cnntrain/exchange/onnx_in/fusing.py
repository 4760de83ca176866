"""Operators that belong together: what exporters write for one layer is made one operator again."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from cnntrain.exchange.onnx_in.graph import Graph, Op
from cnntrain.exchange.onnx_in.reading import SENSELESS


class Finder:
    """What an operator reads, and which operator reads it."""

    def __init__(self, graph: Graph) -> None:
        self.by_output = {name: op for op in graph.ops for name in op.outputs}
        self.readers = {name: op for op in graph.ops for name in op.inputs}
        self.constants = graph.constants | {
            op.outputs[0]: np.asarray(op.attributes["value"])
            for op in graph.ops
            if op.kind == "Constant" and "value" in op.attributes
        }

    def number(self, name: str) -> float | None:
        """The value of a constant that is one number, as it is written: 0.1 of float32 is 0.1."""
        array = self.constants.get(name)
        return float(str(array.ravel()[0])) if array is not None and array.size == 1 else None

    def with_number(self, op: Op) -> tuple[str, float] | None:
        """(the other input, the number) of an operator that reads one constant number."""
        for other, constant in (op.inputs, op.inputs[::-1]):
            number = self.number(constant)
            if number is not None and self.number(other) is None:
                return other, number
        return None

    def maker(self, name: str, kind: str) -> Op | None:
        """The operator of this kind that gives the value."""
        op = self.by_output.get(name)
        return op if op is not None and op.kind == kind else None

    def makers(self, name: str, *kinds: str) -> list[Op]:
        """The operators of these kinds that give the value, each the first input of the one before
        it, the last one first; none if there is no such row of them."""
        found: list[Op] = []
        for kind in kinds:
            op = self.maker(found[-1].inputs[0] if found else name, kind)
            if op is None:
                return []
            found.append(op)
        return found


Rule = Callable[[Finder, Op], Op | None]


def fused(graph: Graph, rules: Iterable[Rule]) -> Graph:
    """The graph with single operators for what the rules find.

    A rule is given every operator; where that is the last of a pattern, the rule returns the one
    that replaces it.
    """
    find, new = Finder(graph), {}
    for op in graph.ops:
        for rule in rules:
            if (found := _applied(rule, find, op)) is not None:
                new[found.outputs[0]] = found
    return graph.with_ops(new.get(op.outputs[0], op) for op in graph.ops)


def _applied(rule: Rule, find: Finder, op: Op) -> Op | None:
    """What a rule finds: nothing where inputs are missing, or of a wrong kind."""
    try:
        return rule(find, op)
    except SENSELESS:
        return None


def one_for(op: Op, kind: str, *inputs: str, **attributes: Any) -> Op:
    """An operator in place of ``op``."""
    return replace(op, kind=kind, inputs=inputs, attributes=attributes, asked=set())


def near(found: float, expected: float) -> bool:
    """Equal as far as float32 tells."""
    return abs(found - expected) <= 1e-6 * max(1.0, abs(expected))
