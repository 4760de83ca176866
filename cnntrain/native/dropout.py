"""Compiled twins of ``layers/dropout.py``: the same draws as NumPy's, bit for bit."""

import math

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.program import recorder
from cnntrain.types import Array, Shape

OF_ANY_TYPE = np.empty(0, np.float32)  # flags do not depend on the type of the numbers


def kept_units(shape: Shape, rate: float, rng: np.random.Generator) -> Array:
    """Whether each unit is kept, from the stream of a fresh Philox generator."""
    if not _is_fresh(rng):
        return rng.random(shape, dtype=np.float32) >= rate
    stream = stream_of(rng)
    if (at_work := recorder()) is not None:
        at_work.note_stream(stream)
    kept = empty(shape, np.dtype(np.bool_))
    least = math.ceil(float(np.float32(rate)) * 2**24)  # of the 24 bits of a number that is kept
    kernel("keep_units", OF_ANY_TYPE)(kept.view(np.uint8), stream, least << 8, kept.size)
    return kept


def _is_fresh(rng: np.random.Generator) -> bool:
    """Whether it is a Philox generator with no numbers left over from an earlier draw."""
    state = rng.bit_generator.state
    is_philox = state["bit_generator"] == "Philox"
    return is_philox and state["buffer_pos"] == 4 and not state["has_uint32"]


def stream_of(rng: np.random.Generator) -> Array:
    """What the draws of a fresh generator depend on: four words of the counter, two of the key."""
    state = rng.bit_generator.state["state"]
    return np.concatenate([state["counter"], state["key"]])


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
