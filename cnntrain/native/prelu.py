"""Compiled twins of ``layers/prelu.py``."""

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.native.sums import divided
from cnntrain.types import Array


def prelu_forward(z: Array, slope: Array) -> Array:
    """a = z for z > 0, else slope·z."""
    return _by_slope(z, z, slope)


def prelu_backward(da: Array, z: Array, slope: Array) -> tuple[Array, Array]:
    """(δ, ∂C/∂slope), the sums as in ``sums.h``."""
    delta, below = _by_slope(da, z, slope), empty((len(z),), FLOAT64)
    kernel("prelu_slope", z)(below, solid(da), solid(z), *_rows(z))
    if slope.size == 1:
        total = empty((1,), FLOAT64)
        kernel("sum_doubles", z)(total, below, below.size)
        below = total
    return delta, divided(below, 1, da.dtype)


def _by_slope(x: Array, z: Array, slope: Array) -> Array:
    """x for z > 0, else slope·x."""
    if x.shape != z.shape or slope.size not in (1, len(z)):
        raise ValueError(f"{x.shape}, {z.shape} and {slope.size} slopes do not fit")
    slopes = solid(slope)
    if slope.size == 1:
        slopes = empty((len(z),), z.dtype)
        kernel("repeated", z)(slopes, solid(slope), 1, len(z))
    out = empty(z.shape, z.dtype)
    kernel("prelu", z)(out, solid(x), solid(z), slopes, *_rows(z))
    return out


def _rows(z: Array) -> tuple[int, int]:
    """Channels, and numbers in each."""
    return len(z), z[0].size
