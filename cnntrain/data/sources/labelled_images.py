"""Image files in one folder, with a table of their names and labels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from cnntrain.data.dataset import Schema, Split
from cnntrain.data.labels import sorted_classes, to_codes
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import FileSource, Part
from cnntrain.data.sources.columns import read_columns
from cnntrain.data.sources.folder import SUFFIXES, images_by_index, read_image
from cnntrain.data.sources.table import Column, Table, open_table
from cnntrain.errors import DataError
from cnntrain.registry import Spec
from cnntrain.text import counted
from cnntrain.types import Count, Shape


@dataclass(frozen=True, kw_only=True)
class ImageTable(Spec):
    """The two places of one split."""

    images: str
    labels: str


@dataclass(frozen=True, kw_only=True)
class LabelledImages(FileSource, kind="labelled_images"):
    """Image files in one folder, with a table of their names and labels.

    Options: ``train``, ``test`` and ``val``, each ``{images: FOLDER, labels: FILE.csv}``; ``file``
    and ``label``, the columns of the table by name or number (0 and 1); ``suffix``, appended to
    the names in the table where they have none; ``mode``: rgb or gray; ``size``: [height, width].

    Samples (C, H, W), values 0..255. Classes are the sorted distinct labels of the training table.
    """

    train: ImageTable
    test: ImageTable | None = None
    val: ImageTable | None = None
    file: Column = 0
    label: Column = 1
    suffix: str = ""
    mode: Literal["rgb", "gray"] = "rgb"
    size: tuple[Count, Count] | None = None

    def sample_shape(self, find: Find) -> Shape:
        if self.size is not None:
            return (3 if self.mode == "rgb" else 1, *self.size)
        table = self._table(self.train, find)
        first = table.first[0][table.index(self.file)]
        return read_image(self._path(self.train, first, find), self.mode, None).shape

    def evaluated_on(self, path: str) -> Self:
        tables = sorted(Path(path).glob("*.csv")) if Path(path).is_dir() else []
        if len(tables) != 1:
            raise DataError(f"{path}: name a folder with images and one table of labels (.csv)")
        return replace(self, test=ImageTable(images=path, labels=str(tables[0])))

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        table = self._table(given, find)
        columns = table.index(self.file), table.index(self.label)
        texts = read_columns(table, (), columns).texts
        names, labels = texts[columns[0]], np.array(texts[columns[1]])
        where = str(table.path)
        classes = sorted_classes(labels, where) if schema is None else schema.classes or ()
        if len(classes) < 2:
            raise DataError(f"{where}: one class only; there must be at least two")
        paths = [self._path(given, name, find) for name in names]
        images = images_by_index(paths, self.mode, self.size)
        split = Split(images, to_codes(labels, classes, where))
        folder = find(given.images)
        more = sum(path.suffix.lower() in SUFFIXES for path in folder.iterdir()) - len(set(names))
        note = f"{where}: {counted(len(names), 'image')} of {folder}"
        note += f"; {more} images of the folder are not in the table" if more > 0 else ""
        return Part(split, schema or Schema(classes), (note,))

    def _table(self, given: ImageTable, find: Find) -> Table:
        return open_table(find(given.labels), None, None, None)

    def _path(self, given: ImageTable, name: str, find: Find) -> Path:
        plain = name if Path(name).suffix else f"{name}{self.suffix}"
        path = find(given.images) / plain
        if Path(plain).is_absolute() or ".." in Path(plain).parts or not path.is_file():
            raise DataError(f"{path}: no such image, but {given.labels} names it")
        return path
