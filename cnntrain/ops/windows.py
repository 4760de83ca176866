"""Sliding windows over feature maps: their positions, and how maps are lowered to matrices.

An axis knows for which outputs a tap lies inside the input, so that padding is rarely needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, NaturalSides, Shape, as_sides

Padding = Literal["same", "valid"] | NaturalSides

FEW_TAPS = 8  # up to here, sums over a window are taken in the precision of the map


@dataclass(frozen=True)
class Axis:
    """A window along one axis: tap j of output o reads input o*stride + j*dilation - before."""

    length: int
    size: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @cached_property
    def span(self) -> int:
        """Number of inputs from the first to the last tap, inclusive."""
        return (self.size - 1) * self.dilation + 1

    @cached_property
    def out(self) -> int:
        """Number of windows that fit: floor((length + before + after - span) / stride) + 1."""
        return (self.length + self.before + self.after - self.span) // self.stride + 1

    def tap(self, j: int) -> tuple[slice, slice]:
        """(outputs, inputs): the outputs whose tap j is not padding, and the inputs they read."""
        offset = j * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        stop = min(self.out, (self.length - 1 - offset) // self.stride + 1)
        start = first * self.stride + offset
        count = max(0, stop - first)
        return (
            slice(first, first + count),
            slice(start, start + (count - 1) * self.stride + 1 if count else start, self.stride),
        )

    @cached_property
    def taps(self) -> tuple[tuple[int, slice, slice], ...]:
        """(j, outputs, inputs) of every tap of the window."""
        return tuple((j, *self.tap(j)) for j in range(self.size))

    @property
    def overlaps(self) -> bool:
        """Whether an input may belong to more than one window."""
        return self.stride < self.span

    def counts(self, before: int = 0, after: int = 0) -> Array:
        """For every output, the number of taps in the input extended by before and after."""
        positions = np.arange(self.out)[:, None] * self.stride - self.before
        taps = positions + np.arange(self.size) * self.dilation  # (OUT, taps)
        return ((taps >= -before) & (taps < self.length + after)).sum(axis=1)


@lru_cache(maxsize=1024)  # called by every layer in every step
def place(
    in_shape: Shape,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int] = (1, 1),
) -> tuple[Axis, Axis]:
    """The vertical and horizontal axes of a window over (C, H, W).

    ``same`` pads so that out = ceil(length / stride), an odd zero at the end, as in TensorFlow.
    """
    require_image(in_shape)
    if isinstance(padding, str):
        pads = [
            _same(*axis) if padding == "same" else (0, 0)
            for axis in zip(in_shape[1:], size, stride, dilation, strict=True)
        ]
    else:
        top, bottom, left, right = as_sides(padding)
        pads = [(top, bottom), (left, right)]
    vertical, horizontal = (
        Axis(length, k, s, *pad, d)
        for length, k, s, pad, d in zip(in_shape[1:], size, stride, pads, dilation, strict=True)
    )
    if vertical.out < 1 or horizontal.out < 1:
        raise ShapeError(
            f"a window of {size[0]}x{size[1]} does not fit into the input {in_shape} "
            f"with padding {padding}; use a smaller window, more padding or fewer poolings"
        )
    return vertical, horizontal


def _same(length: int, size: int, stride: int, dilation: int) -> tuple[int, int]:
    span = (size - 1) * dilation + 1
    total = max(0, (-(-length // stride) - 1) * stride + span - length)
    return total // 2, total - total // 2


def lower_rows(x: Array, vertical: Axis, horizontal: Axis) -> Array:
    """Copy along the width only: R[h, c, j, ow, n] = padded[c, h, ow*stride + j, n].

    (C, H, W, N) -> (H + padding, C, KW, OW, N). The patches of output row oh are then KH
    consecutive rows of R. Cho & Brand 2017, "MEC: memory-efficient convolution", with the batch
    last.
    """
    c, h, _, n = x.shape
    rows = np.empty(
        (vertical.before + h + vertical.after, c, horizontal.size, horizontal.out, n), x.dtype
    )
    rows[: vertical.before] = 0
    rows[vertical.before + h :] = 0
    inside = rows[vertical.before : vertical.before + h]
    for j, outputs, inputs in horizontal.taps:
        inside[:, :, j, : outputs.start] = 0
        inside[:, :, j, outputs.stop :] = 0
        inside[:, :, j, outputs] = x[:, :, inputs].transpose(1, 0, 2, 3)
    return rows


def padded_rows(x: Array, before: int, after: int) -> Array:
    """Rows first, zeros above and below: (C, H, W, N) -> (H + padding, C, 1, W, N)."""
    c, h, w, n = x.shape
    rows = np.empty((before + h + after, c, 1, w, n), x.dtype)
    rows[:before] = 0
    rows[before + h :] = 0
    rows[before : before + h, :, 0] = x.transpose(1, 0, 2, 3)
    return rows


def patches(rows: Array, vertical: Axis) -> Array:
    """The overlapping view (OH, KH*C*KW, OW*N) of lowered rows, without copying."""
    _, c, kw, ow, n = rows.shape
    shape = (vertical.out, vertical.size * c * kw, ow * n)
    strides = (vertical.stride * rows.strides[0], ow * n * rows.itemsize, rows.itemsize)
    view = np.ndarray(shape, rows.dtype, rows, 0, strides)  # like as_strided, six times as fast
    view.flags.writeable = False
    return view


Move = tuple[int, slice, slice]  # (tap, its columns, the columns they are added to)


def add_columns(taps: Array, sums: Array, moves: Sequence[Move]) -> None:
    """sums[:, :, to] = Σ over moves taps[:, j, :, from]: (H, KW, C, W, N) into (H, C, W, N).

    The first move that covers every column, if any, initializes the sums.
    """
    length = sums.shape[2]
    whole = next((move for move in moves if len(range(*move[2].indices(length))) == length), None)
    if whole is None:
        sums[...] = 0
    else:
        sums[...] = taps[:, whole[0], :, whole[1]]
    for j, source, to in moves:
        if whole is None or j != whole[0]:
            sums[:, :, to] += taps[:, j, :, source]


def scatter(taps: Array, in_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """Add every tap to the input it was read from: (C, KH, KW, OH, OW, N) -> (C, H, W, N)."""
    x = np.zeros((*in_shape, taps.shape[-1]), taps.dtype)
    for i, out_rows, in_rows in vertical.taps:
        for j, out_cols, in_cols in horizontal.taps:
            x[:, in_rows, in_cols] += taps[:, i, j, out_rows, out_cols]
    return x


def is_one_to_one(vertical: Axis, horizontal: Axis) -> bool:
    """Whether every output reads exactly one input, and every input is read once."""
    return all(ax.size == ax.stride == 1 and ax.out == ax.length for ax in (vertical, horizontal))


def lower_columns(x: Array, vertical: Axis, horizontal: Axis) -> Array:
    """Copy along both axes, "im2col": (C, H, W, N) -> (C, KH, KW, OH, OW, N); any dilation.

    A 1x1 kernel that reads every input needs no copy.
    """
    if is_one_to_one(vertical, horizontal):
        return x[:, None, None]
    image = _padded(x, vertical, horizontal)
    c, _, _, n = x.shape
    shape = (c, vertical.size, horizontal.size, vertical.out, horizontal.out, n)
    map_, row, column, sample = image.strides
    strides = (
        map_,
        vertical.dilation * row,
        horizontal.dilation * column,
        vertical.stride * row,
        horizontal.stride * column,
        sample,
    )
    return np.ascontiguousarray(np.ndarray(shape, image.dtype, image, 0, strides))


def _padded(x: Array, vertical: Axis, horizontal: Axis) -> Array:
    """The maps with zeros around them, contiguous."""
    pads = (vertical.before, vertical.after, horizontal.before, horizontal.after)
    if not any(pads):
        return np.ascontiguousarray(x)
    c, h, w, n = x.shape
    top, bottom, left, right = pads
    image = np.zeros((c, top + h + bottom, left + w + right, n), x.dtype)
    image[:, top : top + h, left : left + w] = x
    return image


def along(axis: int, part: slice) -> tuple[slice, ...]:
    """The index that selects ``part`` of one axis and everything along the axes before it."""
    return (slice(None),) * axis + (part,)


def with_length(shape: Shape, axis: int, length: int) -> Shape:
    """The shape with the length of one axis replaced."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def sum_along(x: Array, window: Axis, axis: int) -> Array:
    """y[o] = Σ_j x[o·stride + j·dilation - before] along one axis."""
    y = np.zeros(with_length(x.shape, axis, window.out), _sum_type(x, window))
    for _, outputs, inputs in window.taps:
        y[along(axis, outputs)] += x[along(axis, inputs)]
    return y.astype(x.dtype, copy=False)


def sum_along_backward(dy: Array, window: Axis, axis: int) -> Array:
    """∂C/∂x: each ∂C/∂y goes to every tap of its window."""
    dx = np.zeros(with_length(dy.shape, axis, window.length), _sum_type(dy, window))
    for _, outputs, inputs in window.taps:
        dx[along(axis, inputs)] += dy[along(axis, outputs)]
    return dx.astype(dy.dtype, copy=False)


def _sum_type(x: Array, window: Axis) -> np.dtype:
    """Of a sum that is taken tap by tap: float64 if the window is large."""
    return x.dtype if window.size <= FEW_TAPS else np.dtype(np.float64)
