"""The compiled twin of ``training/update.py``: all arrays of a step in one call."""

from collections.abc import Hashable, Mapping, Sequence
from operator import is_
from typing import Generic, TypeVar

import numpy as np

from cnntrain.native.engine import kernel
from cnntrain.types import Array

RULES = (  # in the order of c/update.c
    "sgd", "momentum", "nesterov", "adam", "amsgrad", "nadam", "rmsprop", "rmsprop_inside",
    "centered", "centered_inside", "adadelta", "adagrad", "lion",
)  # fmt: skip
CONSTANTS = 7  # of a rule at the most
WORTH_A_THREAD = 100_000  # numbers
FOUND = 5  # per array: the largest change; whether W and up to three slots became not finite

Kind = TypeVar("Kind", bound=Hashable)
Rule = tuple[str, tuple[float, ...]]  # its name and its constants, of which the first is -lr


class Updates(Generic[Kind]):
    """Updates of the same weights, slots and averages in place, step after step.

    ``kinds``: of every array; those of one kind have one rule. ``keep``: the share of an average
    that stays.
    """

    def __init__(
        self,
        weights: Sequence[Array],
        slots: Sequence[Sequence[Array]],
        kinds: Sequence[Kind],
        averages: Sequence[Array] = (),
        keep: float = 0.0,
    ) -> None:
        self._sizes = [W.size for W in weights]
        for arrays in (*slots, *([averages] if averages else [])):
            self._check(arrays)
        parts = 1 + sum(self._sizes) // WORTH_A_THREAD
        self._weights, self._kinds = tuple(weights), kinds
        self._memory = (*(*map(tuple, slots), (), (), ())[:3], tuple(averages))
        self._options = (len(slots), keep, 1 - keep, parts)
        self._rules: Mapping[Kind, tuple[Rule, float]] = {}  # whose constants are in ``_each``
        self._each = np.zeros((len(weights), CONSTANTS + 1))
        self._found = np.zeros((parts, len(weights), FOUND))
        self._is_bad = np.zeros(parts, np.uint8)

    def are_of(self, weights: Sequence[Array]) -> bool:
        """Whether it is these very arrays that are updated."""
        return all(map(is_, self._weights, weights))

    def make(self, gradients: Sequence[Array], rules: Mapping[Kind, tuple[Rule, float]]) -> bool:
        """One update by these gradients; returns whether all is finite.

        ``rules``: for every kind of array the rule of its optimizer and its weight decay.
        """
        self._check(gradients)
        if rules != self._rules:
            self._rules = rules
            self._each[:] = [_row(*rules[kind]) for kind in self._kinds]
        run = kernel("update_arrays", self._weights[0])
        rule = RULES.index(rules[self._kinds[0]][0][0])
        places = (self._each, self._found, self._is_bad)
        run(self._weights, tuple(gradients), *self._memory, *places, rule, *self._options)
        return not any(self._is_bad)

    @property
    def found(self) -> Array:
        """What the last one has found: (arrays, FOUND)."""
        largest: Array = self._found.max(axis=0)
        return largest

    def _check(self, arrays: Sequence[Array]) -> None:
        if [array.size for array in arrays] != self._sizes:
            raise ValueError("weights, gradients and slots differ in size")


def _row(rule: Rule, decay: float) -> tuple[float, ...]:
    constants = rule[1]
    return (*constants, *(CONSTANTS - len(constants)) * (0.0,), decay)
