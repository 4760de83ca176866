"""Compiled twins of ``metrics/sums.py``."""

import numpy as np

from cnntrain.native.engine import FLOAT64, empty, kernel, solid
from cnntrain.types import Array


def winners(z: Array) -> Array:
    """The number of the largest output of each sample, for z (K, N)."""
    found = empty(z.shape[1:], np.dtype(np.int64))
    kernel("predicted", z)(found, solid(z), len(z), found.size)
    return found


def error_sums(z: Array, y: Array) -> tuple[float, float]:
    """(Σ |z - y|, Σ (z - y)²) in double precision."""
    if z.shape != y.shape:
        raise ValueError(f"outputs {z.shape} and targets {y.shape} differ")
    found = np.empty(2)
    z, y = (solid(array.astype(FLOAT64, copy=False)) for array in (z, y))
    kernel("error_sums", z)(found, z, y, z.size)
    return float(found[0]), float(found[1])
