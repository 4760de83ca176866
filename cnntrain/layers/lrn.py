"""Local response normalization: over neighbouring channels or positions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer, View
from cnntrain.native import lrn as compiled
from cnntrain.native import twinned
from cnntrain.ops.shapes import require_image
from cnntrain.ops.stable import power
from cnntrain.ops.windows import Axis, sum_along, sum_along_backward
from cnntrain.types import Array, Arrays, Count, Params, Positive, Shape


def _windows(shape: Shape, axes: Sequence[int], size: int) -> Iterator[tuple[int, Axis]]:
    """The neighbours along each of these axes."""
    reach = size // 2
    return ((axis, Axis(shape[axis], size, before=reach, after=reach)) for axis in axes)


@twinned(compiled.lrn_forward)
def lrn_forward(
    x: Array, axes: Sequence[int], size: int, share: float, k: float, beta: float
) -> tuple[Array, Array]:  # fmt: skip
    """(y, s): s = k + share Σ x² over the neighbours, y = x s^-β."""
    squares = x * x
    for axis, window in _windows(x.shape, axes, size):
        squares = sum_along(squares, window, axis)
    scale = k + share * squares
    return x * power(scale, -beta), scale


@twinned(compiled.lrn_dx)
def lrn_dx(
    dy: Array, x: Array, scale: Array, axes: Sequence[int], size: int, share: float, beta: float
) -> Array:  # fmt: skip
    """∂C/∂x = dy s^-β - 2 β share · x · Σ over the neighbours of (dy x s^(-β-1))."""
    to_beta = power(scale, -beta)
    pull = dy * x * to_beta / scale
    for axis, window in _windows(x.shape, axes, size):
        pull = sum_along_backward(pull, window, axis)
    return dy * to_beta - (2 * beta * share) * x * pull


class LrnCache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    x: Array
    scale: Array


@dataclass(frozen=True, kw_only=True)
class Lrn(Layer, kind="lrn"):
    """y = x · s^-β with s = k + α/n · Σ x² over n neighbours, including x itself.

    (C, H, W) -> the same. Options: ``size``, the odd width of the neighbourhood; ``across``:
    ``channels`` (n = size neighbouring channels at the same position) or ``space`` (n = size²
    positions of the same map, zeros beyond the edge); ``alpha``, ``beta``, ``k``.
    Source: Krizhevsky et al. 2012, section 3.3, with α divided by n, as in Caffe and PyTorch.
    """

    formula: ClassVar[str] = r"y = x s^{-\beta}, \; s = k + \frac{\alpha}{n} \sum x^2"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\frac{\partial C}{\partial x} = \delta s^{-\beta} - \frac{2 \alpha \beta}{n} x \sum "
            r"\delta x s^{-\beta - 1}"
        ),
    }

    size: Count = 5
    across: Literal["channels", "space"] = "channels"
    alpha: Positive = 1e-4
    beta: Positive = 0.75
    k: Positive = 1.0

    def view(self, in_shape: Shape) -> tuple[View, View]:
        side = View(self.size if self.across == "space" else 1)
        return side, side

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        if self.size % 2 == 0:
            raise ShapeError(f"size {self.size} is even; it must be odd", ("size",))
        return in_shape

    def _axes(self) -> tuple[int, ...]:
        return (0,) if self.across == "channels" else (1, 2)

    def _share(self) -> float:
        return self.alpha / (self.size if self.across == "channels" else self.size * self.size)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, LrnCache]:
        y, scale = lrn_forward(x, self._axes(), self.size, self._share(), self.k, self.beta)
        return y, LrnCache(x, scale)

    def backward(
        self, params: Arrays, cache: LrnCache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return lrn_dx(dy, *cache, self._axes(), self.size, self._share(), self.beta), {}

    def flops(self, in_shape: Shape) -> int:
        return (4 + 2 * self.size) * math.prod(in_shape)

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(size=3, alpha=0.5), (5, 2, 2)),
            Example(cls(size=3, across="space", alpha=0.9, k=2.0), (2, 4, 3)),
        ]
