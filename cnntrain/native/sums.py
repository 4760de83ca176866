"""Compiled twins of ``ops/sums.py``. All sums are float64."""

import math

import numpy as np

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.types import Array


def row_sums(x: Array) -> Array:
    """Σ along the last axis: (..., M) -> (...)."""
    total = empty(x.shape[:-1], FLOAT64)
    if x.size:
        kernel("row_sums", x)(total, solid(x), total.size, x.shape[-1])
    else:
        total.fill(0)
    return total


def row_dots(a: Array, b: Array) -> Array:
    """Σ a·b along the last axis: (R, M), (R, M) -> (R,)."""
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"{a.shape} and {b.shape} are not rows of the same length")
    total = empty((len(a),), FLOAT64)
    kernel("row_dots", a)(total, solid(a), solid(b), *a.shape)
    return total


def exact_sums(x: Array) -> Array:
    """Σ along the middle axis, every addition in float64: (G, M, N) -> (G, 1, N)."""
    g, m, n = x.shape
    total = empty((g, 1, n), FLOAT64)
    kernel("exact_sums", x)(total, solid(x), *(g, m, n))
    return total


def mean_in_two(total: Array, m: float, dtype: "np.dtype[np.generic]") -> tuple[Array, Array]:
    """total / m in the type of the numbers, and what that rounds off."""
    near, rest = empty(total.shape, dtype), empty(total.shape, dtype)
    kernel("mean_in_two", near)(near, rest, solid(total), total.size, m)
    return near, rest


def divided(total: Array, m: float, dtype: "np.dtype[np.generic]") -> Array:
    """total / m, rounded."""
    out = empty(total.shape, dtype)
    kernel("divided", out)(out, solid(total), total.size, m)
    return out


def class_sums(x: Array) -> Array:
    """Σ along the first axis, which is kept, rounded once: (K, ...) -> (1, ...)."""
    rest = math.prod(x.shape[1:])
    return exact_sums(x.reshape(1, len(x), rest)).astype(x.dtype).reshape(1, *x.shape[1:])


def scaled(x: Array, factor: float) -> Array:
    """factor · x."""
    out = empty(x.shape, x.dtype)
    kernel("multiplied", x)(out, solid(x), factor, x.size)
    return out


def put(place: Array, x: Array) -> None:
    """Copy x to a place that is contiguous."""
    if (x.shape, x.dtype) != (place.shape, place.dtype) or not place.flags.c_contiguous:
        raise ValueError(f"{x.shape} does not fit into {place.shape}")
    kernel("copied", x)(place, solid(x), x.size)


def added(a: Array, b: Array) -> Array:
    """a + b."""
    return _sum_in(empty(a.shape, a.dtype), solid(a), b)


def add_to(a: Array, b: Array) -> Array:
    """a += b, or the sum elsewhere if a is not contiguous."""
    place = solid(a)
    return _sum_in(place, place, b)


def _sum_in(out: Array, a: Array, b: Array) -> Array:
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape} differ")
    kernel("added", a)(out, a, solid(b), a.size)
    return out
