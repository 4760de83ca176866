"""Compiled twins of ``layers/batch_norm.py``."""

from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.types import Array

Standard = tuple[Array, Array, Array]  # mean in two parts, and 1/σ


def _rows(like: Array, *numbers: Array) -> list[Array]:
    """One number per row of ``like``, in its type."""
    if any(number.shape != (len(like), 1) for number in numbers):
        raise ValueError(f"{[n.shape for n in numbers]}: one number per row of {like.shape} needed")
    return [solid(number.astype(like.dtype, copy=False)) for number in numbers]


def _same_shape(arrays: Sequence[Array]) -> None:
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"{[array.shape for array in arrays]} differ")


def deviations(
    squares: Array, m: float, epsilon: float, dtype: "np.dtype[np.generic]"
) -> tuple[Array, Array]:
    """(variance, 1/σ)."""
    variance, inverse = empty(squares.shape, dtype), empty(squares.shape, dtype)
    kernel("deviations", variance)(variance, inverse, solid(squares), squares.size, m, epsilon)
    return variance, inverse


def running_average(average: Array, found: Array, keep: float, factor: float = 1.0) -> Array:
    """keep · average + (1 - keep) · (factor · found)."""
    _same_shape((average, found))
    out = empty(found.shape, found.dtype)
    kernel("running_average", out)(out, solid(average), solid(found), out.size, keep, factor)
    return out


def squares_around(x: Array, near: Array, rest: Array) -> Array:
    """Σ (x - mean)² of every row, in double precision."""
    out = empty((len(x), 1), FLOAT64)
    kernel("squares_around", x)(out, solid(x), *_rows(x, near, rest), *x.shape)
    return out


def batch_norm_forward(
    x: Array, standard: Standard, gamma: Array, beta: Array,
    relu: bool = False, other: Array | None = None,
) -> Array:  # fmt: skip
    """y, y + other, or the positive part of them, in one pass."""
    _same_shape((x, x if other is None else other))
    y = empty(x.shape, x.dtype)
    rows = _rows(x, *standard, gamma, beta)
    kernel("batch_norm_forward", y)(y, solid(x), *rows, *x.shape, relu, solid(other))
    return y


def batch_norm_sums(
    coming: tuple[Array, Array | None, Array | None, bool],
    x: Array,
    standard: Standard,
    affine: tuple[Array, Array],
    relu: bool = False,
) -> tuple[Array, Array, Array]:
    """(δ, Σ δ, Σ δ x̂), the sums of every row in double precision, all in one pass."""
    *maps, is_own = coming
    dy, more, a = map(solid, maps)
    _same_shape([x, *(part for part in (dy, more, a) if part is not None)])
    d_beta, d_gamma = empty((len(x), 1), FLOAT64), empty((len(x), 1), FLOAT64)
    is_new = more is not None or a is not None
    delta = dy if is_own or not is_new else empty(dy.shape, dy.dtype)
    rows = _rows(x, *standard, *affine)
    arrays = (d_beta, d_gamma, dy, solid(x))
    parts = (delta if is_new else None, more, a)
    kernel("batch_norm_sums", x)(*arrays, *rows, *x.shape, relu, *parts)
    return delta, d_beta, d_gamma


def batch_norm_dx(
    dy: Array, x: Array, standard: Standard, affine: tuple[Array, Array],
    means: tuple[Array, Array], relu: bool = False, in_place: bool = False,
) -> Array:  # fmt: skip
    """∂C/∂x in one pass."""
    _same_shape((dy, x))
    dy = solid(dy)
    dx = dy if in_place else empty(dy.shape, dy.dtype)
    rows = _rows(dy, *standard, *affine, *means)
    kernel("batch_norm_dx", dx)(dx, dy, solid(x), *rows, *dy.shape, relu)
    return dx
