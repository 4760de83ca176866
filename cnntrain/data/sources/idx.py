"""IDX files, the format of MNIST: raw (read by index where it is large) or gzip-compressed.

Layout (LeCun, "The MNIST database"): two zero bytes, a type code (8 = unsigned byte), the number
of axes, one big-endian 32-bit length per axis, then the data, last axis fastest.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO, cast

import numpy as np
from annotated_types import Ge, Le

from cnntrain.data.by_index import FileRows, RowFile, Stored, in_memory, stored, viewed
from cnntrain.data.dataset import Schema, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import FileSource, Part, check_expansion, in_terms_of
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


def read_header(file: IO[bytes], path: Path) -> tuple[Shape, int]:
    """(shape, header bytes) of an IDX file, which is read up to its data."""
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
        return read_header(file, path)[0]


def read_idx(path: Path) -> Stored:
    """The array of an IDX file; a large one that is not compressed stays on disk."""
    with _opened(path) as file:
        shape, start = read_header(file, path)
        size = math.prod(shape)
        if size == 0:
            raise DataError(f"{path}: declares no data (shape {shape})")
        if not _is_compressed(path):
            _check_size(path, path.stat().st_size - start, size)
            rows = RowFile.at(path, start, shape[0])
            return stored(FileRows([rows], shape[1:], np.dtype(np.uint8)))
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


FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip  # Xiao, Rasul & Vollgraf 2017, table 2


@dataclass(frozen=True, kw_only=True)
class Idx(FileSource, kind="idx"):
    """The file format of MNIST and similar data sets.

    Options: ``train``, ``test`` and ``val``, each ``{images: FILE, labels: FILE}``; ``classes``,
    their number (10), or ``class_names``; ``label_offset``, the smallest label (1 for the letters
    of EMNIST); ``transpose``: rows and columns are exchanged (EMNIST stores columns first).

    Images (N, H, W) become samples (1, H, W); (N, C, H, W) stay. Ten classes in a folder or file
    called fashion have the names of Fashion-MNIST.
    """

    train: IdxPair
    test: IdxPair | None = None
    val: IdxPair | None = None
    classes: Annotated[int, Ge(1), Le(256)] | None = None  # a label is one byte
    class_names: tuple[str, ...] = ()
    label_offset: Annotated[int, Ge(0), Le(255)] = 0
    transpose: bool = False

    def __post_init__(self) -> None:
        if self.class_names and self.classes not in (None, len(self.class_names)):
            raise ValueError(f"{len(self.class_names)} 'class_names', but {self.classes} 'classes'")

    def sample_shape(self, find: Find) -> Shape:
        shape = read_shape(find(self.train.images))
        if len(shape) == 1:
            shape = read_shape(find(self.train.labels))  # swapped: ``read`` says so
        channels, *size = _with_channel(shape)
        return (channels, *(reversed(size) if self.transpose else size))

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        images_path, labels_path = find(given.images), find(given.labels)
        if len(read_shape(images_path)) == 1 and len(read_shape(labels_path)) > 1:
            raise DataError(
                f"{images_path}: holds labels, and {labels_path} images: 'images' and 'labels' are "
                "swapped; exchange them"
            )
        images, labels = read_idx(images_path), in_memory(read_idx(labels_path))
        if labels.ndim != 1 or len(images.shape) not in (3, 4):
            raise DataError(
                f"{images_path}: expected images (N, H, W) and labels (N,), but found shapes "
                f"{images.shape} and {labels.shape}"
            )
        if len(images) != len(labels):
            raise DataError(f"{images_path}: {len(images)} images, but {len(labels)} labels")
        x = viewed(images, self._as_samples)
        names = self._names(str(images_path))
        y = self._checked(labels, len(names), labels_path)
        note = f"{images_path}, {labels_path}: images {'x'.join(map(str, x.shape))}"
        part = Part(Split(x, y), Schema(names), (note,))
        if schema is None:
            return part
        where = str(labels_path)
        return replace(part, split=in_terms_of(schema, part.split, names, where), schema=schema)

    def _as_samples(self, images: Array) -> Array:
        x = images.reshape(len(images), *_with_channel(images.shape))
        return x.swapaxes(-1, -2) if self.transpose else x

    def _names(self, path: str) -> tuple[str, ...]:
        if self.class_names:
            return self.class_names
        count = self.classes or 10
        if count == len(FASHION) and "fashion" in path.lower():
            return FASHION
        return tuple(str(k) for k in range(self.label_offset, self.label_offset + count))

    def _checked(self, labels: Array, classes: int, path: Path) -> Array:
        lowest, highest = int(labels.min()), int(labels.max())
        first, last = self.label_offset, self.label_offset + classes - 1
        if first <= lowest and highest <= last:
            return labels.astype(np.int64) - first
        found = highest - lowest + 1
        raise DataError(
            f"{path}: labels {lowest}..{highest} are not in {first}..{last}; say "
            f"'classes: {found}'" + (f" and 'label_offset: {lowest}'" if lowest else "")
        )


def _with_channel(shape: Shape) -> Shape:
    return (1, *shape[1:]) if len(shape) == 3 else shape[1:]
