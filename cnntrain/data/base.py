"""What a source gives: named splits of samples with labels or targets, first axis the sample."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from cnntrain.errors import DataError
from cnntrain.files import Find
from cnntrain.registry import Registered
from cnntrain.types import Array, Shape

CHUNK = 4096  # samples that are looked at together
ALWAYS_UNPACKED = 4 << 20  # bytes; of more, a compressed file may hold this many times its size:
MOST_EXPANSION = 20  # (MNIST: 5)
MOST_EXPANSION_OF_LABELS = 4


@dataclass(frozen=True)
class Split:
    """Samples (N, C, H, W) or (N, J) of any number type; labels (N,) or targets (N, K).

    With ``rows``, only those samples of ``stored`` belong to it, so that the parts of one array
    share it: a memory-mapped file stays on disk until a batch is gathered.
    """

    stored: Array
    y: Array
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_shape(self) -> Shape:
        return self.stored.shape[1:]

    @property
    def x(self) -> Array:
        """All samples; copied if they are only some of those stored."""
        return self.stored if self.rows is None else self.stored[self.rows]

    @property
    def labels(self) -> Array:
        """The class of every sample (N,): its label, or the largest of its soft labels (N, K)."""
        return self.y if self.y.ndim == 1 else self.y.argmax(axis=1)

    def gather(self, indices: Array) -> Array:
        """The samples at ``indices``, copied."""
        return self.stored[indices if self.rows is None else self.rows[indices]]

    def chunks(self) -> Iterator[Array]:
        """All samples, some thousands at a time."""
        for start in range(0, len(self), CHUNK):
            yield self.gather(np.arange(start, min(start + CHUNK, len(self))))

    def take(self, indices: Array) -> "Split":
        """The samples at ``indices``, as a part of this split."""
        rows = indices if self.rows is None else self.rows[indices]
        return Split(self.stored, self.y[indices], rows)


@dataclass(frozen=True)
class Dataset:
    """All that a source knows. ``classes`` names the labels; None means real-valued targets."""

    train: Split
    test: Split | None
    classes: tuple[str, ...] | None
    val: Split | None = None  # if the source has files of its own for validation

    @property
    def sample_shape(self) -> Shape:
        return self.train.sample_shape

    @property
    def target_shape(self) -> Shape | None:
        """Shape of one target; None for labels."""
        return None if self.classes is not None else self.train.y.shape[1:]

    def fingerprint(self) -> str:
        """SHA-256 over all samples and labels, with their shapes and types."""
        digest = hashlib.sha256()
        for split in (self.train, self.test, self.val):
            for array in (split.stored, split.y) if split else ():
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


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
