"""Class labels of any kind: integers, whole numbers, text, one-hot rows; matched by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.errors import DataError
from cnntrain.registry import did_you_mean, listed
from cnntrain.types import Array

MOST_CLASSES = 100_000  # more distinct labels are identifiers, or targets of a regression


def label_names(values: Array) -> Array:
    """The name of every label (N,): text as it is, whole numbers without a decimal point."""
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.floor(values)) & (abs(values) < 2**63)
        values = values.astype(np.int64) if whole.all() else values
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    return values.astype(np.str_)


def are_whole(values: Array) -> bool:
    """Whether every number is a whole one."""
    return values.dtype.kind in "biu" or bool((values == np.floor(values)).all())


def is_one_hot(y: Array) -> bool:
    """Whether (N, K) numbers are a single 1 among zeros in every row."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def sorted_classes(names: Array, where: str) -> tuple[str, ...]:
    """The distinct names: numbers in numerical order, then text."""
    found = np.unique(names).tolist()
    if len(found) > MOST_CLASSES:
        raise DataError(
            f"{where}: {len(found):,} different labels; for a regression write its numbers as "
            "real-valued targets (CSV: name the column under 'targets')"
        )
    return tuple(sorted(found, key=_numbers_first))


def to_codes(names: Array, classes: Sequence[str], where: str) -> Array:
    """Every name as its position in ``classes``, or a ``DataError`` that lists the unknown ones."""
    position = {name: code for code, name in enumerate(classes)}
    distinct, inverse = np.unique(names, return_inverse=True)
    unknown = [name for name in distinct.tolist() if name not in position]
    if unknown:
        first = did_you_mean(unknown[0], classes) if len(unknown) == 1 else ""
        known = first or f"; known: {listed(list(classes))}"
        raise DataError(
            f"{where}: {listed([repr(name) for name in unknown])} is not a class of the training "
            f"data{known}"
        )
    codes = np.array([position[name] for name in distinct.tolist()], np.int64)
    return codes[inverse.reshape(-1)]


def _numbers_first(label: str) -> tuple[bool, float, str]:
    try:
        return (False, float(label), label)
    except ValueError:
        return (True, 0.0, label)


def checked_names(class_names: Any, count: int, where: str) -> tuple[str, ...]:
    """Given class names, one for each of ``count`` classes and no two equal."""
    names = tuple(class_names)
    if len(names) != count or len(set(names)) != len(names):
        raise DataError(
            f"{where}: {len(names)} 'class_names' for {count} classes; give each class one name of "
            "its own"
        )
    return names
