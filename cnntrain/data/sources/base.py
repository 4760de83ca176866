"""The source interface: named splits of samples with labels or targets, sample axis first."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.errors import DataError
from cnntrain.registry import Registered
from cnntrain.types import Array, Shape

ALWAYS_UNPACKED = 4 << 20  # bytes; beyond that, the limit is this multiple of the compressed size:
MOST_EXPANSION = 20  # (MNIST: 5)
MOST_EXPANSION_OF_LABELS = 4


def checked_labels(labels: Array, classes: int, where: str) -> Array:
    """The labels as int64, or a ``DataError`` that names the first bad one."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise DataError(
            f"{where}: label {labels[bad[0]]} of sample {bad[0]} is not in 0..{classes - 1}"
        )
    return labels.astype(np.int64)


def check_expansion(path: Path, size: int, on_disk: int, labels: bool) -> None:
    """Reject a decompression bomb: ``size`` bytes from only ``on_disk`` compressed bytes.

    Labels grow further when they are read, from one to up to eight bytes each.
    """
    factor = MOST_EXPANSION_OF_LABELS if labels else MOST_EXPANSION
    if size > max(ALWAYS_UNPACKED, factor * on_disk):
        raise DataError(
            f"{path}: {on_disk:,} compressed bytes would expand to {size:,}; "
            "if that is intended, store them uncompressed"
        )


def joined(splits: Sequence[Split]) -> Split:
    """The concatenation of several splits; a single one is not copied."""
    if len(splits) == 1:
        return splits[0]
    return Split(np.concatenate([s.x for s in splits]), np.concatenate([s.y for s in splits]))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an OSError into a DataError that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


class Source(Registered, family="data source"):
    """Base of all data sources; their options are given in the config's ``data:`` section."""

    arithmetic: ClassVar[tuple[str, ...]] = ("load",)

    def sample_shape(self, find: Find) -> Shape:
        """Shape of one sample, from headers alone, before any data is read."""
        raise NotImplementedError

    def load(self, find: Find, seed: int) -> Dataset:
        """Read the data; ``DataError`` if a file is missing, broken or inconsistent."""
        raise NotImplementedError
