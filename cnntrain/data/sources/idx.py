"""IDX files, the format of MNIST: raw (memory-mapped) or gzip-compressed.

Layout (LeCun, "The MNIST database"): two zero bytes, a type code (8 = unsigned byte), the number
of axes, one big-endian 32-bit length per axis, then the data, last axis fastest.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import numpy as np
from annotated_types import Ge, Le

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source, check_expansion, checked_labels
from cnntrain.errors import DataError
from cnntrain.registry import Spec
from cnntrain.types import Array, Shape

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"
PORTION = 1 << 20  # bytes decompressed at a time, because a header may declare too much


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the file for reading, decompressed; any defect is raised as a DataError."""
    try:
        with path.open("rb") as raw:
            compressed = _is_compressed(path)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if compressed else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: corrupt gzip file ({error}); download it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as raw:
        return raw.read(2) == GZIP_MAGIC


def _read_header(file: BinaryIO, path: Path) -> tuple[Shape, int]:
    """(shape, header bytes)."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file (it starts with {start.hex(' ') or 'nothing'})")
    code, axes = start[2], start[3]
    if code != UNSIGNED_BYTE:
        raise DataError(f"{path}: IDX type code 0x{code:02x}; only unsigned bytes (0x08) are read")
    if not 1 <= axes <= 4:
        raise DataError(f"{path}: declares {axes} axes; images have 3 or 4, labels 1")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise DataError(f"{path}: truncated IDX header; download it again")
    return struct.unpack(f">{axes}I", lengths), 4 + 4 * axes


def read_shape(path: Path) -> Shape:
    """The shape declared by an IDX file."""
    with _opened(path) as file:
        return _read_header(file, path)[0]


def read_idx(path: Path) -> Array:
    """The array of an IDX file: memory-mapped if the file is raw, in memory if compressed."""
    with _opened(path) as file:
        shape, start = _read_header(file, path)
        size = math.prod(shape)
        if size == 0:
            raise DataError(f"{path}: declares no data (shape {shape})")
        if not _is_compressed(path):
            _check_size(path, path.stat().st_size - start, size)
            return np.memmap(path, np.uint8, mode="r", offset=start, shape=shape)
        check_expansion(path, size, path.stat().st_size, labels=len(shape) == 1)
        content = bytearray()
        while len(content) <= size and (portion := file.read(PORTION)):
            content += portion
        _check_size(path, len(content), size)
        return np.frombuffer(content, np.uint8).reshape(shape)


def _check_size(path: Path, found: int, declared: int) -> None:
    if found != declared:
        word = "more" if found > declared else "fewer"
        raise DataError(
            f"{path}: contains {word} bytes than its header declares ({declared}); "
            "download it again"
        )


@dataclass(frozen=True, kw_only=True)
class IdxPair(Spec):
    """The two files of one split."""

    images: str
    labels: str


@dataclass(frozen=True, kw_only=True)
class Idx(Source, kind="idx"):
    """The file format of MNIST and similar data sets.

    Options: ``train``, ``test`` and ``val``, each ``{images: FILE, labels: FILE}``; ``classes``.

    Images (N, H, W) become samples (1, H, W); (N, C, H, W) stay. Labels are 0..classes-1.
    """

    train: IdxPair
    test: IdxPair | None = None
    val: IdxPair | None = None
    classes: Annotated[int, Ge(1), Le(256)] = 10  # a label is one byte

    def sample_shape(self, find: Find) -> Shape:
        return _with_channel(read_shape(find(self.train.images)))

    def load(self, find: Find, seed: int) -> Dataset:
        train = self._read(self.train, find)
        test, val = (self._read(pair, find) if pair else None for pair in (self.test, self.val))
        for name, split in (("test", test), ("validation", val)):
            if split and split.sample_shape != train.sample_shape:
                raise DataError(
                    f"{name} samples have shape {split.sample_shape}, "
                    f"training samples {train.sample_shape}"
                )
        return Dataset(train, test, tuple(str(k) for k in range(self.classes)), val)

    def _read(self, pair: IdxPair, find: Find) -> Split:
        images_path, labels_path = find(pair.images), find(pair.labels)
        images, labels = read_idx(images_path), read_idx(labels_path)
        if labels.ndim != 1 or images.ndim not in (3, 4):
            raise DataError(
                f"{images_path}: expected images (N, H, W) and labels (N,), but found shapes "
                f"{images.shape} and {labels.shape}; are 'images' and 'labels' swapped?"
            )
        if len(images) != len(labels):
            raise DataError(f"{images_path}: {len(images)} images, but {len(labels)} labels")
        x = images.reshape(len(images), *_with_channel(images.shape))
        return Split(x, checked_labels(labels.astype(np.int64), self.classes, str(labels_path)))


def _with_channel(shape: Shape) -> Shape:
    return (1, *shape[1:]) if len(shape) == 3 else shape[1:]
