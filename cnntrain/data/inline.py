"""Samples written in the config itself: for worked examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.data.base import Dataset, Source, Split, checked_labels
from cnntrain.errors import ConfigError
from cnntrain.files import Find
from cnntrain.types import Array, Shape


@dataclass(frozen=True, kw_only=True)
class Inline(Source, kind="inline"):
    """Options: ``inputs``, one nested list per sample, and ``targets``.

    Integer ``targets`` in a plain list are class labels; lists of numbers are real-valued targets.
    ``test_inputs`` and ``test_targets`` give a test split.
    """

    inputs: tuple[Any, ...]
    targets: tuple[Any, ...]
    test_inputs: tuple[Any, ...] = ()
    test_targets: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for inputs, targets in self._pairs():
            if len(inputs) != len(targets):
                raise ValueError(f"{len(inputs)} inputs, but {len(targets)} targets")
        if not self.inputs:
            raise ValueError("'inputs' is empty; write one nested list per sample")

    def _pairs(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return (self.inputs, self.targets), (self.test_inputs, self.test_targets)

    def sample_shape(self, find: Find) -> Shape:
        return _numbers(self.inputs, "inputs").shape[1:]

    def load(self, find: Find, seed: int) -> Dataset:
        labelled = all(isinstance(target, int) for target in (*self.targets, *self.test_targets))
        classes = max(*self.targets, *self.test_targets, 1) + 1 if labelled else 0
        train, test = (
            Split(
                _numbers(inputs, "inputs"),
                checked_labels(np.array(targets, np.int64), classes, "data.targets")
                if labelled
                else _columns(_numbers(targets, "targets")),
            )
            for inputs, targets in self._pairs()
        )
        names = tuple(str(k) for k in range(classes)) if labelled else None
        return Dataset(train, test if len(test) else None, names)


def _numbers(nested: tuple[Any, ...], option: str) -> Array:
    try:
        array = np.array(nested, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            f"data.{option}: must be numbers in nested lists of equal lengths"
        ) from None
    return array[:, None] if array.ndim == 1 and nested else array


def _columns(targets: Array) -> Array:
    return targets[:, None] if targets.ndim == 1 else targets
