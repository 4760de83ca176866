"""Compiled twins of ``layers/dropout.py``: the same draws as NumPy's, bit for bit."""

import math

import numpy as np

from cnntrain.native.engine import current, empty, kernel, solid
from cnntrain.types import Array, Shape


def kept_units(shape: Shape, rate: float, rng: np.random.Generator) -> Array:
    """Whether each unit is kept, from the stream of a fresh Philox generator."""
    stream = _fresh_stream(rng)
    if stream is None:
        return rng.random(shape, dtype=np.float32) >= rate
    kept = np.empty(shape, np.bool_)
    least = math.ceil(float(np.float32(rate)) * 2**24)  # of the 24 bits of a number that is kept
    of_any_type = current().kernels["f"]["keep_units"]
    of_any_type(kept.view(np.uint8), stream, least << 8, kept.size)
    return kept


def _fresh_stream(rng: np.random.Generator) -> Array | None:
    """(four words of the counter, two of the key); None: not Philox, or numbers are left over."""
    state = rng.bit_generator.state
    if state["bit_generator"] != "Philox" or state["buffer_pos"] != 4 or state["has_uint32"]:
        return None
    return np.concatenate([state["state"]["counter"], state["state"]["key"]])


def masked(x: Array, kept: Array, rate: float) -> Array:
    """x / (1 - rate) where kept, else 0; ``kept`` has the shape of x, or (C, 1, 1, N) for maps."""
    c, n = (len(x), x.shape[-1]) if x.ndim > 1 else (0, 0)
    if kept.dtype == np.bool_ and kept.shape == x.shape:
        sizes = (1, 1, x.size)
    elif kept.dtype == np.bool_ and kept.shape == (c, *(1,) * (x.ndim - 2), n):
        sizes = (c, math.prod(x.shape[1:-1]), n)
    else:
        raise ValueError(f"kept {kept.dtype} {kept.shape} does not fit x {x.shape}")
    y = empty(x.shape, x.dtype)
    kernel("apply_mask", x)(y, solid(x), solid(kept).view(np.uint8), 1 / (1 - rate), *sizes)
    return y
