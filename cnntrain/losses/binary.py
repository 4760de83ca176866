"""Losses for yes-or-no answers: each output is an independent binary decision.

With class labels (N,), output k of K answers "is it class k?"; for a single output, label 1 means
yes and 0 means no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from cnntrain.errors import ConfigError, ShapeError
from cnntrain.losses.base import Loss, as_targets, is_labels, mean_targets, total
from cnntrain.native import losses as compiled
from cnntrain.native import twinned
from cnntrain.ops.exact import log, log1p
from cnntrain.ops.stable import logistic_cost, sigmoid, softplus
from cnntrain.types import Array, NonNegative, Positive, Shape

LEAST_SHARE, MOST_SHARE = 1e-12, 1 - 1e-12  # whose logits are finite


@twinned(compiled.binary_cross_entropy)
def binary_cross_entropy(z: Array, t: Array) -> tuple[float, Array]:
    """(-Σ t log σ(z) + (1-t) log(1-σ(z)), σ(z) - t).

    δ is written (1-t) σ(z) - t σ(-z): no difference of nearly equal numbers for a right answer.
    """
    return total(logistic_cost(z, t)), (1 - t) * sigmoid(z) - t * sigmoid(-z)


def weighted_binary_cross_entropy(
    z: Array, t: Array, weight: Array, pos_weight: Array
) -> tuple[float, Array]:
    """(Σ w ((1-t) softplus(z) + p t softplus(-z)), w ((1-t) σ(z) - p t σ(-z)))."""
    no, yes = weight * (1 - t), weight * pos_weight * t
    return total(no * softplus(z) + yes * softplus(-z)), no * sigmoid(z) - yes * sigmoid(-z)


@twinned(compiled.hinge)
def hinge(z: Array, sign: Array) -> tuple[float, Array]:
    """(Σ max(0, 1 - sign·z), -sign where the margin is less than 1)."""
    shortfall = 1 - sign * z
    return total(np.maximum(shortfall, 0)), -sign * (shortfall > 0)


@twinned(compiled.squared_hinge)
def squared_hinge(z: Array, sign: Array) -> tuple[float, Array]:
    """(Σ max(0, 1 - sign·z)², -2 sign max(0, 1 - sign·z))."""
    shortfall = np.maximum(1 - sign * z, 0)
    return total(shortfall * shortfall), -2 * sign * shortfall


def check_range(kind: str, y: Array, needed: str, *, shares: bool) -> None:
    """Refuse targets other than 0 and 1, or with ``shares`` other than 0 to 1."""
    if is_labels(y) or bool((((y >= 0) & (y <= 1)) if shares else ((y == 0) | (y == 1))).all()):
        return
    raise ConfigError(
        f"{kind} needs targets that are {needed}, but these go from {y.min():.4g} to "
        f"{y.max():.4g}; write 0 for no, or use squared_error for a regression",
        ("loss",),
    )


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss, kind="binary_cross_entropy"):
    """C = -1/m Σ_n Σ_k t_k log σ(z_k) + (1 - t_k) log(1 - σ(z_k)); δ = (σ(z) - t)/m.

    Logits z of any shape, targets t in [0, 1] of the same, or labels; the last layer has no
    sigmoid. Options, each a number for every output or one per output (channel): ``pos_weight``,
    a factor on t_k log σ(z_k), such as the number of noes per yes; ``weight``, on both terms. The
    mean is over the m samples, not weighted. Source: Bishop 2006, eq. 4.90.
    """

    formula: ClassVar[str] = (
        r"C = -\frac{1}{m} \sum_n \sum_k t_k \log \sigma(z_k) + (1 - t_k) \log(1 - \sigma(z_k))"
    )
    delta_formula: ClassVar[str] = r"\delta = \frac{1}{m} (\sigma(z) - t)"

    pos_weight: Positive | tuple[Positive, ...] = 1.0
    weight: NonNegative | tuple[NonNegative, ...] = 1.0

    contains: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax", "log_softmax")
    single_output_is_yes: ClassVar[bool] = True
    estimates_shares: ClassVar[bool] = True

    def equation(self) -> str:
        yes = r"t_k \log \sigma(z_k)"
        formula = self.formula
        if self.pos_weight != 1.0:
            formula = formula.replace(yes, f"p_k {yes}")
        return formula if self.weight == 1.0 else formula.replace(r"\sum_k", r"\sum_k w_k (") + ")"

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        super().check(out_shape, target_shape)
        for name in ("pos_weight", "weight"):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) != out_shape[0]:
                raise ShapeError(
                    f"{self.kind}: {name} has {len(given)} numbers for {out_shape[0]} outputs"
                )

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        t = as_targets(y, z)
        if self.pos_weight == self.weight == 1.0:
            return binary_cross_entropy(z, t)
        weights = (_per_output(given, z) for given in (self.weight, self.pos_weight))
        return weighted_binary_cross_entropy(z, t, *weights)

    def estimate(self, z: Array) -> Array:
        return sigmoid(z)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        share = np.clip(mean_targets(y, out_shape[0]).reshape(out_shape), LEAST_SHARE, MOST_SHARE)
        logit: Array = log(share) - log1p(-share)
        return logit + log(_per_output(self.pos_weight, logit))

    def fitted(self, y: Array, classes: int | None) -> Self:
        check_range(self.kind, y, "0 (no), 1 (yes) or a probability", shares=True)
        return self

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [
            (cls(), (3,), (3,)),
            (cls(), (4,), None),
            (cls(), (2, 2, 3), (2, 2, 3)),
            (cls(pos_weight=3.0), (3,), (3,)),
            (cls(pos_weight=(3.0, 0.5), weight=(1.0, 2.0)), (2, 2, 3), (2, 2, 3)),
        ]


def _per_output(given: float | tuple[float, ...], like: Array) -> Array:
    """Weights that broadcast over outputs ``like`` (K, ...)."""
    return np.array(given, like.dtype).reshape(-1, *(1,) * (like.ndim - 1))


@dataclass(frozen=True, kw_only=True)
class Hinge(Loss, kind="hinge"):
    """C = 1/m Σ_n Σ_k max(0, 1 - s_k z_k), s_k = 1 for the true class, else -1.

    One against all, as in Caffe. Outputs z (K, N) and labels, or targets where 1 means yes and 0
    means no. Source: Cortes & Vapnik 1995; Caffe's HingeLoss with norm L1.
    """

    formula: ClassVar[str] = r"C = \frac{1}{m} \sum_n \sum_k \max(0, 1 - s_k z_k)"
    delta_formula: ClassVar[str] = r"\delta = -\frac{s}{m} \;\text{if}\; s z < 1 \;\text{else}\; 0"

    single_output_is_yes: ClassVar[bool] = True

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return hinge(z, 2 * as_targets(y, z) - 1)

    def estimate(self, z: Array) -> Array:
        return (z > 0).astype(z.dtype)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        return np.where(mean_targets(y, out_shape[0]) > 0.5, 1.0, -1.0).reshape(out_shape)

    def fitted(self, y: Array, classes: int | None) -> Self:
        check_range(self.kind, y, "0 (no) and 1 (yes)", shares=False)
        return self

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (4,), None), (cls(), (3,), (3,))]


@dataclass(frozen=True, kw_only=True)
class SquaredHinge(Loss, kind="squared_hinge"):
    """C = 1/m Σ_n Σ_k max(0, 1 - s_k z_k)², s_k = 1 for the true class, else -1.

    Outputs and targets as for ``hinge``. Source: Caffe's HingeLoss with norm L2.
    """

    formula: ClassVar[str] = r"C = \frac{1}{m} \sum_n \sum_k \max(0, 1 - s_k z_k)^2"
    delta_formula: ClassVar[str] = r"\delta = -\frac{2 s}{m} \max(0, 1 - s z)"

    single_output_is_yes: ClassVar[bool] = True

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return squared_hinge(z, 2 * as_targets(y, z) - 1)

    def estimate(self, z: Array) -> Array:
        return (z > 0).astype(z.dtype)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        return (2 * mean_targets(y, out_shape[0]) - 1).reshape(out_shape)

    def fitted(self, y: Array, classes: int | None) -> Self:
        check_range(self.kind, y, "0 (no) and 1 (yes)", shares=False)
        return self

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (4,), None), (cls(), (3,), (3,))]
