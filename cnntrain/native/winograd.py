"""Compiled twins of ``layers/winograd.py``."""

from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.windows import Axis, check_convolution, check_pairs, numbers
from cnntrain.types import Array, Shape


def _check(maps: Shape, outputs: Shape, W: Shape, axes: Sequence[Axis]) -> None:
    vertical, horizontal = axes
    check_convolution(maps, outputs, W, vertical, horizontal)
    steps = [(axis.stride, axis.dilation) for axis in axes]
    if vertical.size != horizontal.size or vertical.size not in (3, 5) or steps != [(1, 1)] * 2:
        raise ValueError(
            f"windows {axes} do not fit: 3x3 or 5x5, stride 1 and dilation 1 are needed"
        )


def held_numbers(channels: int, filters: int, taps: int) -> int:
    """About how many numbers ``winograd_dW``, which needs most, holds while it works.

    The points of 128 columns each (of 64 with five taps), the maps that they are made of, and sums
    as doubles.
    """
    points, columns, maps = (16, 128, 9) if taps == 3 else (49, 64, 15)
    of_channel = (points + maps) * columns
    return of_channel * (channels + filters) + (2 * points + 1) * channels * filters


def winograd_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z, every point of a tile a chain of fused multiply-adds over c; b is added last."""
    f, n, axes = len(W), a.shape[-1], (vertical, horizontal)
    z = empty((f, vertical.out, horizontal.out, n), a.dtype)
    _check(a.shape, z.shape, W.shape, axes)
    sizes = (f, len(a), n, *numbers(vertical), *numbers(horizontal), relu)
    kernel("winograd_forward", a)(z, solid(a), solid(W), solid(b), *sizes)
    return z


def winograd_pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
) -> tuple[Array, Sequence[Array]]:
    """The largest number of every tile, and which of them it is."""
    (vertical, horizontal), f, n = axes, len(W), a.shape[-1]
    _check(a.shape, (f, vertical.out, horizontal.out, n), W.shape, axes)
    check_pairs(axes, pool_axes)
    shape = (f, vertical.out // 2, horizontal.out // 2, n)
    y, winner = empty(shape, a.dtype), empty(shape, np.dtype(np.uint8))
    sizes = (f, len(a), n, *numbers(vertical), *numbers(horizontal))
    kernel("winograd_pool_forward", a)(y, winner, solid(a), solid(W), solid(b), *sizes)
    return y, (winner,)


def winograd_dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W, each point chains over 32 columns (tile, sample), blocks of them in double."""
    _check(a.shape, delta.shape, W_shape, (vertical, horizontal))
    dW = empty(W_shape, delta.dtype)
    sizes = (len(delta), len(a), a.shape[-1], *numbers(vertical), *numbers(horizontal))
    kernel("winograd_dW", delta)(dW, solid(delta), solid(a), *sizes)
    return dW


def winograd_da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a, every point of a tile a chain of fused multiply-adds over f."""
    f, c, *_ = W.shape
    n = delta.shape[-1]
    da = empty((c, vertical.length, horizontal.length, n), delta.dtype)
    _check(da.shape, delta.shape, W.shape, (vertical, horizontal))
    sizes = (f, c, n, *numbers(vertical), *numbers(horizontal))
    kernel("winograd_da", delta)(da, solid(delta), solid(W), *sizes)
    return da
