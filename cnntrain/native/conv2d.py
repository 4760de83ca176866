"""Compiled twins of ``layers/conv2d.py``."""

from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.windows import Axis, check_convolution, check_pairs, numbers
from cnntrain.types import Array, Shape


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
    kernel("conv2d_forward", a)(*arrays, *sizes, relu)
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
    kernel("conv2d_pool_forward", a)(*arrays, *sizes)
    return y, (winner,)


def conv2d_dW(
    delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis, groups: int = 1
) -> Array:
    """∂C/∂W, over blocks of positions: 16 lanes, their tree, the blocks in double precision."""
    check_convolution(a.shape, delta.shape, W_shape, vertical, horizontal, groups)
    dW = empty(W_shape, delta.dtype)
    sizes = (len(delta), len(a), groups, a.shape[-1], *numbers(vertical), *numbers(horizontal))
    kernel("conv2d_dW", delta)(dW, solid(delta), solid(a), *sizes)
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
    kernel("conv2d_da", delta)(da, solid(delta), solid(W), *sizes)
    return da
