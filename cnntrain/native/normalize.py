"""The compiled twin of ``data/normalize.py``: stored samples become a batch in one pass."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.program import recorder
from cnntrain.types import Array, Shape

BYTES, DOUBLES = np.dtype(np.uint8), np.dtype(np.float64)


class Normalizer(Protocol):
    """What is needed of a normalizer (``data/normalize.py``)."""

    def numbers(self, dtype: "np.dtype[np.generic]") -> tuple[Array, Array, Array]: ...
    def apply(self, x: Array, dtype: "np.dtype[np.generic]") -> Array: ...


def gather(
    normalizer: Normalizer, stored: Array, rows: Array, dtype: "np.dtype[np.generic]"
) -> Array:
    """The samples ``rows``, normalized, batch axis last; by NumPy if their type has no kernel."""
    name = _kernel_for(stored.dtype, dtype)
    numbers = normalizer.numbers(np.promote_types(stored.dtype, dtype))
    sample = stored.shape[1:]
    sharing = _sharing([array.shape for array in numbers], sample)
    if name is None or sharing is None or not stored.flags.c_contiguous:
        return normalizer.apply(np.moveaxis(stored[rows], 0, -1), dtype)
    out = empty((*sample, len(rows)), dtype)
    at_work = recorder()
    rows = at_work.note_rows(rows) if at_work else solid(rows.astype(np.int64, copy=False))
    sizes = (len(rows), math.prod(sample), sharing, len(stored))
    kernel(name, out)(out, stored, rows, *numbers, *sizes)
    return out


def _kernel_for(stored: "np.dtype[np.generic]", dtype: "np.dtype[np.generic]") -> str | None:
    if stored == BYTES:
        return "gather_bytes"
    if stored == dtype:
        return "gather_reals"
    return "gather_doubles" if stored == DOUBLES else None


def _sharing(shapes: Sequence[Shape], sample: Shape) -> int | None:
    """How many features in a row share their statistics; None if it is others that do."""
    statistics = shapes[0]
    if set(shapes) != {statistics} or len(statistics) != len(sample):
        return None
    pairs = enumerate(zip(statistics, sample, strict=True))
    kept = next((k for k, (size, length) in pairs if size != length), len(sample))
    return math.prod(sample[kept:]) if set(statistics[kept:]) <= {1} else None
