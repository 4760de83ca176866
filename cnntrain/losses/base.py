"""The loss interface: outputs and targets in; cost and δ out, both summed over the samples.

The mean is taken by the caller, which adds up the shards and knows the size of the whole batch.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.registry import Registered
from cnntrain.types import Array, Shape


def is_labels(y: Array) -> bool:
    """Whether targets are class labels (N,) rather than real numbers shaped like the output."""
    return y.dtype.kind in "iu"


def one_hot(labels: Array, classes: int, dtype: np.dtype) -> Array:
    """(N,) integers -> (K, N) columns with a single 1; for a single output, the label itself."""
    if classes == 1:
        return labels[None].astype(dtype)
    hot = np.zeros((classes, len(labels)), dtype)
    hot[labels, np.arange(len(labels))] = 1
    return hot


def as_targets(y: Array, like: Array) -> Array:
    """Class labels as one-hot columns shaped like ``like``; real-valued targets unchanged."""
    return one_hot(y, len(like), like.dtype) if is_labels(y) else y


def mean_targets(y: Array, outputs: int) -> Array:
    """The mean of targets (K, ..., N) over the samples; of labels (N,), their shares (K,)."""
    if not is_labels(y):
        mean: Array = y.mean(axis=-1, dtype=np.float64)
        return mean
    if outputs == 1:
        return np.array([y.mean(dtype=np.float64)])
    return np.bincount(y, minlength=outputs) / len(y)


class Loss(Registered, family="loss"):
    """C = 1/m Σ_n cost(z_n, y_n). ``contains``: activations that must not precede it."""

    arithmetic: ClassVar[tuple[str, ...]] = ("forward",)
    formula: ClassVar[str]  # of C, in LaTeX
    delta_formula: ClassVar[str]  # of δ = ∂C/∂z, in LaTeX

    contains: ClassVar[tuple[str, ...]] = ()
    needs_vector: ClassVar[bool] = False  # outputs (K,), not maps
    least_outputs: ClassVar[int] = 1
    takes_soft_labels: ClassVar[bool] = False  # whether real-valued targets are class probabilities
    single_output_is_yes: ClassVar[bool] = False  # whether one output can separate two classes
    estimates_shares: ClassVar[bool] = False  # whether ``estimate`` gives probabilities

    def check(self, out_shape: Shape, target_shape: Shape | None) -> None:
        """Raise ``ShapeError`` unless outputs and targets match; ``None`` means class labels."""
        if (self.needs_vector or target_shape is None) and (
            len(out_shape) != 1 or out_shape[0] < self.least_outputs
        ):
            least = f", at least {self.least_outputs}" if self.least_outputs > 1 else ""
            raise ShapeError(
                f"{self.kind} needs one output per class{least}, but the network gives "
                f"{out_shape}; end it with 'dense: {{units: <number of classes>}}'"
            )
        if target_shape is not None and target_shape != out_shape:
            raise ShapeError(f"the network gives {out_shape}, but the targets are {target_shape}")

    def equation(self) -> str:
        """``formula`` with this loss's own options, in LaTeX."""
        return self.formula

    def delta_equation(self) -> str:
        """``delta_formula`` with this loss's own options, in LaTeX."""
        return self.delta_formula

    def forward(self, z: Array, y: Array) -> tuple[float, Array]:
        """(Σ_n cost, δ) for outputs z (K, N) and labels (N,) or targets (K, N).

        δ has the shape of z and is the derivative of the sum, not of the mean.
        """
        raise NotImplementedError

    def named(self, classes: Sequence[str] | None) -> Self:
        """This loss with options given by class name put in the order of the classes."""
        return self

    def estimate(self, z: Array) -> Array:
        """What outputs z say about real-valued targets, in the targets' own units."""
        return z

    def constant(self, y: Array, out_shape: Shape) -> Array:
        """The output of the best guess: the same for all samples, at the least cost over y."""
        return mean_targets(y, out_shape[0]).reshape(out_shape)

    def fitted(self, y: Array, classes: int | None) -> Self:
        """This loss adjusted to the training targets ``y``; most losses ignore them."""
        return self

    @classmethod
    def examples(cls) -> Sequence[tuple["Loss", Shape, Shape | None]]:
        """(loss, output shape, target shape or None for labels): cases for the gradient check."""
        raise NotImplementedError


def total(costs: Array) -> float:
    """Σ costs, in float64."""
    return float(np.sum(costs, dtype=np.float64))
