"""The source interface: named splits of samples with labels or targets, sample axis first."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from cnntrain.data.dataset import Dataset, Schema, Split
from cnntrain.data.labels import to_codes
from cnntrain.data.locate import Find
from cnntrain.errors import ConfigError, DataError
from cnntrain.registry import Registered
from cnntrain.types import Array, Shape

ALWAYS_UNPACKED = 4 << 20  # bytes; beyond that, the limit is this multiple of the compressed size:
MOST_EXPANSION = 20  # (MNIST: 5)
MOST_EXPANSION_OF_LABELS = 4
SPLITS = ("train", "test", "val")


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


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an OSError into a DataError that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


@dataclass(frozen=True)
class Part:
    """What was read for one split, what its numbers mean, and in words how it was read."""

    split: Split
    schema: Schema
    notes: tuple[str, ...] = ()


class Source(Registered, family="data source"):
    """Base of all data sources; their options are given in the config's ``data:`` section."""

    arithmetic: ClassVar[tuple[str, ...]] = ("load",)

    def place(self, split: str, row: int) -> str:
        """Where sample ``row`` (from 0) of a split is found: its file and row, if there is one."""
        file = getattr(self, split, None)
        if not isinstance(file, str):
            return f"{split} sample {row}"
        return f"{file}, sample {row}"

    def sample_shape(self, find: Find) -> Shape:
        """Shape of one sample, from headers alone, before any data is read."""
        raise NotImplementedError

    def load(self, find: Find, seed: int) -> Dataset:
        """Read the data; ``DataError`` if a file is missing, broken or inconsistent."""
        raise NotImplementedError

    def load_as(
        self, schema: Schema, find: Find, seed: int, wanted: Sequence[str] = SPLITS
    ) -> dict[str, Part]:
        """The wanted splits that there are, for a network trained with ``schema``.

        Labels are matched by the names of their classes.
        """
        dataset = self.load(find, seed)
        found: dict[str, Split | None] = {name: getattr(dataset, name) for name in wanted}
        return {
            name: Part(
                in_terms_of(schema, split, dataset.classes, self.kind), schema, dataset.notes
            )
            for name, split in found.items()
            if split is not None
        }

    def own_splits(self, find: Find) -> Sequence[str]:
        """Splits that can be read alone, without the training data."""
        return ()

    def evaluated_on(self, path: str) -> Self:
        """The same source with the file or folder ``path`` as its test split."""
        raise ConfigError(
            f"--data names one file or folder, but the source {self.kind!r} needs more; give its "
            "options with --set data.test=..."
        )


class FileSource(Source):
    """A source with options ``train``, ``test`` and ``val`` that name files or folders."""

    arithmetic: ClassVar[tuple[str, ...]] = ("read",)

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        """The samples of one option; ``schema``: of the training data, None for that itself."""
        raise NotImplementedError

    def load(self, find: Find, seed: int) -> Dataset:
        given = self.parts(find)
        train = self.read(given["train"], find, None)
        others = {
            name: self.read(given[name], find, train.schema)
            for name in ("test", "val")
            if given[name]
        }
        for name, part in others.items():
            check_shapes(name, part.split, train.split)
        notes = [note for part in (train, *others.values()) for note in part.notes]
        test, val = (others[name].split if name in others else None for name in ("test", "val"))
        classes = train.schema.classes
        return Dataset(train.split, test, classes, val, train.schema, tuple(notes))

    def parts(self, find: Find) -> dict[str, Any]:
        """What ``train``, ``test`` and ``val`` stand for."""
        return {name: getattr(self, name) for name in SPLITS}

    def own_splits(self, find: Find) -> Sequence[str]:
        return [name for name, given in self.parts(find).items() if given]

    def load_as(
        self, schema: Schema, find: Find, seed: int, wanted: Sequence[str] = SPLITS
    ) -> dict[str, Part]:
        given = self.parts(find)
        return {name: self.read(given[name], find, schema) for name in wanted if given[name]}


def check_shapes(name: str, split: Split, train: Split) -> None:
    """Samples of all splits must have one shape."""
    if split.sample_shape != train.sample_shape:
        raise DataError(
            f"{name} samples have shape {split.sample_shape}, training samples {train.sample_shape}"
        )


def in_terms_of(schema: Schema, split: Split, classes: tuple[str, ...] | None, where: str) -> Split:
    """The split with its labels numbered as in ``schema``, matched by the names of the classes."""
    if classes == schema.classes or classes is None or split.y.ndim != 1:
        return split
    if schema.classes is None:
        raise DataError(
            f"{where}: holds classes, but the network was trained on real-valued targets"
        )
    return replace(split, y=to_codes(np.array(classes)[split.y], schema.classes, where))
