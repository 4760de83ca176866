"""Convolutions tile by tile, in one of the forms of ``c/tiles.c`` and ``c/tiles_weights.c``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.windows import Axis, check_convolution, check_pairs, numbers
from cnntrain.types import Array, Shape


@dataclass(frozen=True)
class Form:
    """How kernels of ``taps`` x ``taps`` are taken."""

    number: int  # its place in the tables of the C files
    taps: int


FORWARD = 96 << 10  # numbers that ``forward`` holds, unless a few columns need more
SMALL_3, WIDE_3, LARGE_3, SMALL_5 = (Form(k, taps) for k, taps in enumerate((3, 3, 3, 5)))
WAVES_5, SHARES_5 = Form(4, 5), Form(5, 5)
WEIGHTS_3, WEIGHTS_5, WEIGHTS_WAVES_5 = (Form(k, taps) for k, taps in enumerate((3, 5, 5)))


def held_numbers(channels: int, filters: int, form: Form) -> int:
    """About how many numbers ``forward`` and ``dW`` together hold while they work.

    Of the first, the values of some columns and of the kernels; of the second, the values of some
    columns, the maps that they are made of, and sums, also as doubles. What one of them gives back
    does not fit the other one.
    """
    values, columns, maps = {
        WEIGHTS_3: (16, 128, 9), WEIGHTS_5: (49, 64, 15), WEIGHTS_WAVES_5: (64, 32, 12)
    }[form]  # fmt: skip
    both, pairs = channels + filters, channels * filters
    at_most = 36 if form.taps == 3 else values
    forward = at_most * (both * max(64, FORWARD // (at_most * both)) + pairs)
    return forward + (values + maps) * columns * both + 3 * values * pairs


def _check(maps: Shape, outputs: Shape, W: Shape, axes: Sequence[Axis], form: Form) -> None:
    vertical, horizontal = axes
    check_convolution(maps, outputs, W, vertical, horizontal)
    if any((axis.size, axis.stride, axis.dilation) != (form.taps, 1, 1) for axis in axes):
        raise ValueError(
            f"windows {axes} do not fit: {form.taps}x{form.taps}, stride 1 and dilation 1"
        )


def forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], form: Form, relu: bool
) -> Array:
    """z, every value of a tile one or two chains of fused multiply-adds over c; b is added last."""
    (vertical, horizontal), f, n = axes, len(W), a.shape[-1]
    z = empty((f, vertical.out, horizontal.out, n), a.dtype)
    _check(a.shape, z.shape, W.shape, axes, form)
    sizes = (f, len(a), n, *numbers(vertical), *numbers(horizontal), form.number, relu)
    kernel("tiles_forward", a)(z, solid(a), solid(W), solid(b), *sizes)
    return z


def pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis], form: Form
) -> tuple[Array, Sequence[Array]]:
    """The largest of every four neighbours of z, which is not written, and which of them it is."""
    (vertical, horizontal), f, n = axes, len(W), a.shape[-1]
    _check(a.shape, (f, vertical.out, horizontal.out, n), W.shape, axes, form)
    check_pairs(axes, pool_axes)
    shape = (f, vertical.out // 2, horizontal.out // 2, n)
    y, winner = empty(shape, a.dtype), empty(shape, np.dtype(np.uint8))
    sizes = (f, len(a), n, *numbers(vertical), *numbers(horizontal), form.number)
    kernel("tiles_pool_forward", a)(y, winner, solid(a), solid(W), solid(b), *sizes)
    return y, (winner,)


def da(delta: Array, W: Array, axes: Sequence[Axis], form: Form) -> Array:
    """∂C/∂a, every value of a tile one or two chains of fused multiply-adds over f."""
    (vertical, horizontal), (f, c, *_), n = axes, W.shape, delta.shape[-1]
    da = empty((c, vertical.length, horizontal.length, n), delta.dtype)
    _check(da.shape, delta.shape, W.shape, axes, form)
    sizes = (f, c, n, *numbers(vertical), *numbers(horizontal), form.number)
    kernel("tiles_da", delta)(da, solid(delta), solid(W), *sizes)
    return da


def dW(delta: Array, a: Array, W_shape: Shape, axes: Sequence[Axis], form: Form) -> Array:
    """∂C/∂W, each value chains over 32 columns (tile, sample), blocks of 128 of them in double."""
    vertical, horizontal = axes
    _check(a.shape, delta.shape, W_shape, axes, form)
    dW = empty(W_shape, delta.dtype)
    sizes = (len(delta), len(a), a.shape[-1], *numbers(vertical), *numbers(horizontal), form.number)
    kernel("tiles_dW", delta)(dW, solid(delta), solid(a), *sizes)
    return dW
