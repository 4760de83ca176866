"""Compiled twins of ``layers/normalization.py``: two passes for sums, one for the result."""

import math

import numpy as np

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.native.sums import exact_sums
from cnntrain.types import Array, Shape


def sample_norm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, x̂, 1/σ) for x (C, ..., N), standardized within ``groups`` parts of each sample."""
    sizes = _sizes(x, groups)
    x = solid(x)
    near, rest = _in_two(exact_sums(x.reshape(sizes)) / sizes[1], x)
    squares = empty(near.shape, FLOAT64)
    kernel("sample_squares", x)(squares, x, near, rest, *sizes)
    inverse = (1 / np.sqrt(squares / sizes[1] + epsilon)).astype(x.dtype)
    y, x_hat = empty(x.shape, x.dtype), empty(x.shape, x.dtype)
    columns, rows = (near, rest, inverse), (_of_rows(gamma, x), _of_rows(beta, x))
    kernel("sample_norm_forward", x)(y, x_hat, x, *columns, *rows, *sizes)
    return y, x_hat, inverse


def sample_norm_dx(dy: Array, x_hat: Array, gamma: Array, inverse: Array) -> Array:
    """∂C/∂x = (d - mean(d) - x̂ mean(d x̂)) / σ, d = γ δ."""
    sizes = _sizes(dy, len(inverse))
    if x_hat.shape != dy.shape or inverse.shape != (sizes[0], 1, sizes[2]):
        raise ValueError(f"dy {dy.shape}, x_hat {x_hat.shape}, 1/σ {inverse.shape} do not fit")
    dy, x_hat, gamma = solid(dy), solid(x_hat), _of_rows(gamma, dy)
    sums, dots = empty((2, *inverse.shape), FLOAT64)
    kernel("sample_norm_sums", dy)(sums, dots, dy, x_hat, gamma, *sizes)
    near, rest = _in_two(sums / sizes[1], dy)
    along = (dots / sizes[1]).astype(dy.dtype)
    dx = empty(dy.shape, dy.dtype)
    columns = (near, rest, along, solid(inverse))
    kernel("sample_norm_dx", dy)(dx, dy, x_hat, gamma, *columns, *sizes)
    return dx


def _sizes(x: Array, groups: int) -> Shape:
    """x as (groups, rows of each, samples)."""
    rows = math.prod(x.shape[:-1])
    if x.ndim < 2 or groups < 1 or rows % groups:
        raise ValueError(f"{groups} groups do not divide {x.shape}")
    return groups, rows // groups, x.shape[-1]


def _in_two(mean: Array, like: Array) -> tuple[Array, Array]:
    near = mean.astype(like.dtype)
    return near, (mean - near).astype(like.dtype)


def _of_rows(scale: Array, x: Array) -> Array:
    """γ or β, which may be those of channels, for every row of x."""
    whole: Array = np.ascontiguousarray(np.broadcast_to(scale, x.shape[:-1]), x.dtype)
    return whole
