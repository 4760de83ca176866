"""Compiled twin of ``layers/upsample2d.py``."""

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def resize(x: Array, vertical: Array, horizontal: Array) -> Array:
    """V x Hᵀ for every map; the zeros of V and H are left out."""
    c, h, w, n = x.shape
    oh, ow = len(vertical), len(horizontal)
    rows = _times(vertical, x.reshape(c, h, w * n))
    return _times(horizontal, rows.reshape(c * oh, w, n)).reshape(c, oh, ow, n)


def _times(matrix: Array, x: Array) -> Array:
    """(O, I) times (G, I, N) -> (G, O, N)."""
    groups, inputs, n = x.shape
    if matrix.ndim != 2 or matrix.shape[1] != inputs:
        raise ValueError(f"a matrix {matrix.shape} does not fit maps {x.shape}")
    out = empty((groups, len(matrix), n), x.dtype)
    sizes = (groups, *matrix.shape, n)
    kernel("resize_rows", x)(out, solid(matrix), solid(x), *sizes)
    return out
