"""Metrics as sums: what is added up over shards, and the metrics computed from the totals.

A sum is a plain number or array, so the partial sums of any division of the data add up to the same
total. The mean and the spread of targets are not sums, but those of two parts give those of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cnntrain.metrics.ranking import merged_scores, score_sums
from cnntrain.native import metrics as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import Moments, is_constant, merged, moments
from cnntrain.types import Array

Sums = dict[str, Any]
Task = Literal["classes", "yes_no", "numbers"]  # one class; labels that hold or not; regression


def predicted(z: Array) -> Array:
    """The classes predicted by outputs z (K, N); a single output means class 1 where it is > 0."""
    return (z[0] > 0).astype(np.int64) if len(z) == 1 else winners(z)


@twinned(compiled.winners)
def winners(z: Array) -> Array:
    """The number of the largest output of each sample, for z (K, N)."""
    found: Array = z.argmax(axis=0)
    return found


@twinned(compiled.error_sums)
def error_sums(z: Array, y: Array) -> tuple[float, float]:
    """(Σ |z - y|, Σ (z - y)²) in double precision."""
    error = z.astype(np.float64) - y
    return float(np.abs(error).sum()), float((error * error).sum())


def labels_of(z: Array, y: Array) -> Array:
    """Class labels (N,) of targets y, which are class labels or soft labels shaped like z."""
    return y if y.dtype.kind in "iu" else predicted(y if len(z) > 1 else 2 * y - 1)


def batch_sums(loss: float, z: Array, y: Array, classes: bool | None = None) -> Sums:
    """The sums of one shard: samples, loss, and those that suit the kind of target.

    y: class labels (N,), yes or no as booleans, or numbers, both shaped like z. ``classes``:
    whether the targets are classes; by default, whether they are integers.
    """
    sums: Sums = {"n": z.shape[-1], "loss": loss}
    if y.dtype.kind == "b":
        sums["decisions"] = decisions(z, y)
    elif y.dtype.kind in "iu" if classes is None else classes:
        sums["correct"] = int(np.count_nonzero(predicted(z) == labels_of(z, y)))
    else:
        size = z[..., 0].size
        absolute, squared = error_sums(z, y)
        sums |= {"absolute_error": absolute / size, "squared_error": squared / size}
    return sums


def confusion_matrix(z: Array, y: Array) -> Array:
    """Number of samples by true class (rows) and predicted class (columns)."""
    classes = max(len(z), 2)
    cells = np.bincount(labels_of(z, y) * classes + predicted(z), minlength=classes * classes)
    return cells.reshape(classes, classes)


def decisions(z: Array, yes: Array) -> Array:
    """Counts (K, 2, 2) of each label's answers: true no or yes (rows), taken for no or yes.

    An output > 0 is taken for yes: a probability above ½ by the sigmoid, a positive sign for hinge.
    """
    cells = (2 * yes + (z > 0)).reshape(len(z), -1)
    counts = [np.count_nonzero(cells == cell, axis=1) for cell in range(4)]
    return np.stack(counts, axis=1).reshape(-1, 2, 2)


def detail_sums(z: Array, y: Array, classes: bool | None = None) -> Sums:
    """The additional sums of an evaluation: a confusion matrix, the scores of all labels, or the
    moments of the targets. ``classes``: as for ``batch_sums``."""
    if y.dtype.kind == "b":
        return score_sums(z, y)
    if y.dtype.kind in "iu" if classes is None else classes:
        return {"confusion": confusion_matrix(z, y)}
    return target_moments(y)


def target_moments(y: Array) -> Sums:
    """The mean of every target (K, N) over its samples, and Σ of the squared distances from it.

    Not Σ y²: of targets of 1e6 ± 1 nothing would be left in Σ y² - (Σ y)²/n.
    """
    _, mean, squares = moments(y)
    return {"target_mean": mean, "target_squares": squares}


def add_sums(a: Mapping[str, Any], b: Mapping[str, Any]) -> Sums:
    """a + b, entry by entry; moments of targets and scores are merged."""
    both = {name: a[name] + b[name] for name in a if not name.startswith("score")}
    if "scores" in a:
        both |= merged_scores(a, b)
    if "target_mean" in a:
        _, both["target_mean"], both["target_squares"] = merged(_moments(a), _moments(b))
    return both


def _moments(sums: Mapping[str, Any]) -> Moments:
    return Moments(sums["n"], sums["target_mean"], sums["target_squares"])


def means(sums: Mapping[str, Any]) -> dict[str, float]:
    """Loss and accuracy, or loss, MAE and RMSE, of the samples in ``sums``."""
    n = sums["n"]
    metrics = {"loss": sums["loss"] / n}
    if "correct" in sums:
        metrics["accuracy"] = sums["correct"] / n
    elif "decisions" in sums:
        counts = np.asarray(sums["decisions"])
        metrics["accuracy"] = int(np.trace(counts.sum(axis=0))) / int(counts.sum())
    else:
        metrics["mae"] = sums["absolute_error"] / n
        metrics["rmse"] = float(np.sqrt(sums["squared_error"] / n))
    return metrics


def r_squared(sums: Mapping[str, Any]) -> float | None:
    """R² = 1 - Σ(a - y)² / Σ(y - ȳ)², over all outputs; None if the targets are constant."""
    n, mean, squares = _moments(sums)
    if np.all(is_constant(squares / n, mean, n)):
        return None
    residual = sums["squared_error"] * np.size(mean)
    return 1 - float(residual) / float(np.sum(squares))


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall and F1 of one class with ``support`` samples."""

    label: str
    precision: float | None  # None: no sample was predicted as this class
    recall: float | None  # None: no sample of this class
    f1: float | None
    support: int


def per_class(confusion: Array, labels: tuple[str, ...]) -> list[ClassFigures]:
    """Precision, recall and F1 of every class from a confusion matrix (rows: true class)."""
    rows = []
    for k, label in enumerate(labels):
        hits, support, taken = (
            int(confusion[k, k]),
            int(confusion[k].sum()),
            int(confusion[:, k].sum()),
        )
        rows.append(
            ClassFigures(
                label=label,
                precision=hits / taken if taken else None,
                recall=hits / support if support else None,
                f1=2 * hits / (taken + support) if taken + support else None,
                support=support,
            )
        )
    return rows
