"""Normalization within a sample: over the layer, or groups of channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Param, ParametricLayer
from cnntrain.layers.initializers import Constant, Zeros
from cnntrain.native import normalization as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import centered, divided, exact_sums, row_dots, row_sums
from cnntrain.types import Array, Arrays, Count, Params, Positive, Shape


def standardize(x: Array, epsilon: float) -> tuple[Array, Array]:
    """(x̂, 1/σ): x̂ = (x - mean) / √(variance + ε) along axis 1 of x (G, M, N)."""
    m = x.shape[1]
    around = centered(x, exact_sums(x) / m)
    variance = exact_sums(around * around) / m  # (G, 1, N)
    inverse = (1 / np.sqrt(variance + epsilon)).astype(x.dtype)
    return around * inverse, inverse


def standardize_backward(d_hat: Array, x_hat: Array, inverse: Array) -> Array:
    """∂C/∂x = (d̂ - mean(d̂) - x̂ mean(d̂ x̂)) / σ from d̂ = ∂C/∂x̂, along axis 1."""
    m = d_hat.shape[1]
    along = (exact_sums(d_hat * x_hat) / m).astype(d_hat.dtype)  # (G, 1, N)
    return inverse * (centered(d_hat, exact_sums(d_hat) / m) - x_hat * along)


@twinned(compiled.sample_norm_forward)
def sample_norm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, x̂, 1/σ): y = γ x̂ + β, x (C, ..., N) standardized within ``groups`` parts of a sample."""
    x_hat, inverse = standardize(x.reshape(groups, -1, x.shape[-1]), epsilon)
    x_hat = x_hat.reshape(x.shape)
    return gamma[..., None] * x_hat + beta[..., None], x_hat, inverse


@twinned(compiled.sample_norm_dx)
def sample_norm_dx(dy: Array, x_hat: Array, gamma: Array, inverse: Array) -> Array:
    """∂C/∂x, from d̂ = ∂C/∂x̂ = γ δ."""
    grouped = (len(inverse), -1, dy.shape[-1])
    d_hat = (dy * gamma[..., None]).reshape(grouped)
    return standardize_backward(d_hat, x_hat.reshape(grouped), inverse).reshape(dy.shape)


class Cache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    x_hat: Array
    inverse: Array


@dataclass(frozen=True, kw_only=True)
class SampleNorm(ParametricLayer):
    """Base: y = γ x̂ + β with x̂ standardized within ``parts()`` parts of each sample."""

    formula: ClassVar[str] = (
        r"y = \gamma \hat{x} + \beta, \; \hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}"
    )
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\frac{\partial C}{\partial x} = \frac{d - \operatorname{mean}(d) - \hat{x} "
            r"\operatorname{mean}(d \hat{x})}{\sqrt{\sigma^2 + \epsilon}}, \; d = \gamma \delta"
        ),
        "gamma": r"\frac{\partial C}{\partial \gamma} = \sum \delta \hat{x}",
        "beta": r"\frac{\partial C}{\partial \beta} = \sum \delta",
    }

    epsilon: Positive = 1e-5

    letters: ClassVar[tuple[str, ...]] = ("gamma", "beta")

    def parts(self) -> int:
        raise NotImplementedError

    def _scale_shape(self, in_shape: Shape) -> Shape:
        """Shape of γ and β: that of a sample, or with axes of length 1 behind the channels."""
        raise NotImplementedError

    def view(self, in_shape: Shape) -> None:
        return None

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def params(self, in_shape: Shape) -> dict[str, Param]:
        shape = self._scale_shape(in_shape)
        return self.tuned(
            {
                "gamma": Param(shape, 1, 1, Constant(value=1.0)),
                "beta": Param(shape, 1, 1, Zeros()),
            }
        )

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        y, *kept = sample_norm_forward(
            x, params["gamma"], params["beta"], self.parts(), self.epsilon
        )
        return y, Cache(*kept)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        gamma = params["gamma"]
        rows, x_hat = (array.reshape(gamma.size, -1) for array in (dy, cache.x_hat))
        sums = {"gamma": row_dots(rows, x_hat), "beta": row_sums(rows)}
        grads = {letter: divided(a, 1, dy.dtype).reshape(gamma.shape) for letter, a in sums.items()}
        return sample_norm_dx(dy, cache.x_hat, gamma, cache.inverse), grads

    def flops(self, in_shape: Shape) -> int:
        return 8 * super().flops(in_shape)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(SampleNorm, kind="layer_norm"):
    """y = γ (x - mean) / √(variance + ε) + β, mean and variance over all features of a sample.

    Any shape -> the same; gamma and beta have the shape of a sample. Option: ``epsilon``.
    Source: Ba, Kiros & Hinton 2016; over (C, H, W) for images, as in PyTorch with the full shape.
    """

    def parts(self) -> int:
        return 1

    def _scale_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (5,)), Example(cls(), (2, 3, 2), batch=3)]


@dataclass(frozen=True, kw_only=True)
class GroupNorm(SampleNorm, kind="group_norm"):
    """y = γ (x - mean) / √(variance + ε) + β, mean and variance over each group of channels.

    Any shape -> the same; gamma and beta (C, 1, 1), or (C,) for vectors. Options: ``groups``, which
    must divide C (1: layer_norm except for γ and β; C: instance normalization); ``epsilon``.
    Source: Wu & He 2018.
    """

    groups: Count

    def parts(self) -> int:
        return self.groups

    def _scale_shape(self, in_shape: Shape) -> Shape:
        return (in_shape[0], *(1,) * (len(in_shape) - 1))

    def out_shape(self, in_shape: Shape) -> Shape:
        if in_shape[0] % self.groups:
            raise ShapeError(
                f"{self.groups} groups do not divide {in_shape[0]} channels", ("groups",)
            )
        return in_shape

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(groups=2), (4, 3, 2)),
            Example(cls(groups=1), (3, 2, 2), batch=1),
            Example(cls(groups=3), (6,), batch=3),
        ]
