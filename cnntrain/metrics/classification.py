"""Metrics for classification."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnntrain.metrics.base import Metric
from cnntrain.metrics.ranking import areas, score_sums
from cnntrain.metrics.sums import Sums, confusion_matrix, labels_of, means
from cnntrain.metrics.yes_no import f1_of, mean_of_known
from cnntrain.ops.stable import log_softmax, logistic_cost
from cnntrain.types import Array, Count, Shape


@dataclass(frozen=True, kw_only=True)
class Accuracy(Metric, kind="accuracy"):
    """The share of samples whose largest output belongs to their class.

    Of labels that hold or do not: the share of right answers, over samples and labels.
    """

    of_yes_no: ClassVar[bool] = True
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
    """-1/n Σ log p(class), p by softmax of the outputs (or the sigmoid of a single one).

    Computed from the outputs themselves and not clipped: a class that is given p = e^-100 costs
    100. scikit-learn clips p to the float's epsilon, so there it costs 15.9 (float32) or 36.0.
    """

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
class F1(Metric, kind="f1"):
    """F1 = 2 hits / (samples that are yes + samples taken for yes), yes being class 1.

    Of several labels their mean; labels that neither hold nor are predicted do not count.
    """

    of_yes_no: ClassVar[bool] = True
    two_classes: ClassVar[bool] = True
    usual: ClassVar[bool] = True

    def sums(self, z: Array, y: Array) -> Sums:
        return {} if y.dtype.kind == "b" else {"confusion": confusion_matrix(z, y)}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        if "decisions" in sums:
            return mean_of_known([f1_of(table) for table in np.asarray(sums["decisions"])])
        return f1_of(np.asarray(sums["confusion"]))


@dataclass(frozen=True, kw_only=True)
class Auc(Metric, kind="auc"):
    """Area under the ROC curve: how often a yes (class 1) is ranked above a no (class 0).

    Ties count half. Exact for up to 65,536 distinct outputs; of more, the last binary digits are
    dropped. Of several labels the mean; labels that hold for all samples or none do not count.
    """

    of_yes_no: ClassVar[bool] = True
    two_classes: ClassVar[bool] = True
    usual: ClassVar[bool] = True

    @classmethod
    def is_usual(cls, out_shape: Shape) -> bool:
        return len(out_shape) == 1  # of maps there are too many positions to rank in every epoch

    def sums(self, z: Array, y: Array) -> Sums:
        if y.dtype.kind == "b":
            return score_sums(z, y)
        score = z if len(z) == 1 else z[1:2].astype(np.float64) - z[:1]
        return score_sums(score, labels_of(z, y)[None] == 1)

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return mean_of_known(areas(sums))
