"""Compiled twins of ``layers/batch_norm.py``."""

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def _per_channel(like: Array, *numbers: Array) -> list[Array]:
    """One number per row of ``like``, in its type."""
    if any(number.shape != (len(like), 1) for number in numbers):
        raise ValueError(f"{[n.shape for n in numbers]}: one number per row of {like.shape} needed")
    return [solid(number.astype(like.dtype, copy=False)) for number in numbers]


def batch_norm_forward(
    around: Array, gamma: Array, beta: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, x̂, 1/σ) in one pass; takes ``around`` over for x̂."""
    inverse = 1 / np.sqrt(variance + around.dtype.type(epsilon))
    y = empty(around.shape, around.dtype)
    rows = _per_channel(around, inverse, gamma, beta)
    kernel("batch_norm_forward", y)(y, around, around, *rows, *around.shape)
    return y, around, inverse


def batch_norm_dx(
    dy: Array, x_hat: Array, scale: Array, mean_dy: Array, mean_dy_x_hat: Array
) -> Array:
    """∂C/∂x in one pass."""
    if dy.shape != x_hat.shape:
        raise ValueError(f"dy {dy.shape} and x_hat {x_hat.shape} differ")
    dx = empty(dy.shape, dy.dtype)
    rows = _per_channel(dy, scale, mean_dy, mean_dy_x_hat)
    kernel("batch_norm_dx", dx)(dx, solid(dy), solid(x_hat), *rows, *dy.shape)
    return dx
