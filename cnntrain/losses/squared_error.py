"""Half the sum of squared errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cnntrain.losses.base import Loss, as_targets, total
from cnntrain.native import losses as compiled
from cnntrain.native import twinned
from cnntrain.types import Array, Shape


@twinned(compiled.squared_error)
def squared_error(a: Array, y: Array) -> tuple[float, Array]:
    """(½ Σ (a - y)², a - y): cost and δ before the mean is taken."""
    delta = a - y
    return 0.5 * total(delta * delta), delta


@dataclass(frozen=True, kw_only=True)
class SquaredError(Loss, kind="squared_error"):
    """C = 1/m Σ_n ½ Σ_k (a_k - t_k)²; δ = (a - t)/m.

    Outputs a of any shape, targets t of the same; integer labels become one-hot columns.
    Source: Bishop 2006, eq. 5.11, divided by m. A penalty on the weights is ``train.l2``.
    """

    formula: ClassVar[str] = r"C = \frac{1}{m} \sum_n \frac{1}{2} \sum_k (a_k - t_k)^2"
    delta_formula: ClassVar[str] = r"\delta = \frac{1}{m} (a - t)"

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return squared_error(z, as_targets(y, z))

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (3,), (3,)), (cls(), (2, 3, 2), (2, 3, 2)), (cls(), (4,), None)]
