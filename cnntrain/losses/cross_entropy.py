"""Softmax and the negative log-likelihood of the true class, as one function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from cnntrain.errors import ConfigError, ShapeError
from cnntrain.losses.base import Loss, as_targets, is_labels, mean_targets, one_hot, total
from cnntrain.native import losses as compiled
from cnntrain.native import twinned
from cnntrain.ops.exact import log
from cnntrain.ops.stable import log_softmax, softmax
from cnntrain.ops.sums import class_sums
from cnntrain.registry import did_you_mean
from cnntrain.types import Array, Fraction, Natural, NonNegative, Shape

LOG_2 = 0.6931471805599453
LEAST_SHARE = 1e-12  # whose logarithm is finite


@twinned(compiled.cross_entropy)
def cross_entropy(z: Array, labels: Array) -> tuple[float, Array]:
    """(-Σ_n log softmax(z_n)[y_n], softmax(z) - one-hot(y)).

    Working on logits keeps both accurate: no log of a rounded 0, and p - 1 of a confident right
    answer is expm1(log p), not a difference of nearly equal numbers.
    """
    log_p = log_softmax(z)  # (K, N)
    columns = np.arange(len(labels))
    log_right = log_p[labels, columns]  # (N,)
    delta = np.exp(log_p)
    delta[labels, columns] = np.expm1(log_right)
    return -total(log_right), delta


@twinned(compiled.soft_cross_entropy)
def soft_cross_entropy(z: Array, t: Array) -> tuple[float, Array]:
    """(-Σ t log softmax(z), softmax(z) Σ_k t_k - t) for targets t >= 0 with any sum."""
    log_p = log_softmax(z)
    return -total(t * log_p), soft_delta(log_p, t)


@twinned(compiled.kl_divergence)
def kl_divergence(z: Array, t: Array) -> tuple[float, Array]:
    """(Σ t (log t - log softmax(z)), softmax(z) Σ_k t_k - t), 0 log 0 being 0."""
    log_p = log_softmax(z)
    return total(t * (np.log(np.where(t > 0, t, 1)) - log_p)), soft_delta(log_p, t)


def soft_delta(log_p: Array, t: Array) -> Array:
    """p Σ_k t_k - t; for p > ½ as (p - 1) Σ_k t_k + (Σ_k t_k - t), which is exact for p near 1."""
    total_t = class_sums(t)
    near_1 = np.expm1(log_p) * total_t + (total_t - t)
    return np.where(log_p > -LOG_2, near_1, np.exp(log_p) * total_t - t)


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss, kind="cross_entropy"):
    """C = -1/m Σ_n Σ_k w_k t_k log softmax(z_n)_k; δ = (softmax(z) Σ w t - w t)/m.

    Logits z (K, N); labels (N,) or soft targets t (K, N). The last layer has one unit per class and
    no softmax. Options: ``label_smoothing`` ε: t = (1 - ε) one-hot + ε/K; ``class_weight`` w: K
    numbers, or numbers by class name (others weigh 1), or ``balanced``: m/(K · samples of the
    class); ``ignore_index``, a class whose samples cost nothing. The mean is over the m samples,
    those that are ignored included, not weighted. Sources: Bishop 2006, eq. 4.108 (cost) and 4.109
    (δ); Szegedy et al. 2016, section 7 (smoothing).
    """

    formula: ClassVar[str] = (
        r"C = -\frac{1}{m} \sum_n \sum_k w_k t_k \log \operatorname{softmax}(z_n)_k"
    )
    delta_formula: ClassVar[str] = (
        r"\delta = \frac{1}{m} (\operatorname{softmax}(z) \sum_k w_k t_k - w t)"
    )

    label_smoothing: Fraction = 0.0
    class_weight: (
        tuple[NonNegative, ...] | Mapping[str, NonNegative] | Literal["balanced"] | None
    ) = None

    ignore_index: Natural | None = None

    contains: ClassVar[tuple[str, ...]] = ("softmax", "log_softmax")
    needs_vector: ClassVar[bool] = True
    takes_soft_labels: ClassVar[bool] = True
    estimates_shares: ClassVar[bool] = True
    least_outputs: ClassVar[int] = 2

    def equation(self) -> str:
        weighted = self.formula if self.class_weight else self.formula.replace("w_k ", "")
        smooth = self.label_smoothing
        if not smooth:
            return weighted
        return (
            rf"{weighted}, \; t = {1 - smooth:g} \cdot \text{{one-hot}} + \frac{{{smooth:g}}}{{K}}"
        )

    def delta_equation(self) -> str:
        if self.class_weight:
            return self.delta_formula
        if self.ignore_index is not None:
            return self.delta_formula.replace("w_k ", "").replace("w t", "t")
        return r"\delta = \frac{1}{m} (\operatorname{softmax}(z) - t)"

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        as_they_are = self.class_weight is None and self.ignore_index is None
        if is_labels(y) and not self.label_smoothing and as_they_are:
            return cross_entropy(z, y)
        return soft_cross_entropy(z, self._targets(z, y))

    def estimate(self, z: Array) -> Array:
        return softmax(z)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        shares = mean_targets(y, out_shape[0])[:, None]
        logs: Array = log(np.maximum(self._targets(shares, shares), LEAST_SHARE))
        return logs[:, 0]

    def _targets(self, z: Array, y: Array) -> Array:
        t, mass = as_targets(y, z), np.ones((), z.dtype)
        if self.ignore_index is not None:
            t = t * (np.arange(len(z)) != self.ignore_index)[:, None]
            mass = class_sums(t)
        if self.label_smoothing:
            t = t * (1 - self.label_smoothing) + mass * (self.label_smoothing / len(z))
        if isinstance(self.class_weight, tuple):
            t = t * np.array(self.class_weight, z.dtype)[:, None]
        return t

    def named(self, classes: Sequence[str] | None) -> Self:
        """With weights by class name as a list; classes that are not named weigh 1."""
        if not isinstance(self.class_weight, Mapping):
            return self
        names = list(classes or self.class_weight)
        if unknown := [name for name in self.class_weight if name not in names]:
            raise ConfigError(
                f"class_weight names {unknown[0]!r}, which is not a class"
                f"{did_you_mean(unknown[0], names)}",
                ("loss",),
            )
        return replace(self, class_weight=tuple(self.class_weight.get(n, 1.0) for n in names))

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        super().check(out_shape, target_shape)
        if self.ignore_index is not None and self.ignore_index >= out_shape[0]:
            raise ShapeError(
                f"ignore_index {self.ignore_index}: the classes are numbered 0 to "
                f"{out_shape[0] - 1}"
            )

    def fitted(self, y: Array, classes: int | None) -> Self:
        """With the weights of ``balanced`` computed from the training labels."""
        if self.class_weight is None or classes is None:
            return self
        if self.class_weight != "balanced":
            if len(self.class_weight) != classes:
                raise ConfigError(
                    f"class_weight has {len(self.class_weight)} numbers for {classes} classes",
                    ("loss",),
                )
            return self
        shares = (
            y.sum(axis=0, dtype=np.float64) if y.ndim == 2 else np.bincount(y, minlength=classes)
        )
        counts = np.maximum(shares, 1)
        return replace(self, class_weight=tuple((len(y) / (classes * counts)).tolist()))

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [
            (cls(), (4,), None),
            (cls(), (2,), None),
            (cls(), (3,), (3,)),
            (cls(label_smoothing=0.1), (3,), None),
            (cls(class_weight=(1.0, 0.5, 2.0)), (3,), None),
            (cls(ignore_index=1, label_smoothing=0.1), (3,), None),
            (cls(ignore_index=2), (3,), (3,)),
        ]


@dataclass(frozen=True, kw_only=True)
class KlDivergence(Loss, kind="kl_divergence"):
    """C = 1/m Σ_n Σ_k t_k (log t_k - log softmax(z_n)_k); δ as for cross_entropy.

    Logits z (K, N) and target distributions t (K, N), or labels. Differs from cross_entropy by the
    entropy of the targets, which is constant. Source: Kullback & Leibler 1951.
    """

    formula: ClassVar[str] = (
        r"C = \frac{1}{m} \sum_n \sum_k t_k (\log t_k - \log \operatorname{softmax}(z_n)_k)"
    )
    delta_formula: ClassVar[str] = (
        r"\delta = \frac{1}{m} (\operatorname{softmax}(z) \sum_k t_k - t)"
    )

    contains: ClassVar[tuple[str, ...]] = ("softmax", "log_softmax")
    needs_vector: ClassVar[bool] = True
    takes_soft_labels: ClassVar[bool] = True
    estimates_shares: ClassVar[bool] = True
    least_outputs: ClassVar[int] = 2

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        t = one_hot(y, len(z), z.dtype) if is_labels(y) else y
        return kl_divergence(z, t)

    def estimate(self, z: Array) -> Array:
        return softmax(z)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        logs: Array = log(np.maximum(mean_targets(y, out_shape[0]), LEAST_SHARE))
        return logs

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (3,), (3,)), (cls(), (4,), None)]
