"""Samples that stay on disk: each is read when it is asked for, so memory does not grow with them.

Files are read, not mapped into memory: one that shrinks while it is mapped ends the process with a
bus error, and what is mapped counts as memory of the process. What is read must be what was there
at first, so every file is compared with its first size, time and inode.
"""

import itertools
import math
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from cnntrain.errors import DataError
from cnntrain.types import Array, Shape

MOST_IN_MEMORY = 1 << 28  # bytes of the inputs of a split; where there are more, they stay on disk
CHUNK = 4096  # samples processed at a time,
CHUNK_NUMBERS = 1 << 22  # and numbers, of samples that stay on disk

Identity = tuple[int, int, int, int]  # device, inode, size, time of the last change


class ByIndex(ABC):
    """Samples (N, ...) that are read by their numbers."""

    def __init__(self, shape: Shape, dtype: "np.dtype[Any]") -> None:
        self.shape, self.dtype = shape, dtype

    @abstractmethod
    def read(self, rows: Array) -> Array:
        """The samples with these numbers, which rise, in memory."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, rows: Array | slice) -> Array:
        """The samples with these numbers, in any order."""
        if isinstance(rows, slice):
            return self.read(np.arange(*rows.indices(len(self))))
        if (np.diff(rows) >= 0).all():
            return self.read(rows)
        order = np.argsort(rows, kind="stable")
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        found[order] = self.read(rows[order])
        return found


Stored: TypeAlias = Array | ByIndex


class _Viewed(ByIndex):
    """Samples that are changed after they are read."""

    def __init__(self, inner: ByIndex, change: Callable[[Array], Array]) -> None:
        self._inner, self._change = inner, change
        none = change(np.empty((0, *inner.shape[1:]), inner.dtype))
        super().__init__((len(inner), *none.shape[1:]), none.dtype)

    def read(self, rows: Array) -> Array:
        return self._change(self._inner.read(rows))


def viewed(found: Stored, change: Callable[[Array], Array]) -> Stored:
    """The samples in another form, such as with a channel axis."""
    return change(found) if isinstance(found, np.ndarray) else _Viewed(found, change)


def identity_of(found: os.stat_result) -> Identity:
    """What changes if a file is replaced or written to."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, known: Identity, handle: BinaryIO | None = None) -> None:
    """Raise ``DataError`` if a file is not the one that it was."""
    try:
        found = path.stat() if handle is None else os.fstat(handle.fileno())
    except OSError as error:
        raise DataError(
            f"{path}: has vanished while it was in use ({error.strerror}); put it back"
        ) from None
    if identity_of(found) == known:
        return
    is_shorter = found.st_size < known[2]
    what = (
        f"has shrunk from {known[2]:,} to {found.st_size:,} bytes" if is_shorter else "has changed"
    )
    raise DataError(f"{path}: {what} while it was in use; put back the file that it was")


@dataclass(frozen=True)
class RowFile:
    """A file of ``rows`` samples of equal length, from byte ``start`` on."""

    path: Path
    start: int
    rows: int
    known: Identity

    @classmethod
    def at(cls, path: Path, start: int, rows: int) -> "RowFile":
        """The file as it is now."""
        return cls(path, start, rows, identity_of(path.stat()))

    def read_into(self, out: Array, rows: Array) -> None:
        """Fill ``out`` with the samples ``rows``, whose numbers rise."""
        try:
            with self.path.open("rb", buffering=0) as file:
                check_unchanged(self.path, self.known, file)
                for part in _runs(rows):
                    size = out[part].nbytes
                    file.seek(self.start + int(rows[part.start]) * (size // len(out[part])))
                    _fill(file, out[part].view(np.uint8).reshape(-1))
                check_unchanged(self.path, self.known, file)
        except FileNotFoundError:
            check_unchanged(self.path, self.known)
            raise
        except EOFError:
            raise DataError(f"{self.path}: has shrunk while it was in use; restore it") from None
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from None


def _runs(rows: Array) -> Iterator[slice]:
    """Where numbers follow one another without a gap: one reading for each of them."""
    edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    return (slice(a, b) for a, b in itertools.pairwise(edges) if b > a)


def _fill(file: Any, place: Array) -> None:
    while len(place):
        count = file.readinto(place)
        if not count:
            raise EOFError
        place = place[count:]


class FileRows(ByIndex):
    """The samples of one file, or of several, one after the other."""

    def __init__(self, files: Sequence[RowFile], sample: Shape, dtype: "np.dtype[Any]") -> None:
        self._files = tuple(files)
        self._ends = np.cumsum([file.rows for file in files])
        super().__init__((int(self._ends[-1]), *sample), dtype)

    def read(self, rows: Array) -> Array:
        found = np.empty((len(rows), math.prod(self.shape[1:])), self.dtype)
        edges = [0, *np.searchsorted(rows, self._ends).tolist()]
        begins = [0, *self._ends.tolist()]
        for file, first, a, b in zip(self._files, begins, edges, edges[1:], strict=False):
            if b > a:
                file.read_into(found[a:b], rows[a:b] - first)
        return found.reshape(len(rows), *self.shape[1:])


def stored(rows: ByIndex) -> Stored:
    """In memory if there are few, which is fastest; else as they are."""
    return rows[:] if rows.nbytes <= MOST_IN_MEMORY else rows


def in_memory(found: Stored) -> Array:
    """The samples as an array."""
    return found if isinstance(found, np.ndarray) else found[:]


def samples_of_chunk(found: Stored) -> int:
    """How many samples are processed at a time."""
    if isinstance(found, np.ndarray):
        return CHUNK
    return min(CHUNK, max(1, CHUNK_NUMBERS // math.prod(found.shape[1:])))


class Blocks(ByIndex):
    """Samples that are decoded in blocks, such as images; the last ones used stay in memory.

    ``block(k)`` gives the samples of block k; ``ends``: the number of samples up to its end.
    """

    def __init__(
        self, ends: Array, sample: Shape, dtype: "np.dtype[Any]", block: Callable[[int], Array]
    ) -> None:
        super().__init__((int(ends[-1]), *sample), dtype)
        self._ends, self._block = ends, block
        self._kept: OrderedDict[int, Array] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()  # batches are read ahead in another thread

    def read(self, rows: Array) -> Array:
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        blocks = np.searchsorted(self._ends, rows, side="right")
        for part in _equal_ones(blocks):
            k = int(blocks[part.start])
            begin = int(self._ends[k - 1]) if k else 0
            found[part] = self._kept_block(k)[rows[part] - begin]
        return found

    def _kept_block(self, k: int) -> Array:
        with self._lock:
            if k in self._kept:
                self._kept.move_to_end(k)
                return self._kept[k]
        block = self._block(k)
        with self._lock:
            self._bytes += block.nbytes - (self._kept[k].nbytes if k in self._kept else 0)
            self._kept[k] = block
            while self._bytes > MOST_IN_MEMORY and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return block


def _equal_ones(values: Array) -> Iterator[slice]:
    """Where neighbours are equal."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return (slice(a, b) for a, b in itertools.pairwise(edges) if b > a)
