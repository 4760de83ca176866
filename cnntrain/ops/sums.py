"""Sums that keep their digits, however many numbers they are taken over.

Adding m numbers one after the other to a single float32 may lose m·u of their sum, u = 2⁻²⁴: for a
map of 512x512 the third digit. Here m numbers are cut into blocks of b; a block is added up in the
precision of the array, by a product with ones, which is the fastest sum that BLAS has, and the
totals of the blocks are added up in float64. So

    |error| <= (b - 1) u Σ|x| + m/b · 2⁻⁵³ Σ|x|,

with b = 32, in the worst order; in those that BLAS takes it is some u. Sources: Higham 1993, "The
accuracy of floating point summation" (blocked and pairwise sums); Chan, Golub & LeVeque 1983,
"Algorithms for computing the sample variance" (two passes, and the merging of moments).

All functions give float64: whoever calls rounds once, when all is added up.
"""

from typing import NamedTuple

import numpy as np

from cnntrain.native import sums as compiled
from cnntrain.native import twinned
from cnntrain.types import Array

BLOCK = 32  # numbers that are added up in their own precision
BLOCK_OF_PRODUCTS = 128  # the same of products
FEW, SHORT = 8192, 1024  # measured: of so many numbers, or in such rows, float64 is as fast
LONG = 4096  # products that BLAS adds up as it likes
IN_CACHE = 1 << 16  # numbers that are looked at together in float64


@twinned(compiled.row_sums)
def row_sums(x: Array) -> Array:
    """Σ along the last axis: (..., M) -> (...)."""
    m = x.shape[-1]
    whole, ones = m - m % BLOCK, np.ones(BLOCK, x.dtype)
    if x.size <= FEW or (whole < m < SHORT):
        few: Array = x.sum(axis=-1, dtype=np.float64)
        return few
    blocks = (
        (x.reshape(-1, BLOCK) @ ones).reshape(*x.shape[:-1], -1)
        if whole == m
        else x[..., :whole].reshape(*x.shape[:-1], whole // BLOCK, BLOCK) @ ones
    )  # (..., M/32)
    total: Array = blocks.sum(axis=-1, dtype=np.float64) + x[..., whole:].sum(axis=-1)
    return total


@twinned(compiled.exact_sums)
def column_sums(x: Array) -> Array:
    """Σ along the middle axis: (G, M, N) -> (G, 1, N)."""
    g, m, n = x.shape
    if n == 1:
        return row_sums(x[..., 0])[:, None, None]
    whole = m - m % BLOCK
    total: Array = x[:, whole:].sum(axis=1, keepdims=True).astype(np.float64)
    if whole:
        ones = np.ones((1, BLOCK), x.dtype)
        blocks = ones @ x[:, :whole].reshape(g, -1, BLOCK, n)  # (G, M/32, 1, N)
        total += blocks.sum(axis=1, dtype=np.float64)
    return total


@twinned(compiled.exact_sums)
def exact_sums(x: Array) -> Array:
    """``column_sums`` with every addition in float64; slower, but equal numbers keep their value.

    What is left of a constant after its mean is taken off must be 0, not rounding, because
    normalisation divides by it. Float32 has 29 bits less than float64, so the sum of up to
    2²⁹ equal numbers has no error at all.
    """
    g, m, n = x.shape
    if n == 1:
        alone: Array = x.sum(axis=1, dtype=np.float64, keepdims=True)
        return alone
    rows = max(BLOCK, IN_CACHE // (g * n))
    total = np.zeros((g, 1, n))
    for start in range(0, m, rows):
        part = x[:, start : start + rows].astype(np.float64)
        total += np.ones((1, part.shape[1])) @ part
    return total


def long_product(a: Array, b: Array) -> Array:
    """A B, (..., M) @ (..., M, N), with the sums over a long M taken in blocks.

    BLAS adds up some hundred products at a time, and those totals one after the other.
    """
    m = a.shape[-1]
    if m <= LONG:
        return a @ b
    cuts = (slice(start, start + LONG) for start in range(0, m, LONG))
    total = sum((a[..., cut] @ b[..., cut, :]).astype(np.float64) for cut in cuts)
    return np.asarray(total, a.dtype)


def in_two(mean: Array, dtype: np.dtype) -> tuple[Array, Array]:
    """What ``dtype`` holds of float64 numbers, and the rest that it rounds off."""
    near = mean.astype(dtype)
    return near, (mean - near).astype(dtype)


@twinned(compiled.mean_in_two)
def mean_in_two(total: Array, m: float, dtype: np.dtype) -> tuple[Array, Array]:
    """total / m in ``dtype``, and what that rounds off."""
    return in_two(total / m, dtype)


@twinned(compiled.divided)
def divided(total: Array, m: float, dtype: np.dtype) -> Array:
    """total / m in ``dtype``."""
    quotient: Array = (total / m).astype(dtype)
    return quotient


def centered(x: Array, mean: Array) -> Array:
    """x - mean in the precision of x, for a float64 mean. Next to a mean of 1,000 deviations the
    part of it counts that float32 rounds off."""
    near, rest = in_two(mean, x.dtype)
    difference: Array = x - near
    if near.dtype != mean.dtype:
        difference -= rest
    return difference


@twinned(compiled.row_dots)
def row_dots(a: Array, b: Array) -> Array:
    """Σ a·b along the last axis: (R, M), (R, M) -> (R,)."""
    r, m = a.shape
    whole = m - m % BLOCK_OF_PRODUCTS
    blocks = (r, whole // BLOCK_OF_PRODUCTS, BLOCK_OF_PRODUCTS)
    parts = np.vecdot(a[:, :whole].reshape(blocks), b[:, :whole].reshape(blocks))
    total: Array = parts.sum(axis=1, dtype=np.float64) + np.vecdot(a[:, whole:], b[:, whole:])
    return total


@twinned(compiled.scaled)
def scaled(x: Array, factor: float) -> Array:
    """factor · x, in the precision of x."""
    product: Array = x * x.dtype.type(factor)
    return product


@twinned(compiled.added)
def added(a: Array, b: Array) -> Array:
    """a + b, in a new array."""
    total: Array = a + b
    return total


@twinned(compiled.add_to)
def add_to(a: Array, b: Array) -> Array:
    """a + b, in the place of a."""
    a += b
    return a


@twinned(compiled.class_sums)
def class_sums(x: Array) -> Array:
    """Σ along the first axis, which is kept, in the precision of x: (K, ...) -> (1, ...)."""
    if len(x) <= BLOCK:
        few: Array = x.sum(axis=0, keepdims=True)
        return few
    return column_sums(x.reshape(1, len(x), -1)).astype(x.dtype).reshape(1, *x.shape[1:])


class Moments(NamedTuple):
    """Of m numbers: ``squares`` is Σ (x - mean)²."""

    m: float
    mean: Array
    squares: Array


def moments(x: Array) -> Moments:
    """Along the last axis, in float64, by two passes: exact also far from 0."""
    exact = x.astype(np.float64)
    mean = exact.mean(axis=-1)
    return Moments(x.shape[-1], mean, np.square(exact - mean[..., None]).sum(axis=-1))


def merged(a: Moments, b: Moments) -> Moments:
    """The moments of both together: Chan, Golub & LeVeque 1983."""
    m = a.m + b.m
    apart = np.subtract(b.mean, a.mean)
    mean = a.mean + apart * (b.m / m)
    return Moments(m, mean, np.add(a.squares, b.squares) + apart * apart * (a.m * b.m / m))


def is_constant(variance: Array, mean: Array, m: float) -> Array:
    """Whether m numbers vary by no more than the rounding of their sum in float64 explains.

    The bound of scikit-learn's ``StandardScaler``: m u σ² + (m u mean)².
    """
    u = np.finfo(np.float64).eps
    verdict: Array = variance <= m * u * variance + np.square(m * u * mean)
    return verdict
