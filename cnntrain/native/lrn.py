"""Compiled twins of ``layers/lrn.py``."""

import math
from collections.abc import Sequence

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def _neighbours(x: Array, axes: Sequence[int], size: int) -> Array:
    """Σ over ``size`` neighbours along each of these axes."""
    for axis in axes:
        out = empty(x.shape, x.dtype)
        sizes = (math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
        kernel("neighbour_sums", x)(out, x, *sizes, size)
        x = out
    return x


def lrn_forward(
    x: Array, axes: Sequence[int], size: int, share: float, k: float, beta: float
) -> tuple[Array, Array]:  # fmt: skip
    """(y, s)."""
    x = solid(x)
    squares, y, scale = (empty(x.shape, x.dtype) for _ in range(3))
    kernel("multiplied_by", x)(squares, x, x, x.size)
    sums = _neighbours(squares, axes, size)
    kernel("lrn_forward", x)(y, scale, x, sums, x.size, *(share, k, beta))
    return y, scale


def lrn_dx(
    dy: Array, x: Array, scale: Array, axes: Sequence[int], size: int, share: float, beta: float
) -> Array:  # fmt: skip
    """∂C/∂x."""
    if not dy.shape == x.shape == scale.shape:
        raise ValueError(f"{dy.shape}, {x.shape} and {scale.shape} differ")
    dy, x, scale = solid(dy), solid(x), solid(scale)
    pull, dx = empty(x.shape, x.dtype), empty(x.shape, x.dtype)
    kernel("lrn_pull", x)(pull, dy, x, scale, x.size, beta)
    pull = _neighbours(pull, axes, size)
    kernel("lrn_dx", x)(*(dx, dy, x, scale, pull), x.size, 2 * beta * share, beta)
    return dx
