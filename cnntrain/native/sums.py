"""Compiled twins of ``ops/sums.py``. All sums are float64."""

import math

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def row_sums(x: Array) -> Array:
    """Σ along the last axis: (..., M) -> (...)."""
    total = np.empty(x.shape[:-1])
    if x.size:
        kernel("row_sums", x)(total, solid(x), total.size, x.shape[-1])
    else:
        total.fill(0)
    return total


def row_dots(a: Array, b: Array) -> Array:
    """Σ a·b along the last axis: (R, M), (R, M) -> (R,)."""
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"{a.shape} and {b.shape} are not rows of the same length")
    total = np.empty(len(a))
    kernel("row_dots", a)(total, solid(a), solid(b), *a.shape)
    return total


def exact_sums(x: Array) -> Array:
    """Σ along the middle axis, every addition in float64: (G, M, N) -> (G, 1, N)."""
    g, m, n = x.shape
    total = np.empty((g, 1, n))
    kernel("exact_sums", x)(total, solid(x), *(g, m, n))
    return total


def in_two(mean: Array, like: Array) -> tuple[Array, Array]:
    """What numbers of the type of ``like`` hold of float64 ones, and the rest."""
    near = mean.astype(like.dtype)
    return near, (mean - near).astype(like.dtype)


def centered(x: Array, mean: Array) -> Array:
    """x - mean for x (G, M, N) and a float64 mean (G, 1, N), or x (C, M) and mean (C, 1)."""
    g, m, n = x.shape if x.ndim == 3 else (*x.shape, 1)
    if mean.size != g * n or mean.shape[:2] != (g, 1):
        raise ValueError(f"a mean {mean.shape} does not fit x {x.shape}")
    near, rest = in_two(mean, x)
    out = empty(x.shape, x.dtype)
    kernel("centered", x)(out, solid(x), solid(near), solid(rest), *(g, m, n))
    return out


def class_sums(x: Array) -> Array:
    """Σ along the first axis, which is kept, rounded once: (K, ...) -> (1, ...)."""
    rest = math.prod(x.shape[1:])
    return exact_sums(x.reshape(1, len(x), rest)).astype(x.dtype).reshape(1, *x.shape[1:])
