"""Metrics that a config chooses with ``metrics:``, beside loss and accuracy (or MAE and RMSE).

Each says what it sums up over samples and what the sums mean, so it is the same for any cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnntrain.metrics import (
    Sums,
    confusion_matrix,
    labels_of,
    means,
    r_squared,
    target_moments,
)
from cnntrain.ops.stable import log_softmax, logistic_cost, sigmoid
from cnntrain.registry import Registered
from cnntrain.types import Array, Count

BINS = 4096  # of the histogram from which the area under the ROC curve is taken


class Score(Registered, family="metric"):
    """A figure of a whole split. ``of_labels``: for classification, else for regression;
    ``two_classes``: for two classes only."""

    arithmetic: ClassVar[tuple[str, ...]] = ("sums", "value")

    of_labels: ClassVar[bool] = True
    two_classes: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """How the figure is called in ``metrics.jsonl``, behind the split."""
        return self.kind

    def sums(self, z: Array, y: Array) -> Sums:
        """What this score needs of one shard, beyond ``metrics.batch_sums``."""
        return {}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        """The figure; None where it is not defined."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Accuracy(Score, kind="accuracy"):
    """The share of samples whose largest output is their class."""

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["accuracy"]


@dataclass(frozen=True, kw_only=True)
class TopK(Score, kind="top_k"):
    """The share of samples whose class is among the ``k`` largest outputs; ties count as misses."""

    k: Count = 5

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


class OfConfusion(Score):
    """Base of scores that follow from the confusion matrix."""

    def sums(self, z: Array, y: Array) -> Sums:
        return {"confusion": confusion_matrix(z, y)}


@dataclass(frozen=True, kw_only=True)
class BalancedAccuracy(OfConfusion, kind="balanced_accuracy"):
    """The mean recall of the classes that have samples."""

    def value(self, sums: Mapping[str, Any]) -> float | None:
        matrix = np.asarray(sums["confusion"])
        support = matrix.sum(axis=1)
        return float((np.diag(matrix) / np.maximum(support, 1))[support > 0].mean())


@dataclass(frozen=True, kw_only=True)
class MacroF1(OfConfusion, kind="macro_f1"):
    """The mean over classes of F1 = 2 hits / (samples of it + samples taken for it).

    Classes that neither occur nor are predicted do not count.
    """

    def value(self, sums: Mapping[str, Any]) -> float | None:
        matrix = np.asarray(sums["confusion"])
        both = matrix.sum(axis=0) + matrix.sum(axis=1)
        return float((2 * np.diag(matrix) / np.maximum(both, 1))[both > 0].mean())


@dataclass(frozen=True, kw_only=True)
class LogLoss(Score, kind="log_loss"):
    """-1/n Σ log p(class), p by softmax of the outputs (or the sigmoid of a single one)."""

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
class Auc(Score, kind="auc"):
    """Area under the ROC curve of two classes: how often a sample of class 1 scores above one of 0.

    Ties count half. From histograms of the probability of class 1 with 4,096 bins, so that it adds
    up over shards: probabilities in one bin count as ties.
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


@dataclass(frozen=True, kw_only=True)
class Mae(Score, kind="mae"):
    """Mean absolute error, over samples and outputs."""

    of_labels: ClassVar[bool] = False

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["mae"]


@dataclass(frozen=True, kw_only=True)
class Rmse(Score, kind="rmse"):
    """Root of the mean squared error, over samples and outputs."""

    of_labels: ClassVar[bool] = False

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["rmse"]


@dataclass(frozen=True, kw_only=True)
class RSquared(Score, kind="r2"):
    """R² = 1 - Σ(a - y)² / Σ(y - ȳ)², over all outputs."""

    of_labels: ClassVar[bool] = False

    def sums(self, z: Array, y: Array) -> Sums:
        return target_moments(y)

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return r_squared(sums)


def scored(sums: Mapping[str, Any], scores: tuple[Score, ...]) -> dict[str, float]:
    """Loss, accuracy (or MAE and RMSE) and the chosen scores that are defined."""
    values = {score.name: score.value(sums) for score in scores}
    return means(sums) | {name: value for name, value in values.items() if value is not None}


def is_better(name: str, value: float, than: float, equal: bool = False) -> bool:
    """Whether the figure ``split/name`` improved: most grow, losses and errors shrink."""
    if value == than:
        return equal
    grows = name.endswith(("accuracy", "f1", "auc", "r2"))
    return value > than if grows else value < than
