"""CIFAR-10 and CIFAR-100 in their binary format.

Each record holds the label (CIFAR-100: coarse, then fine label), then 1024 red, 1024 green and 1024
blue bytes, row by row (Krizhevsky 2009, "Learning multiple layers of features from tiny
images"; file layout from the data set's page).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source, checked_labels, joined, readable
from cnntrain.errors import DataError
from cnntrain.types import Array, Shape

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

Files = Annotated[tuple[str, ...], MinLen(1)]


def read_cifar(path: Path, label_bytes: int) -> tuple[Array, Array]:
    """(labels (N, label_bytes), images (N, 3, 32, 32)), mapped into memory, not read."""
    record = label_bytes + PIXELS
    with readable(path):
        size = path.stat().st_size
        if size == 0 or size % record:
            raise DataError(
                f"{path}: {size} bytes are not a whole number of records of {record} bytes; "
                "the file is truncated or not in CIFAR's binary format"
            )
        records = np.memmap(path, np.uint8, mode="r", shape=(size // record, record))
    return records[:, :label_bytes], records[:, label_bytes:].reshape(-1, *SHAPE)


@dataclass(frozen=True, kw_only=True)
class Cifar(Source):
    """Base: ``train``, ``test`` and ``val``, each a list of files."""

    train: Files
    test: tuple[str, ...] = ()
    val: tuple[str, ...] = ()

    label_bytes: ClassVar[int] = 1

    def sample_shape(self, find: Find) -> Shape:
        return SHAPE

    def _dataset(self, find: Find, column: int, classes: tuple[str, ...]) -> Dataset:
        """``column`` is the position of the label in a record."""
        train = self._read(self.train, find, column, len(classes))
        test, val = (
            self._read(names, find, column, len(classes)) if names else None
            for names in (self.test, self.val)
        )
        return Dataset(train, test, classes, val)

    def _read(self, names: Sequence[str], find: Find, column: int, classes: int) -> Split:
        splits = []
        for name in names:
            path = find(name)
            labels, images = read_cifar(path, self.label_bytes)
            chosen = labels[:, column].astype(np.int64)
            splits.append(Split(images, checked_labels(chosen, classes, str(path))))
        return joined(splits)


@dataclass(frozen=True, kw_only=True)
class Cifar10(Cifar, kind="cifar10"):
    """CIFAR-10 in its binary files.

    Options: ``train``, ``test`` and ``val``, lists of files: ``cifar10/data_batch_1.bin``, ...
    Samples (3, 32, 32), values 0..255, ten classes.
    """

    def load(self, find: Find, seed: int) -> Dataset:
        return self._dataset(find, 0, CIFAR10_CLASSES)


@dataclass(frozen=True, kw_only=True)
class Cifar100(Cifar, kind="cifar100"):
    """CIFAR-100 in its binary files.

    Options: ``train``, ``test`` and ``val``, lists of files: ``cifar100/train.bin``; ``labels``:
    ``fine`` (100 classes) or ``coarse`` (20). Samples (3, 32, 32), values 0..255.
    """

    labels: Literal["fine", "coarse"] = "fine"

    label_bytes: ClassVar[int] = 2

    def load(self, find: Find, seed: int) -> Dataset:
        column, classes = (1, 100) if self.labels == "fine" else (0, 20)
        return self._dataset(find, column, tuple(str(k) for k in range(classes)))
