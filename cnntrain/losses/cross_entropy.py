"""Softmax and the negative log-likelihood of the right class, as one function."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.losses.base import Loss
from cnntrain.ops.stable import log_softmax
from cnntrain.types import Array, Shape


def cross_entropy(z: Array, labels: Array) -> tuple[float, Array]:
    """(-Σ_n log softmax(z_n)[y_n], softmax(z) - one-hot(y)).

    Taking logits keeps both exact: no log of a rounded 0, and δ is a plain difference.
    """
    log_p = log_softmax(z)  # (K, N)
    columns = np.arange(len(labels))
    total = -float(np.sum(log_p[labels, columns], dtype=np.float64))
    delta = np.exp(log_p)
    delta[labels, columns] -= 1
    return total, delta


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss, kind="cross_entropy"):
    """C = -1/m Σ_n log softmax(z_n)[y_n]; δ = (softmax(z) - one-hot(y))/m.

    Logits (K, N) and integer labels (N,): the last layer has one unit per class and no softmax.
    Source: Bishop 2006, eq. 4.108 (cost) and 4.109 (δ).
    """

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        if target_shape is not None:
            raise ShapeError(
                "cross_entropy needs class labels, but the data has real-valued targets; "
                "use 'squared_error'"
            )
        if len(out_shape) != 1 or out_shape[0] < 2:
            raise ShapeError(
                f"cross_entropy needs one output per class, at least 2, but the network gives "
                f"{out_shape}; end it with 'dense: {{units: <number of classes>}}'"
            )

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        return cross_entropy(z, y)

    @classmethod
    def examples(cls) -> Sequence[tuple[Loss, Shape, Shape | None]]:
        return [(cls(), (4,), None), (cls(), (2,), None)]
