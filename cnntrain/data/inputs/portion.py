"""A portion of the samples to be predicted, and what the network reads."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.data.dataset import Schema
from cnntrain.data.sources.base import Source
from cnntrain.errors import DataError
from cnntrain.types import Array, Shape

MOST_SAMPLES = 4096  # of one portion,
MOST_BYTES = 32 << 20  # and their bytes as float64


@dataclass(frozen=True)
class Portion:
    """Samples x (N, ...) with the name of each; ``total``: samples of its input, if known."""

    ids: Sequence[str]
    x: Array
    total: int | None = None


@dataclass(frozen=True)
class Wanted:
    """What a trained network reads: the shape of a sample, and how it was given in training."""

    shape: Shape
    source: Source
    schema: Schema

    @property
    def size(self) -> int:
        """The numbers of one sample."""
        return math.prod(self.shape)

    @property
    def at_once(self) -> int:
        """Samples per portion."""
        return max(1, min(MOST_SAMPLES, MOST_BYTES // (8 * self.size)))


def numbered(x: Array, first: int, total: int | None) -> Portion:
    """Samples that have no name: each is called by its number, from 1."""
    return Portion([str(first + k) for k in range(1, len(x) + 1)], x, total)


def checked(portions: Iterator[Portion], where: str) -> Iterator[Portion]:
    """The same portions, which must not be empty nor hold NaN or infinity."""
    empty = True
    for portion in portions:
        empty = False
        if not np.isfinite(portion.x).all():
            bad = np.flatnonzero(~np.isfinite(portion.x.reshape(len(portion.x), -1)).all(axis=1))
            raise DataError(
                f"{where}: sample {portion.ids[bad[0]]} contains NaN or infinity; correct it or "
                "leave it out"
            )
        yield portion
    if empty:
        raise DataError(f"{where}: holds no samples; there is nothing to predict")
