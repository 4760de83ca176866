"""Pooling: each window of a map is reduced to one number, along the width and then the height.

Two passes of KW and KH steps replace one of KH*KW, and the second works on an already reduced map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer, View
from cnntrain.native import pooling as compiled
from cnntrain.native import twinned
from cnntrain.ops.windows import Axis, along, place, sum_along, sum_along_backward, with_length
from cnntrain.types import Array, Arrays, CountPair, NaturalSides, Params, Shape, as_pair, as_sides

AT_HEIGHT, AT_WIDTH = 1, 2  # axes of (C, H, W, N)


def max_along(x: Array, window: Axis, axis: int) -> tuple[Array, Array]:
    """(y, winner): the maximum of each window along one axis, and the tap that holds it.

    Ties go to the first value; NaN wins over every number, so that it is not lost.
    """
    x, window = _extended(x, window, axis)
    y, *rivals = (x[along(axis, inputs)] for _, _, inputs in window.taps)
    number: Any = np.uint8 if window.size <= 256 else np.intp
    winner = np.zeros(y.shape, number)
    for j, rival in enumerate(rivals, start=1):
        wins = np.greater(rival, y).view(np.uint8).astype(number, copy=False)
        winner = wins if j == 1 else np.maximum(winner, wins * number(j))
        y = np.maximum(y, rival)
    return y, winner


def _extended(x: Array, window: Axis, axis: int) -> tuple[Array, Axis]:
    """The maps extended by -inf where windows overlap the edge, and the window over the result."""
    length = (window.out - 1) * window.stride + window.span
    if window.before == 0 and length <= window.length:
        return x, window
    filled = np.full(with_length(x.shape, axis, length), -np.inf, x.dtype)
    kept = min(window.length, length - window.before)
    filled[along(axis, slice(window.before, window.before + kept))] = x[along(axis, slice(kept))]
    return filled, Axis(length, window.size, window.stride, dilation=window.dilation)


def max_along_backward(dy: Array, winner: Array, window: Axis, axis: int) -> Array:
    """∂C/∂x: each δ goes to the tap that won its window; all others get 0."""
    shape = with_length(dy.shape, axis, window.length)
    if is_pair(window):
        dx = np.empty(shape, dy.dtype)
        first, second = (dx[along(axis, inputs)] for _, _, inputs in window.taps)
        np.multiply(dy, winner, out=second)
        np.subtract(dy, second, out=first)  # dy where the second did not win, else 0
        return dx
    dx = np.zeros(shape, dy.dtype)
    for j, outputs, inputs in window.taps:
        won, target = winner[along(axis, outputs)] == j, dx[along(axis, inputs)]
        if window.overlaps:
            target += dy[along(axis, outputs)] * won
        else:
            np.multiply(dy[along(axis, outputs)], won, out=target)
    return dx


def is_pair(window: Axis) -> bool:
    """Whether the windows are disjoint pairs that cover the axis, as in the usual pooling by 2."""
    pairs = window.size == window.stride == 2 and window.dilation == 1
    return pairs and window.before == 0 and 2 * window.out == window.length


def are_dense(*args: Any) -> bool:
    """Whether the inputs of a window are side by side: the compiled pooling takes no others."""
    return all(arg.dilation == 1 for arg in args if isinstance(arg, Axis))


@twinned(compiled.max_pool2d_forward, takes=are_dense)
def max_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis) -> tuple[Array, Sequence[Array]]:
    """y = max over each window. Ties go to the first row, then to the first column."""
    row_max, column_of = max_along(x, horizontal, AT_WIDTH)  # (C, H, OW, N)
    y, row_of = max_along(row_max, vertical, AT_HEIGHT)  # (C, OH, OW, N)
    return y, (column_of, row_of)


@twinned(compiled.max_pool2d_backward, takes=are_dense)
def max_pool2d_backward(
    dy: Array, winners: Sequence[Array], vertical: Axis, horizontal: Axis
) -> Array:
    """∂C/∂x: δ at the position of each maximum, 0 elsewhere."""
    column_of, row_of = winners
    d_row_max = max_along_backward(dy, row_of, vertical, AT_HEIGHT)
    return max_along_backward(d_row_max, column_of, horizontal, AT_WIDTH)


@twinned(compiled.avg_pool2d_forward, takes=are_dense)
def avg_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis, counts: Array) -> Array:
    """y = (Σ over each window) / (the number of inputs that count); padding is zeros."""
    return sum_along(sum_along(x, horizontal, AT_WIDTH), vertical, AT_HEIGHT) / counts


@twinned(compiled.avg_pool2d_backward, takes=are_dense)
def avg_pool2d_backward(dy: Array, vertical: Axis, horizontal: Axis, counts: Array) -> Array:
    """∂C/∂x: each δ, divided as in the forward pass, goes to every input of its window."""
    share = dy / counts
    return sum_along_backward(sum_along_backward(share, vertical, AT_HEIGHT), horizontal, AT_WIDTH)


class Cache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    winners: Sequence[Array]
    vertical: Axis
    horizontal: Axis


@dataclass(frozen=True, kw_only=True)
class Pool2d(Layer):
    """Base: a window over each map. ``size``, ``stride`` (default: size), ``padding`` and
    ``dilation`` (the distance of neighbours in a window), each a number or [vertical, horizontal];
    ``padding`` also [top, bottom, left, right]. Every window holds at least one input.
    ``ceil``: also use a last window that overlaps the edge, if it starts inside (as in Caffe)."""

    size: CountPair
    stride: CountPair | None = None
    padding: NaturalSides = 0
    dilation: CountPair = 1
    ceil: bool = False

    def axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        """The windows along height and width."""
        return windows_of(self, in_shape)

    def has_twin(self) -> bool:
        return as_pair(self.dilation) == (1, 1) and super().has_twin()

    def view(self, in_shape: Shape) -> tuple[View, View]:
        vertical, horizontal = self.axes(in_shape)
        return View.of(vertical), View.of(horizontal)

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self.axes(in_shape)
        return (in_shape[0], vertical.out, horizontal.out)

    def flops(self, in_shape: Shape) -> int:
        return sum(as_pair(self.size)) * int(np.prod(self.out_shape(in_shape)))

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(size=2), (2, 4, 6)),
            Example(cls(size=2), (2, 4, 10), batch=1),
            Example(cls(size=(2, 3), stride=(1, 2)), (1, 5, 5)),
            Example(cls(size=3, stride=2, padding=1), (2, 5, 6), batch=1),
            Example(cls(size=(4, 5)), (2, 4, 5)),
            Example(cls(size=2, stride=3), (1, 6, 5)),
            Example(cls(size=3, stride=2, ceil=True), (1, 6, 4)),
            Example(cls(size=2, stride=3, padding=1, ceil=True), (2, 4, 5)),
            Example(cls(size=(2, 3), stride=1, dilation=2), (1, 4, 6)),
            Example(cls(size=2, padding=(0, 1, 1, 0)), (2, 3, 4)),
            Example(cls(size=3, stride=2, padding=(0, 1, 2, 0), dilation=(1, 2)), (2, 5, 6)),
        ]


@lru_cache(maxsize=1024)  # called in every step
def windows_of(layer: Pool2d, in_shape: Shape) -> tuple[Axis, Axis]:
    """The windows of a pooling along height and width, none of which may be all padding."""
    size, dilation = as_pair(layer.size), as_pair(layer.dilation)
    stride = size if layer.stride is None else as_pair(layer.stride)
    vertical, horizontal = place(in_shape, size, stride, layer.padding, dilation)
    if layer.ceil:
        vertical, horizontal = _overhanging(vertical), _overhanging(horizontal)
    if any(axis.counts().min() == 0 for axis in (vertical, horizontal)):
        raise ShapeError(
            f"padding {layer.padding} is so much that a window {size} holds nothing else; use at "
            "most half the window",
            ("padding",),
        )
    return vertical, horizontal


def _overhanging(axis: Axis) -> Axis:
    """The axis with padding added for one more window, if that starts inside the input."""
    padded = axis.length + axis.before + axis.after
    rest = (padded - axis.span) % axis.stride
    starts_inside = axis.out * axis.stride < axis.length + axis.before
    if rest == 0 or not starts_inside:
        return axis
    return replace(axis, after=axis.after + axis.stride - rest)


@dataclass(frozen=True, kw_only=True)
class MaxPool2d(Pool2d, kind="max_pool2d"):
    """y = the maximum of each window.

    (C, H, W) -> (C, OH, OW) with OH = floor((H + 2·padding - dilation·(KH - 1) - 1) / stride) + 1,
    OW alike; rounded up with ``ceil``. Padding never wins. Options: ``size``, ``stride`` (default:
    size), ``padding``, ``dilation`` (distance of neighbours in a window), each a number or
    [vertical, horizontal], ``padding`` also [top, bottom, left, right]; ``ceil``. Raises
    ``ShapeError`` if the window does not fit, or holds only padding.
    """

    formula: ClassVar[str] = r"y = \max_{\text{window}} x"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\frac{\partial C}{\partial x} = \delta \;\text{where}\; x \;\text{won its window, "
            r"else}\; 0"
        ),
    }
    takes_largest: ClassVar[bool] = True

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        axes = self.axes(x.shape[:3])
        y, winners = max_pool2d_forward(x, *axes)
        return y, Cache(winners, *axes)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return max_pool2d_backward(dy, *cache), {}


@dataclass(frozen=True, kw_only=True)
class AvgPool2d(Pool2d, kind="avg_pool2d"):
    """y = the mean of each window.

    Shapes and options as for ``max_pool2d``, and ``count_padding``: whether the mean includes
    padding, as zeros (default, as in PyTorch), or not (as in TensorFlow). Positions beyond the
    padding never count. Raises ``ShapeError`` if the window does not fit, or holds only padding.
    """

    formula: ClassVar[str] = r"y = \frac{1}{k} \sum_{\text{window}} x"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \sum_{\text{windows}} \frac{\delta}{k}",
    }

    count_padding: bool = True

    def counted(self) -> tuple[int, int, int, int]:
        """The padding that counts: (top, bottom, left, right)."""
        return as_sides(self.padding) if self.count_padding else (0, 0, 0, 0)

    def counts(self, vertical: Axis, horizontal: Axis, like: Array) -> Array:
        """The number of inputs that count in each window: (OH, OW, 1)."""
        top, bottom, left, right = self.counted()
        down, across = vertical.counts(top, bottom), horizontal.counts(left, right)
        return np.multiply.outer(down, across)[..., None].astype(like.dtype)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, tuple[Axis, Axis]]:
        axes = self.axes(x.shape[:3])
        return avg_pool2d_forward(x, *axes, self.counts(*axes, like=x)), axes

    def backward(
        self, params: Arrays, cache: tuple[Axis, Axis], dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return avg_pool2d_backward(dy, *cache, self.counts(*cache, like=dy)), {}

    @classmethod
    def examples(cls) -> list[Example]:
        without = cls(size=3, stride=2, padding=1, ceil=True, count_padding=False)
        return [*super().examples(), Example(without, (2, 4, 6))]
