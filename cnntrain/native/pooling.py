"""Compiled twins of ``layers/pooling.py``. A winner is the tap i·KW + j of its window."""

from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.windows import Axis, is_sound, numbers
from cnntrain.types import Array, Shape

MOST_IN_A_BYTE = 256  # taps


def _sizes(channels: int, n: int, *axes: Axis) -> tuple[int, ...]:
    if not all(is_sound(axis) and axis.dilation == 1 for axis in axes):
        raise ValueError("windows must have a size and a stride of at least 1")
    return (channels, n, *numbers(axes[0]), *numbers(axes[1]))


def _check(array: Array, c: int, h: int, w: int, n: int) -> None:
    if array.shape != (c, h, w, n):
        raise ValueError(f"{array.shape} given where {(c, h, w, n)} is needed")


def max_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis) -> tuple[Array, Sequence[Array]]:
    """y = max over each window. Ties go to the first row, then to the first column."""
    c, n = len(x), x.shape[-1]
    _check(x, c, vertical.length, horizontal.length, n)
    out = (c, vertical.out, horizontal.out, n)
    wide = vertical.size * horizontal.size > MOST_IN_A_BYTE
    winner = empty(out, np.dtype(np.int32 if wide else np.uint8))
    y = empty(out, x.dtype)
    sizes = _sizes(c, n, vertical, horizontal)
    kernel("max_pool2d_forward", x)(y, winner.view(np.uint8), solid(x), wide, *sizes)
    return y, (winner,)


def max_pool2d_backward(
    dy: Array, winners: Sequence[Array], vertical: Axis, horizontal: Axis
) -> Array:
    """∂C/∂x: δ at the position of each maximum, 0 elsewhere."""
    (winner,) = winners
    c, n = len(dy), dy.shape[-1]
    _check(dy, c, vertical.out, horizontal.out, n)
    if winner.shape != dy.shape:
        raise ValueError(f"winners {winner.shape} and dy {dy.shape} differ")
    dx = empty((c, vertical.length, horizontal.length, n), dy.dtype)
    wide, sizes = winner.itemsize > 1, _sizes(c, n, vertical, horizontal)
    kernel("max_pool2d_backward", dy)(dx, winner.view(np.uint8), solid(dy), wide, *sizes)
    return dx


def avg_pool2d_forward(x: Array, vertical: Axis, horizontal: Axis, counts: Array) -> Array:
    """y = (Σ over each window) / counts, the sums in double precision."""
    c, n = len(x), x.shape[-1]
    _check(x, c, vertical.length, horizontal.length, n)
    y = empty((c, vertical.out, horizontal.out, n), x.dtype)
    _run_average("avg_pool2d_forward", y, x, counts, _sizes(c, n, vertical, horizontal))
    return y


def avg_pool2d_backward(dy: Array, vertical: Axis, horizontal: Axis, counts: Array) -> Array:
    """∂C/∂x: each δ / counts goes to every input of its window, in the order of the windows."""
    c, n = len(dy), dy.shape[-1]
    _check(dy, c, vertical.out, horizontal.out, n)
    dx = empty((c, vertical.length, horizontal.length, n), dy.dtype)
    _run_average("avg_pool2d_backward", dx, dy, counts, _sizes(c, n, vertical, horizontal))
    return dx


def _run_average(name: str, out: Array, given: Array, counts: Array, sizes: Shape) -> None:
    if counts.size != sizes[7] * sizes[13]:
        raise ValueError(f"counts {counts.shape} do not fit the windows")
    kernel(name, given)(out, solid(given), solid(counts), *sizes)


def global_avg_dx(dy: Array, shape: Shape) -> Array:
    """∂C/∂x of ``shape`` (C, H, W, N): δ / (H·W) at every place."""
    c, h, w, n = shape
    if dy.shape != (c, n):
        raise ValueError(f"{dy.shape} given where {(c, n)} is needed")
    dx = empty(shape, dy.dtype)
    kernel("global_avg_dx", dy)(dx, solid(dy), *(c, h * w, n))
    return dx
