"""Compiled twins of ``layers/conv2d.py``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.windows import Axis, check_convolution, check_pairs, numbers
from cnntrain.types import Array, Shape

PANEL = 64  # at least the numbers in a panel of any instruction set


def _copy(like: Array, rows: int, length: int, n: int, *, left: int, phases: int, part: int) -> Any:
    """Room for a map with zeros around its rows and their phases apart; None if it is not needed.

    The kernels read one panel beyond it, of at most PANEL numbers.
    """
    if phases == 1 and left == 0 and part <= length:
        return None
    return empty((rows * phases * part * n + PANEL,), like.dtype)


def _room_for_taps(a: Array, horizontal: Axis) -> tuple[Any, int]:
    """(copy, part): every column of the kernel gets an offset into each phase of a row."""
    c, h, w, n = a.shape
    part = horizontal.out + (horizontal.size - 1) * horizontal.dilation // horizontal.stride
    left, phases = horizontal.before, horizontal.stride
    return _copy(a, c * h, w, n, left=left, phases=phases, part=part), part


def _room_for_outputs(delta: Array, axis: Axis) -> tuple[Any, int, int]:
    """(copy, part, left): column u of phase r of the input reads output u + (r + before - j d)/s,
    which is at least -left and less than part - left."""
    f, h, w, n = delta.shape
    s, reach = axis.stride, (axis.size - 1) * axis.dilation
    left = max(0, -(-(reach - axis.before) // s))
    per_phase = -(-axis.length // s)
    part = left + max(axis.out, per_phase + (s - 1 + axis.before) // s)
    return _copy(delta, f * h, w, n, left=left, phases=1, part=part), part, left


def conv2d_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis,
    groups: int = 1, relu: bool = False,
) -> Array:  # fmt: skip
    """z, each number a chain of fused multiply-adds over (i, j, c); b is added last."""
    f, n = len(W), a.shape[-1]
    out = (f, vertical.out, horizontal.out, n)
    check_convolution(a.shape, out, W.shape, vertical, horizontal, groups)
    z = empty(out, a.dtype)
    sizes = (f, len(a), groups, n, *numbers(vertical), *numbers(horizontal))
    arrays = (z, solid(a), solid(W), solid(b))
    kernel("conv2d_forward", a)(*arrays, *sizes, *_room_for_taps(a, horizontal), relu)
    return z


def conv2d_pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis],
    groups: int = 1,
) -> tuple[Array, Sequence[Array]]:  # fmt: skip
    """The largest of every four neighbours of z, which is not written, and which of them it is."""
    vertical, horizontal = axes
    f, n, tall, wide = len(W), a.shape[-1], vertical.out // 2, horizontal.out // 2
    z_shape = (f, vertical.out, horizontal.out, n)
    check_convolution(a.shape, z_shape, W.shape, vertical, horizontal, groups)
    check_pairs(axes, pool_axes)
    y, winner = empty((f, tall, wide, n), a.dtype), empty((f, tall, wide, n), np.dtype(np.uint8))
    sizes = (f, len(a), groups, n, *numbers(vertical), *numbers(horizontal))
    arrays = (y, winner, solid(a), solid(W), solid(b))
    kernel("conv2d_pool_forward", a)(*arrays, *sizes, *_room_for_taps(a, horizontal))
    return y, (winner,)


def conv2d_dW(
    delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis, groups: int = 1
) -> Array:
    """∂C/∂W, over blocks of positions: 16 lanes, their tree, the blocks in double precision."""
    check_convolution(a.shape, delta.shape, W_shape, vertical, horizontal, groups)
    dW = empty(W_shape, delta.dtype)
    sizes = (len(delta), len(a), groups, a.shape[-1], *numbers(vertical), *numbers(horizontal))
    kernel("conv2d_dW", delta)(dW, solid(delta), solid(a), *sizes, *_room_for_taps(a, horizontal))
    return dW


def conv2d_db(delta: Array) -> Array:
    """∂C/∂b, in double precision: 16 lanes and their tree."""
    db = empty((len(delta), 1), delta.dtype)
    kernel("conv2d_db", delta)(db, solid(delta), len(delta), delta.size // len(delta))
    return db


def conv2d_da(delta: Array, W: Array, vertical: Axis, horizontal: Axis, groups: int = 1) -> Array:
    """∂C/∂a, each number a chain of fused multiply-adds over (i, j, f)."""
    f, n = len(W), delta.shape[-1]
    c = W.shape[1] * groups
    maps = (c, vertical.length, horizontal.length, n)
    check_convolution(maps, delta.shape, W.shape, vertical, horizontal, groups)
    da = empty(maps, delta.dtype)
    sizes = (f, c, groups, n, *numbers(vertical), *numbers(horizontal))
    room = _room_for_outputs(delta, horizontal)
    kernel("conv2d_da", delta)(da, solid(delta), solid(W), *sizes, *room)
    return da
