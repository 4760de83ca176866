"""Samples given in the config itself, for worked examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source
from cnntrain.errors import ConfigError
from cnntrain.types import Array, Shape

MAX_CLASSES = 1000  # more classes indicate a mistake


@dataclass(frozen=True, kw_only=True)
class Inline(Source, kind="inline"):
    """Samples given in the config itself.

    Options: ``inputs``, one nested list per sample, and ``targets``.

    Integer ``targets`` in a plain list are class labels; lists of numbers are real-valued targets.
    ``test_inputs`` and ``test_targets``: a test split; ``class_names``: those of labels 0, 1, ...
    """

    inputs: tuple[Any, ...]
    targets: tuple[Any, ...]
    test_inputs: tuple[Any, ...] = ()
    test_targets: tuple[Any, ...] = ()
    class_names: tuple[str, ...] = ()

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
        targets = (*self.targets, *self.test_targets)
        labelled = all(type(target) is int for target in targets)
        read = _labels if labelled else _numbers
        train = Split(_numbers(self.inputs, "inputs"), read(self.targets, "targets"))
        test = None
        if self.test_inputs:
            x, y = (
                _numbers(self.test_inputs, "test_inputs"),
                read(self.test_targets, "test_targets"),
            )
            _check_shape(x, train.x, "inputs")
            _check_shape(y, train.y, "targets")
            test = Split(x, y)
        names = self._names(max(*targets, 1) + 1) if labelled else None
        return Dataset(train, test, names)

    def _names(self, classes: int) -> tuple[str, ...]:
        if not self.class_names:
            return tuple(str(k) for k in range(classes))
        if len(self.class_names) < classes:
            raise ConfigError(
                f"{len(self.class_names)} names, but the labels go up to {classes - 1}",
                ("data", "class_names"),
            )
        return self.class_names


def _check_shape(test: Array, train: Array, option: str) -> None:
    if test.shape[1:] != train.shape[1:]:
        raise ConfigError(
            f"shape {test.shape[1:]} each, but {option!r} have {train.shape[1:]}",
            ("data", f"test_{option}"),
        )


def _labels(targets: tuple[Any, ...], option: str) -> Array:
    for sample, label in enumerate(targets):
        if not 0 <= label < MAX_CLASSES:
            raise ConfigError(
                f"label {label} is not in 0..{MAX_CLASSES - 1}; number the classes from 0",
                ("data", option, sample),
            )
    return np.array(targets, np.int64)


def _numbers(nested: tuple[Any, ...], option: str) -> Array:
    """(N, ...) from one nested list per sample; a bare number counts as a list of one."""
    array = _regular(nested)
    if array is None or (nested and not array.size):
        raise ConfigError("must be numbers in nested lists of equal lengths", ("data", option))
    return array[:, None] if array.ndim == 1 and nested else array


def _regular(nested: tuple[Any, ...]) -> Array | None:
    try:
        return np.array(nested, dtype=np.float64) if _all_numbers(nested) else None
    except ValueError:  # lists of different lengths
        return None


def _all_numbers(nested: tuple[Any, ...]) -> bool:
    return all(
        _all_numbers(item) if isinstance(item, tuple) else type(item) in (int, float)
        for item in nested
    )
