"""Pooling: each window of a map becomes one number. Two passes: along the width, then the height.

Two passes of KW and KH steps replace one of KH*KW, and the second works on a map already reduced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer
from cnntrain.ops.windows import Axis, place
from cnntrain.types import Array, Arrays, CountPair, NaturalPair, Params, Shape, as_pair

AT_HEIGHT, AT_WIDTH = 1, 2  # axes of (C, H, W, N)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def _new_length(x: Array, axis: int, length: int) -> Shape:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


def max_along(x: Array, window: Axis, axis: int) -> tuple[Array, Array]:
    """(y, winner): the largest value of each window along one axis, and the tap that holds it.

    The first of equal values wins; NaN wins over all, so that it is not lost.
    """
    shape = _new_length(x, axis, window.out)
    y = np.full(shape, -np.inf, x.dtype)
    winner = np.zeros(shape, np.uint8 if window.size <= 256 else np.intp)
    for j, outputs, inputs in window.taps():
        best, rival = y[_along(axis, outputs)], x[_along(axis, inputs)]
        np.copyto(winner[_along(axis, outputs)], j, where=rival > best)
        np.maximum(best, rival, out=best)
    return y, winner


def max_along_backward(dy: Array, winner: Array, window: Axis, axis: int) -> Array:
    """∂C/∂x: each δ goes to the tap that won its window, 0 to all others (seed 002)."""
    dx = np.zeros(_new_length(dy, axis, window.length), dy.dtype)
    for j, outputs, inputs in window.taps():
        won = winner[_along(axis, outputs)] == j
        dx[_along(axis, inputs)] += dy[_along(axis, outputs)] * won
    return dx


def sum_along(x: Array, window: Axis, axis: int) -> Array:
    """Σ_j x[o·stride + j - before] along one axis."""
    y = np.zeros(_new_length(x, axis, window.out), x.dtype)
    for _, outputs, inputs in window.taps():
        y[_along(axis, outputs)] += x[_along(axis, inputs)]
    return y


def sum_along_backward(dy: Array, window: Axis, axis: int) -> Array:
    """∂C/∂x: each δ goes to every tap of its window."""
    dx = np.zeros(_new_length(dy, axis, window.length), dy.dtype)
    for _, outputs, inputs in window.taps():
        dx[_along(axis, inputs)] += dy[_along(axis, outputs)]
    return dx


def max_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis) -> tuple[Array, Sequence[Array]]:
    """y = max over each window. Ties go to the first row, and in it to the first column."""
    row_max, column_of = max_along(x, horizontal, AT_WIDTH)  # (C, H, OW, N)
    y, row_of = max_along(row_max, vertical, AT_HEIGHT)  # (C, OH, OW, N)
    return y, (column_of, row_of)


def max_pool2d_backward(
    dy: Array, winners: Sequence[Array], vertical: Axis, horizontal: Axis
) -> Array:
    """∂C/∂x: δ at the position of each maximum, 0 elsewhere (seed 002)."""
    column_of, row_of = winners
    d_row_max = max_along_backward(dy, row_of, vertical, AT_HEIGHT)
    return max_along_backward(d_row_max, column_of, horizontal, AT_WIDTH)


def avg_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis) -> Array:
    """y = (Σ over each window) / (KH·KW); padding counts as zeros."""
    sums = sum_along(sum_along(x, horizontal, AT_WIDTH), vertical, AT_HEIGHT)
    return sums / (vertical.size * horizontal.size)


def avg_pool2d_backward(dy: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂x: each δ / (KH·KW) goes to every input of its window (seed 002)."""
    share = dy / (vertical.size * horizontal.size)
    return sum_along_backward(sum_along_backward(share, vertical, AT_HEIGHT), horizontal, AT_WIDTH)


class Cache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    winners: Sequence[Array]
    vertical: Axis
    horizontal: Axis


@dataclass(frozen=True, kw_only=True)
class Pool2d(Layer):
    """A window over each map: ``size``, ``stride`` (default: the size) and ``padding``, each a
    number or [vertical, horizontal]. Padding is at most half the window, so that none is empty."""

    size: CountPair
    stride: CountPair | None = None
    padding: NaturalPair = 0

    def _axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        size, padding = as_pair(self.size), as_pair(self.padding)
        if any(2 * pad > k for pad, k in zip(padding, size, strict=True)):
            raise ShapeError(f"padding {padding} is more than half the window {size}", ("padding",))
        stride = size if self.stride is None else as_pair(self.stride)
        return place(in_shape, size, stride, padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self._axes(in_shape)
        return (in_shape[0], vertical.out, horizontal.out)

    def flops(self, in_shape: Shape) -> int:
        return sum(as_pair(self.size)) * int(np.prod(self.out_shape(in_shape)))

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(size=2), (2, 4, 6)),
            Example(cls(size=(2, 3), stride=(1, 2)), (1, 5, 5)),
            Example(cls(size=3, stride=2, padding=1), (2, 5, 6), batch=1),
            Example(cls(size=(4, 5)), (2, 4, 5)),
            Example(cls(size=2, stride=3), (1, 6, 5)),
        ]


@dataclass(frozen=True, kw_only=True)
class MaxPool2d(Pool2d, kind="max_pool2d"):
    """y = the largest value of each window.

    (C, H, W) -> (C, OH, OW) with OH = floor((H + 2·padding - KH) / stride) + 1, OW alike. Padding
    never wins. Options: ``size``, ``stride`` (default: size), ``padding``, each a number or
    [vertical, horizontal]. Raises ``ShapeError`` if the window does not fit.
    """

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        axes = self._axes(x.shape[:3])
        y, winners = max_pool2d_forward(x, *axes)
        return y, Cache(winners, *axes)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return max_pool2d_backward(dy, *cache), {}


@dataclass(frozen=True, kw_only=True)
class AvgPool2d(Pool2d, kind="avg_pool2d"):
    """y = the mean of each window; padding counts as zeros.

    (C, H, W) -> (C, OH, OW) with OH = floor((H + 2·padding - KH) / stride) + 1, OW alike.
    Options: ``size``, ``stride`` (default: size), ``padding``, each a number or
    [vertical, horizontal]. Raises ``ShapeError`` if the window does not fit.
    """

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        axes = self._axes(x.shape[:3])
        return avg_pool2d_forward(x, *axes), Cache((), *axes)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return avg_pool2d_backward(dy, cache.vertical, cache.horizontal), {}
