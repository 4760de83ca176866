"""Comma-separated text: one sample per line, features in columns."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import MaxLen, MinLen

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source, readable
from cnntrain.errors import DataError
from cnntrain.registry import did_you_mean
from cnntrain.types import Shape

Column = str | int


@dataclass(frozen=True)
class Table:
    """A file as text: its column names, and each row with its first line number."""

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def index(self, column: Column) -> int:
        """Index of a column given by name, or by number from 0 (negative: from the end)."""
        if isinstance(column, int):
            if not -len(self.names) <= column < len(self.names):
                raise DataError(f"{self.path}: no column {column}; the file has {len(self.names)}")
            return column % len(self.names)
        if column not in self.names:
            raise DataError(f"{self.path}: no column {column!r}{did_you_mean(column, self.names)}")
        return self.names.index(column)


def read_table(path: Path, delimiter: str, header: bool) -> Table:
    """Read a file and check that all rows have the same length and no cell is empty."""
    with readable(path):
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
                lines: list[tuple[int, tuple[str, ...]]] = []
                start = 1  # a quoted cell may span several lines
                for cells in reader:
                    lines += [(start, tuple(cells))] if cells else []
                    start = reader.line_num + 1
        except UnicodeDecodeError:
            raise DataError(f"{path}: not UTF-8 text; save it as UTF-8") from None
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: {error}") from None
    if len(lines) < (2 if header else 1):
        raise DataError(f"{path}: contains no data rows")
    names = lines[0][1] if header else tuple(str(k) for k in range(len(lines[0][1])))
    rows = tuple(lines[1:] if header else lines)
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(f"{path}:{line}: {len(row)} cells, but the first row has {len(names)}")
        for name, cell in zip(names, row, strict=True):
            if not cell.strip():
                raise DataError(f"{path}:{line}: column {name!r} is empty; fill it or drop the row")
    return Table(path, tuple(name.strip() for name in names), rows)


def number(cell: str, table: Table, line: int, column: int) -> float:
    """A cell as a finite number; raises a ``DataError`` that names line and column."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        comma = " (use a decimal point)" if "," in cell else ""
        raise DataError(
            f"{table.path}:{line}: column {table.names[column]!r} holds {cell[:30]!r}, "
            f"which is not a finite number{comma}"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class Csv(Source, kind="csv"):
    """Text files with one sample per line.

    Options: ``train``, ``test`` and ``val``, names of files; ``label``, the column of the class,
    by name or number (default: the last), or ``targets``, a list of columns for regression;
    ``ignore``, a list of columns to skip; ``header`` (true), ``delimiter`` (",").

    Classes are the sorted distinct labels of the training file, numbers in numerical order.
    """

    train: str
    test: str | None = None
    val: str | None = None
    label: Column | None = None
    targets: tuple[Column, ...] = ()
    ignore: tuple[Column, ...] = ()
    header: bool = True
    delimiter: Annotated[str, MinLen(1), MaxLen(1)] = ","

    def __post_init__(self) -> None:
        if self.label is not None and self.targets:
            raise ValueError("'label' is for classification, 'targets' for regression; choose one")

    def sample_shape(self, find: Find) -> Shape:
        table = self._table(self.train, find)
        return (len(self._features(table)),)

    def load(self, find: Find, seed: int) -> Dataset:
        tables = [
            self._table(name, find) if name else None for name in (self.train, self.test, self.val)
        ]
        first, *others = tables
        assert first is not None
        for table in others:
            if table is not None and table.names != first.names:
                raise DataError(f"{table.path}: its columns differ from those of {first.path}")
        classes = None if self.targets else self._classes(first)
        train = self._split(first, classes)
        test, val = (None if table is None else self._split(table, classes) for table in others)
        return Dataset(train, test, classes, val)

    def _table(self, name: str, find: Find) -> Table:
        return read_table(find(name), self.delimiter, self.header)

    def _answers(self, table: Table) -> list[int]:
        """The columns to predict."""
        if self.targets:
            return [table.index(column) for column in self.targets]
        return [table.index(-1 if self.label is None else self.label)]

    def _features(self, table: Table) -> list[int]:
        left_out = {*self._answers(table), *(table.index(column) for column in self.ignore)}
        features = [k for k in range(len(table.names)) if k not in left_out]
        if not features:
            raise DataError(f"{table.path}: no feature column remains; shorten 'ignore'")
        return features

    def _classes(self, table: Table) -> tuple[str, ...]:
        (column,) = self._answers(table)
        found = {row[column].strip() for _, row in table.rows}
        if len(found) < 2:
            raise DataError(f"{table.path}: {table.names[column]!r} contains only one class")
        return tuple(sorted(found, key=_numbers_first))

    def _split(self, table: Table, classes: Sequence[str] | None) -> Split:
        features, answers = self._features(table), self._answers(table)
        x = np.array(
            [[number(row[k], table, line, k) for k in features] for line, row in table.rows]
        )
        if classes is None:
            y = [[number(row[k], table, line, k) for k in answers] for line, row in table.rows]
            return Split(x, np.array(y))
        places = {label: k for k, label in enumerate(classes)}
        labels = [
            self._label(row[answers[0]].strip(), places, table, line) for line, row in table.rows
        ]
        return Split(x, np.array(labels, np.int64))

    @staticmethod
    def _label(text: str, places: dict[str, int], table: Table, line: int) -> int:
        if text not in places:
            raise DataError(f"{table.path}:{line}: class {text!r} is not in the training file")
        return places[text]


def _numbers_first(label: str) -> tuple[bool, float, str]:
    try:
        return (False, float(label), label)
    except ValueError:
        return (True, 0.0, label)
