"""Parquet files; needs pyarrow (extra ``parquet``). Row groups are read when they are needed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np

from cnntrain.data.by_index import Blocks, Identity, check_unchanged, identity_of, stored, viewed
from cnntrain.data.dataset import Schema
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Part
from cnntrain.data.sources.csv_file import LABEL_WORDS
from cnntrain.data.sources.numpy_files import ArraySource
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.types import Array, Count, Shape


def pyarrow_parquet() -> ModuleType:
    """The reader of pyarrow; raises a ``DataError`` that explains how to install it."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            "reading Parquet needs pyarrow; install it with: pip install 'cnntrain[parquet]'"
        ) from None
    found: ModuleType = parquet
    return found


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises into a ``DataError`` that names the file."""
    try:
        yield
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable Parquet file ({reason})") from None


@dataclass(frozen=True)
class Tables:
    """The row groups of one file, or of all files of a folder, one after the other."""

    path: Path

    @cached_property
    def files(self) -> list[tuple[Path, Identity]]:
        """Every file, as it is now."""
        paths = sorted(self.path.glob("*.parquet")) if self.path.is_dir() else [self.path]
        if not paths:
            raise DataError(f"{self.path}: no .parquet files in this folder")
        return [(path, identity_of(path.stat())) for path in paths]

    @cached_property
    def groups(self) -> list[tuple[int, int, int]]:
        """(file, row group, rows) of all that have rows."""
        found = []
        for k, (path, _) in enumerate(self.files):
            about = self._opened(path).metadata
            sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
            found += [(k, group, size) for group, size in enumerate(sizes) if size]
        if not found:
            raise DataError(f"{self.path}: holds no rows")
        return found

    @cached_property
    def names(self) -> list[str]:
        """Of the columns, in order."""
        names: list[str] = self._opened(self.files[0][0]).schema_arrow.names
        return names

    def _opened(self, path: Path) -> Any:
        with _readable(path):
            return pyarrow_parquet().ParquetFile(path)

    def block(self, k: int, columns: Sequence[str]) -> Array:
        """The columns of the k-th row group side by side: (rows, numbers)."""
        file, group, _ = self.groups[k]
        path, known = self.files[file]
        check_unchanged(path, known)
        with _readable(path), self._opened(path) as opened:
            table = opened.read_row_group(group, columns=list(columns))
            parts = [_numbers(table.column(name), f"{path}: {name!r}") for name in columns]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _numbers(column: Any, where: str) -> Array:
    """A column as (rows, 1), or (rows, length) if each of its cells is a list."""
    if column.null_count:
        raise DataError(f"{where}: {column.null_count} cells are empty; fill or remove them")
    rows, cells = len(column), column.combine_chunks()
    if hasattr(cells, "flatten") and hasattr(cells.type, "value_type"):
        cells = cells.flatten()
    found: Array = cells.to_numpy(zero_copy_only=False)
    if not rows or len(found) % rows:
        raise DataError(f"{where}: its lists differ in length; make them equally long")
    if found.dtype.kind == "O":
        found = found.astype(np.str_)
    return found.reshape(rows, -1)


@dataclass(frozen=True, kw_only=True)
class Parquet(ArraySource, kind="parquet"):
    """Parquet files: one sample per row; needs pyarrow (extra ``parquet``).

    Options: ``train``, ``test`` and ``val``, each a file or a folder of ``.parquet`` files, which
    follow one another in the order of their names; ``label``, the column of the class (by default
    the one called label, class, target or y), or ``targets``, the columns of a regression;
    ``features``, the columns to learn from, numbers or lists of numbers (by default all others);
    ``shape``, such as [1, 28, 28], of the image that they form; ``class_names``, as for npz.

    Of more than 256 MiB of inputs the row groups last used stay in memory: small groups suit best.
    """

    train: str
    test: str | None = None
    val: str | None = None
    label: str | None = None
    targets: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    shape: tuple[Count, ...] | None = None

    def __post_init__(self) -> None:
        if self.label is not None and self.targets:
            raise ValueError("'label' is for classification, 'targets' for regression; choose one")

    def sample_shape(self, find: Find) -> Shape:
        if self.shape is not None:
            return self.shape
        tables = Tables(find(self.train))
        return tables.block(0, self._features(tables)).shape[1:]

    def evaluated_on(self, path: str) -> Self:
        return replace(self, test=path)

    def read(self, given: str, find: Find, schema: Schema | None) -> Part:
        tables = Tables(find(given))
        features = schema.features if schema and schema.features else self._features(tables)
        answers = self._answers(tables)
        blocks = range(len(tables.groups))
        y = np.concatenate([tables.block(k, answers) for k in blocks])
        if y.shape[1] == 1 and not self.targets:
            y = y[:, 0]
        elif y.dtype.kind in "biu":
            y = y.astype(np.float64)
        part = self.part(self._inputs(tables, features), y, str(tables.path), schema)
        return replace(part, schema=replace(part.schema, features=features, targets=answers))

    def _inputs(self, tables: Tables, features: Sequence[str]) -> Any:
        first = tables.block(0, features)
        if first.dtype.kind not in "biuf":
            raise DataError(f"{tables.path}: {listed(features)}: inputs must be numbers")
        ends = np.cumsum([rows for _, _, rows in tables.groups])
        sample, shape = first.shape[1:], self.shape or first.shape[1:]
        if np.prod(shape) != sample[0]:
            raise DataError(f"{tables.path}: {sample[0]} numbers per row do not form {shape}")

        def block(k: int) -> Array:
            found = tables.block(k, features)
            if found.shape[1:] != sample:
                raise DataError(
                    f"{tables.path}: {found.shape[1]} numbers per row, but {sample[0]} at first"
                )
            return found

        found = stored(Blocks(ends, sample, first.dtype, block))
        return viewed(found, lambda x: x.reshape(len(x), *shape))

    def _answers(self, tables: Tables) -> tuple[str, ...]:
        """The columns of the label or the targets."""
        usual = [name for name in tables.names if name.lower() in LABEL_WORDS]
        wanted = self.targets or ((self.label,) if self.label else tuple(usual[:1]))
        return self._known(wanted, tables, "label")

    def _features(self, tables: Tables) -> tuple[str, ...]:
        answers = self._answers(tables)
        others = tuple(name for name in tables.names if name not in answers)
        return self._known(self.features or others, tables, "features")

    def _known(self, names: tuple[str, ...], tables: Tables, option: str) -> tuple[str, ...]:
        unknown = [name for name in names if name not in tables.names]
        if unknown or not names:
            what = f"has no column {unknown[0]!r}" if unknown else f"name a column with {option!r}"
            raise DataError(f"{tables.path}: {what}; it has {listed(tables.names)}")
        return names
