"""What a source gives: named splits of samples with labels or targets, first axis the sample."""

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

ALWAYS_UNPACKED = 4 << 20  # bytes; of more, a compressed file may hold this many times its size:
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
    """Refuse to unpack what is a bomb: ``size`` bytes from only ``on_disk`` compressed ones.

    Labels grow again when they are read, by up to eight bytes for each of theirs.
    """
    factor = MOST_EXPANSION_OF_LABELS if labels else MOST_EXPANSION
    if size > max(ALWAYS_UNPACKED, factor * on_disk):
        raise DataError(
            f"{path}: {on_disk:,} compressed bytes would expand to {size:,}; "
            "if that is right, store them uncompressed"
        )


def joined(splits: Sequence[Split]) -> Split:
    """Several splits one after the other; a single one is not copied."""
    if len(splits) == 1:
        return splits[0]
    return Split(np.concatenate([s.x for s in splits]), np.concatenate([s.y for s in splits]))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the system refuses becomes a DataError that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


class Source(Registered, family="data source"):
    """A place where samples come from; its options stand in the config's ``data:`` section."""

    arithmetic: ClassVar[tuple[str, ...]] = ("load",)

    def sample_shape(self, find: Find) -> Shape:
        """Shape of one sample, from headers alone, before any data is read."""
        raise NotImplementedError

    def load(self, find: Find, seed: int) -> Dataset:
        """Read the data; ``DataError`` if a file is missing, broken or inconsistent."""
        raise NotImplementedError
