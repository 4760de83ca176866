"""Half the sum of squared errors: the cost of all five seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.losses.base import Loss, one_hot
from cnntrain.types import Array, Shape


def squared_error(a: Array, y: Array) -> tuple[float, Array]:
    """(½ Σ (a - y)², a - y): the seeds' J(θ) before the mean, and their δ = Y - T."""
    delta = a - y
    return 0.5 * float(np.sum(delta * delta, dtype=np.float64)), delta


@dataclass(frozen=True, kw_only=True)
class SquaredError(Loss, kind="squared_error"):
    """C = 1/m Σ_n ½ Σ_k (a_k - y_k)²; δ = (a - y)/m.

    Outputs of any shape, targets of the same; integer labels are turned into one-hot columns.
    Source: seed 001, J(Θ) without its regularisation term (``train.l2`` is that term).
    """

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        if target_shape is None and len(out_shape) != 1:
            raise ShapeError(f"the data has labels, but the network gives maps {out_shape}")
        if target_shape is not None and target_shape != out_shape:
            raise ShapeError(f"the network gives {out_shape}, but the targets are {target_shape}")

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return squared_error(z, one_hot(y, len(z), z.dtype) if y.dtype.kind in "iu" else y)

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (3,), (3,)), (cls(), (2, 3, 2), (2, 3, 2)), (cls(), (4,), None)]
