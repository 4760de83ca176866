"""CIFAR-10 and CIFAR-100 in their binary format.

Each record holds the label (CIFAR-100: coarse, then fine label), then 1024 red, 1024 green and 1024
blue bytes, row by row (Krizhevsky 2009, "Learning multiple layers of features from tiny
images"; file layout from the data set's page).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import MinLen

from cnntrain.data.by_index import FileRows, RowFile, Stored, stored, viewed
from cnntrain.data.dataset import Schema, Split, portions
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import (
    FileSource,
    Part,
    checked_labels,
    in_terms_of,
    readable,
)
from cnntrain.errors import DataError
from cnntrain.types import Array, Shape

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

CIFAR100_FINE = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip
CIFAR100_COARSE = (
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people",
    "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2",
)  # fmt: skip

Files = Annotated[tuple[str, ...], MinLen(1)]


def records_of(path: Path, length: int) -> RowFile:
    """Where the records of a file are, each ``length`` bytes long."""
    with readable(path):
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(2)
        if start[:1] == b"\x80" and start[1:] in (b"\x02", b"\x03", b"\x04", b"\x05"):
            raise DataError(
                f"{path}: the Python version of CIFAR (a pickle, which is not read because it can "
                "run code); download the binary version: cifar-10-binary.tar.gz (or cifar-100-...)"
            )
        if size == 0 or size % length:
            raise DataError(
                f"{path}: {size} bytes are not a whole number of records of {length} bytes; "
                "the file is truncated or not in CIFAR's binary format"
            )
        return RowFile.at(path, 0, size // length)


def read_cifar(files: Sequence[RowFile], label_bytes: int) -> tuple[Array, Stored]:
    """(labels (N, label_bytes), images (N, 3, 32, 32)) of some files together."""
    kind = np.dtype(np.uint8)
    records = stored(FileRows(files, (label_bytes + PIXELS,), kind))
    labels = np.concatenate([part[:, :label_bytes].copy() for part in portions(records)])
    return labels, viewed(records, lambda found: _images(found, label_bytes))


def _images(records: Array, label_bytes: int) -> Array:
    return np.ascontiguousarray(records[:, label_bytes:]).reshape(-1, *SHAPE)


@dataclass(frozen=True, kw_only=True)
class Cifar(FileSource):
    """Base: ``train``, ``test`` and ``val``, each a list of files."""

    train: Files
    test: tuple[str, ...] = ()
    val: tuple[str, ...] = ()

    label_bytes: ClassVar[int] = 1

    def sample_shape(self, find: Find) -> Shape:
        return SHAPE

    def label_column(self) -> int:
        """The place of the label in a record."""
        return 0

    def names(self) -> tuple[str, ...]:
        """The classes in the order of their labels."""
        raise NotImplementedError

    def evaluated_on(self, path: str) -> Self:
        return replace(self, test=(path,))

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        names = self.names()
        files = [records_of(find(name), self.label_bytes + PIXELS) for name in given]
        labels, images = read_cifar(files, self.label_bytes)
        ends = np.cumsum([file.rows for file in files])
        of_files = np.split(labels[:, self.label_column()].astype(np.int64), ends[:-1])
        y = [
            checked_labels(found, len(names), str(file.path))
            for file, found in zip(files, of_files, strict=True)
        ]
        notes = tuple(f"{file.path}: {file.rows:,} images 3x32x32" for file in files)
        part = Part(Split(images, np.concatenate(y)), Schema(names), notes)
        if schema is None:
            return part
        return replace(part, split=in_terms_of(schema, part.split, names, self.kind), schema=schema)


@dataclass(frozen=True, kw_only=True)
class Cifar10(Cifar, kind="cifar10"):
    """CIFAR-10 in its binary files.

    Options: ``train``, ``test`` and ``val``, lists of files: ``cifar10/data_batch_1.bin``, ...
    Samples (3, 32, 32), values 0..255, ten classes with their official names.
    """

    def names(self) -> tuple[str, ...]:
        return CIFAR10_CLASSES


@dataclass(frozen=True, kw_only=True)
class Cifar100(Cifar, kind="cifar100"):
    """CIFAR-100 in its binary files.

    Options: ``train``, ``test`` and ``val``, lists of files: ``cifar100/train.bin``; ``labels``:
    ``fine`` (100 classes) or ``coarse`` (20). Samples (3, 32, 32), values 0..255; the classes have
    their official names.
    """

    labels: Literal["fine", "coarse"] = "fine"

    label_bytes: ClassVar[int] = 2

    def label_column(self) -> int:
        return 1 if self.labels == "fine" else 0

    def names(self) -> tuple[str, ...]:
        return CIFAR100_FINE if self.labels == "fine" else CIFAR100_COARSE
