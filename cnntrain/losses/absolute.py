"""Losses that grow linearly for large errors, so that outliers have less influence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.losses.base import Loss, as_targets, total
from cnntrain.native import losses as compiled
from cnntrain.native import twinned
from cnntrain.types import Array, Positive, Shape

BISECTIONS = 50  # each halves the range of the targets


@twinned(compiled.absolute_error)
def absolute_error(a: Array, y: Array) -> tuple[float, Array]:
    """(Σ |a - y|, sign(a - y)); 0 where they are equal."""
    error = a - y
    return total(np.abs(error)), np.sign(error)


@twinned(compiled.huber)
def huber(a: Array, y: Array, limit: float) -> tuple[float, Array]:
    """(Σ ½e² for |e| <= limit, else limit (|e| - ½ limit); e clipped to ±limit), e = a - y."""
    error = a - y
    delta = np.clip(error, -limit, limit)
    return total(delta * (error - 0.5 * delta)), delta


@dataclass(frozen=True, kw_only=True)
class AbsoluteError(Loss, kind="absolute_error"):
    """C = 1/m Σ_n Σ_k |a_k - t_k|; δ = sign(a - t)/m.

    Outputs a of any shape, targets t of the same; integer labels become one-hot columns.
    """

    formula: ClassVar[str] = r"C = \frac{1}{m} \sum_n \sum_k |a_k - t_k|"
    delta_formula: ClassVar[str] = r"\delta = \frac{1}{m} \operatorname{sign}(a - t)"

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return absolute_error(z, as_targets(y, z))

    def constant(self, y: Array, out_shape: Shape) -> Array:
        median: Array = np.median(as_targets(y, np.empty(out_shape)), axis=-1)
        return median

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (3,), (3,)), (cls(), (4,), None)]


@dataclass(frozen=True, kw_only=True)
class Huber(Loss, kind="huber"):
    """C = 1/m Σ_n Σ_k h(a_k - t_k), h(e) = ½e² for |e| <= limit, else limit (|e| - ½ limit).

    Outputs a of any shape, targets t of the same; integer labels become one-hot columns.
    Option: ``limit``. Source: Huber 1964.
    """

    formula: ClassVar[str] = (
        r"C = \frac{1}{m} \sum_n \sum_k h(a_k - t_k), \; h(e) = \frac{e^2}{2} \;\text{if}\; "
        r"|e| \le \text{limit}, \;\text{else}\; \text{limit} \cdot (|e| - \frac{\text{limit}}{2})"
    )
    delta_formula: ClassVar[str] = (
        r"\delta = \frac{1}{m} \operatorname{clip}(a - t, \pm \text{limit})"
    )

    limit: Positive = 1.0

    def equation(self) -> str:
        return self.formula.replace(r"\text{limit}", f"{self.limit:g}")

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return huber(z, as_targets(y, z), self.limit)

    def constant(self, y: Array, out_shape: Shape) -> Array:
        """By bisection, for the least cost is where Σ δ changes its sign."""
        t = as_targets(y, np.empty(out_shape))
        low, high = t.min(axis=-1).astype(float), t.max(axis=-1).astype(float)
        for _ in range(BISECTIONS if (low < high).any() else 0):
            middle = (low + high) / 2
            is_over = np.clip(middle[..., None] - t, -self.limit, self.limit).sum(axis=-1) > 0
            low, high = np.where(is_over, low, middle), np.where(is_over, middle, high)
        return (low + high) / 2

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(limit=0.5), (3,), (3,)), (cls(), (4,), None)]
