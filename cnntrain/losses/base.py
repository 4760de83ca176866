"""What a loss is: outputs and targets in; cost and δ out, both summed over the samples.

The mean over the whole batch is taken by whoever adds up the shards, because only he knows how
many samples there are in all.
"""

from collections.abc import Sequence

import numpy as np

from cnntrain.registry import Registered
from cnntrain.types import Array, Shape


def one_hot(labels: Array, classes: int, dtype: np.dtype) -> Array:
    """(N,) integers -> (K, N) columns with a single 1."""
    hot = np.zeros((classes, len(labels)), dtype)
    hot[labels, np.arange(len(labels))] = 1
    return hot


class Loss(Registered, family="loss"):
    """C = 1/m Σ_n cost(z_n, y_n)."""

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        """Raise ``ShapeError`` unless outputs and targets fit; ``None`` stands for labels."""
        raise NotImplementedError

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        """(Σ_n cost, δ) for outputs z (K, N) and labels (N,) or targets (K, N).

        δ has the shape of z and is the derivative of the sum, not of the mean.
        """
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Sequence[tuple["Loss", Shape, Shape | None]]:
        """(loss, output shape, target shape or None for labels): cases for the gradient check."""
        raise NotImplementedError
