"""Metrics for classification."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnntrain.metrics.base import Metric
from cnntrain.metrics.sums import Sums, confusion_matrix, labels_of, means
from cnntrain.ops.stable import log_softmax, logistic_cost, sigmoid
from cnntrain.types import Array, Count

BINS = 4096  # of the histogram from which the area under the ROC curve is computed


@dataclass(frozen=True, kw_only=True)
class Accuracy(Metric, kind="accuracy"):
    """The share of samples whose largest output belongs to their class."""

    unit: ClassVar[str] = "%"

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["accuracy"]


@dataclass(frozen=True, kw_only=True)
class TopK(Metric, kind="top_k"):
    """The share of samples whose class is among the ``k`` largest outputs; ties count as misses."""

    unit: ClassVar[str] = "%"
    k: Count = 5

    @classmethod
    def is_called(cls, name: str) -> bool:
        return re.fullmatch(r"top_\d+_accuracy", name) is not None

    @property
    def name(self) -> str:
        return f"top_{self.k}_accuracy"

    def sums(self, z: Array, y: Array) -> Sums:
        labels = labels_of(z, y)
        own = z[labels, np.arange(len(labels))]
        ahead = (z > own).sum(axis=0) + (z == own).sum(axis=0) - 1
        return {self.name: int(np.count_nonzero(ahead < self.k))}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return sums[self.name] / sums["n"]


class ConfusionMetric(Metric):
    """Base of metrics computed from the confusion matrix."""

    def sums(self, z: Array, y: Array) -> Sums:
        return {"confusion": confusion_matrix(z, y)}


@dataclass(frozen=True, kw_only=True)
class BalancedAccuracy(ConfusionMetric, kind="balanced_accuracy"):
    """The mean recall of the classes that have samples."""

    unit: ClassVar[str] = "%"

    def value(self, sums: Mapping[str, Any]) -> float | None:
        matrix = np.asarray(sums["confusion"])
        support = matrix.sum(axis=1)
        return float((np.diag(matrix) / np.maximum(support, 1))[support > 0].mean())


@dataclass(frozen=True, kw_only=True)
class MacroF1(ConfusionMetric, kind="macro_f1"):
    """The mean over classes of F1 = 2 hits / (samples of the class + predictions of the class).

    Classes that neither occur nor are predicted do not count.
    """

    def value(self, sums: Mapping[str, Any]) -> float | None:
        matrix = np.asarray(sums["confusion"])
        both = matrix.sum(axis=0) + matrix.sum(axis=1)
        return float((2 * np.diag(matrix) / np.maximum(both, 1))[both > 0].mean())


@dataclass(frozen=True, kw_only=True)
class LogLoss(Metric, kind="log_loss"):
    """-1/n Σ log p(class), p by softmax of the outputs (or the sigmoid of a single one)."""

    higher_is_better: ClassVar[bool] = False

    def sums(self, z: Array, y: Array) -> Sums:
        labels = labels_of(z, y)
        if len(z) == 1:
            cost = logistic_cost(z[0], labels.astype(z.dtype))
        else:
            cost = -log_softmax(z)[labels, np.arange(len(labels))]
        return {"log_loss": float(np.sum(cost, dtype=np.float64))}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return sums["log_loss"] / sums["n"]


@dataclass(frozen=True, kw_only=True)
class Auc(Metric, kind="auc"):
    """Area under the ROC curve: how often a sample of class 1 is ranked above one of class 0.

    Ties count half. Computed from histograms of the probability of class 1 with 4,096 bins, which
    add up over shards: probabilities in the same bin count as ties.
    """

    two_classes: ClassVar[bool] = True

    def sums(self, z: Array, y: Array) -> Sums:
        logit = z[0] if len(z) == 1 else z[1] - z[0]
        bins = np.minimum((sigmoid(logit.astype(np.float64)) * BINS).astype(int), BINS - 1)
        cells = np.bincount(labels_of(z, y) * BINS + bins, minlength=2 * BINS)
        return {"auc_histogram": cells[: 2 * BINS].reshape(2, BINS)}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        no, yes = np.asarray(sums["auc_histogram"], dtype=np.float64)
        pairs = no.sum() * yes.sum()
        if not pairs:
            return None
        below = np.cumsum(no) - no
        return float((yes * (below + 0.5 * no)).sum() / pairs)
