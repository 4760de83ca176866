"""The compiled twin of ``training/update.py``: all arrays of a step in one call."""

from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import kernel
from cnntrain.types import Array

RULES = (  # in the order of c/update.c
    "sgd", "momentum", "nesterov", "adam", "amsgrad", "nadam", "rmsprop", "rmsprop_inside",
    "centered", "centered_inside", "adadelta", "adagrad", "lion",
)  # fmt: skip
CONSTANTS = 7  # of a rule at the most
WORTH_A_THREAD = 30_000  # numbers
FOUND = 5  # per array: the largest change; whether W and up to three slots became not finite

Rule = tuple[str, tuple[float, ...]]  # its name and its constants, of which the first is -lr


def update_arrays(
    weights: Sequence[Array],
    gradients: Sequence[Array],
    slots: Sequence[Sequence[Array]],
    rules: Sequence[tuple[Rule, float]],
    averages: Sequence[Array] = (),
    keep: float = 0.0,
) -> Array:
    """Change weights, slots and averages in place; returns (arrays, FOUND).

    ``rules``: for every array the rule of its optimizer and its weight decay; ``keep``: the share
    of an average that stays.
    """
    sizes = [W.size for W in weights]
    for arrays in (gradients, *slots, *([averages] if averages else [])):
        if [array.size for array in arrays] != sizes:
            raise ValueError("weights, gradients and slots differ in size")
    parts = 1 + sum(sizes) // WORTH_A_THREAD
    each, found = np.zeros((len(sizes), CONSTANTS + 1)), np.zeros((parts, len(sizes), FOUND))
    for row, ((_, constants), decay) in zip(each, rules, strict=True):
        row[: len(constants)] = constants
        row[-1] = decay
    held = [tuple(arrays) for arrays in (*slots, (), (), ())][:3]
    options = (RULES.index(rules[0][0][0]), len(slots), keep, 1 - keep, parts)
    lists = (tuple(weights), tuple(gradients), *held, tuple(averages))
    kernel("update_arrays", weights[0])(*lists, each, found, *options)
    return found.max(axis=0) if parts > 1 else found[0]
