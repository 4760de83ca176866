"""Compiled twins of ``layers/normalization.py``: two passes for sums, one for the result."""

import math

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.native.sums import divided, exact_sums, mean_in_two
from cnntrain.types import Array, Shape


def sample_norm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, x̂, 1/σ) for x (C, ..., N), standardized within ``groups`` parts of each sample."""
    sizes = _sizes(x, groups)
    x = solid(x)
    near, rest = mean_in_two(exact_sums(x.reshape(sizes)), sizes[1], x.dtype)
    squares = empty(near.shape, FLOAT64)
    kernel("sample_squares", x)(squares, x, near, rest, *sizes)
    inverse = empty(near.shape, x.dtype)
    kernel("inverse_deviations", x)(inverse, squares, squares.size, sizes[1], epsilon)
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
    sums, dots = empty(inverse.shape, FLOAT64), empty(inverse.shape, FLOAT64)
    kernel("sample_norm_sums", dy)(sums, dots, dy, x_hat, gamma, *sizes)
    near, rest = mean_in_two(sums, sizes[1], dy.dtype)
    along = divided(dots, sizes[1], dy.dtype)
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


def _of_rows(scale: Array, x: Array) -> Array:
    """γ or β, which may be those of channels, for every row of x."""
    rows = x.shape[:-1]
    if scale.shape == rows:
        return solid(scale)
    whole: Array = empty(rows, x.dtype)
    if scale.size != len(x):
        raise ValueError(f"{scale.shape} does not fit x {x.shape}")
    kernel("repeated", x)(whole, solid(scale), len(x), whole.size // len(x))
    return whole
