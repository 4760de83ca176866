"""Rows of text tables, matched with the columns of the training by name, else by position."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.data.inputs.portion import Portion, Wanted
from cnntrain.data.sources.columns import (
    Columns,
    cells_of,
    data_lines,
    encoded,
    explain,
    filled,
    numeric_text,
)
from cnntrain.data.sources.csv_file import LABEL_WORDS, Csv, is_index
from cnntrain.data.sources.table import Table, first_lines, logical_lines, recognized
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.types import Array

Line = tuple[int, str]


@dataclass(frozen=True)
class Reading:
    """Which columns of a table are the inputs, in order, and which one names its rows."""

    table: Table
    features: tuple[int, ...]
    name: int | None


def row_portions(path: Path, file: Iterable[str], wanted: Wanted) -> Iterator[Portion]:
    """The samples of a table, of which only a portion is in memory at a time."""
    lines = logical_lines(path, file)
    first = first_lines(lines)
    table = _recognized(path, first, wanted)
    reading = Reading(table, _features(table, wanted), _row_names(table, wanted))
    rows = data_lines(table, (line for part in (first, lines) for line in part))
    count = 0
    while portion := list(islice(rows, wanted.at_once)):
        x, names = _arrays(portion, reading, wanted)
        ids = names or [str(count + k) for k in range(1, len(portion) + 1)]
        yield Portion(ids, x.reshape(len(x), *wanted.shape))
        count += len(portion)


def _recognized(path: Path, first: Sequence[str], wanted: Wanted) -> Table:
    source = wanted.source
    given = (source.delimiter, source.decimal) if isinstance(source, Csv) else (None, None)
    plain = recognized(path, first, *given, header=False)
    header = source.header if isinstance(source, Csv) else None
    if header is None:
        header = _has_names(plain, wanted)
    return recognized(path, first, *given, header=True) if header else plain


def _has_names(table: Table, wanted: Wanted) -> bool:
    """Whether the first row names the columns: it has known names, or is no row of numbers."""
    cells = [cell.strip() for cell in table.first[0]] if table.first else []
    known = {*wanted.schema.features, *wanted.schema.targets}
    return bool(known & set(cells)) or any(c and not table.is_number(c) for c in cells)


def _features(table: Table, wanted: Wanted) -> tuple[int, ...]:
    names = wanted.schema.features
    if not names:
        return _by_position(table, wanted)
    if table.header:
        return _by_name(table, names)
    width = len(table.names)
    if width == len(names):
        return tuple(range(width))
    if set(names) <= set(table.names):  # the training file had no header either
        return tuple(map(int, names))
    raise DataError(
        f"{table.path}: {width} columns without names, but the network takes {len(names)}: "
        f"{listed(list(names))}; give a first row with these names, or these columns alone"
    )


def _by_name(table: Table, names: Sequence[str]) -> tuple[int, ...]:
    missing = [name for name in names if name not in table.names]
    if missing:
        raise DataError(
            f"{table.path}: no column {listed([repr(name) for name in missing])}, which the "
            f"network reads; it has {listed(list(table.names))}"
        )
    return tuple(table.index(name) for name in names)


def _by_position(table: Table, wanted: Wanted) -> tuple[int, ...]:
    """The columns of a network that was not trained on a table; a label or an id is left out."""
    chosen = [k for k, name in enumerate(table.names) if not (table.header and _is_beside(name))]
    for found in (range(len(table.names)), chosen):
        if len(found) == wanted.size:
            return tuple(found)
    raise DataError(
        f"{table.path}: {len(table.names)} columns, but the network takes {wanted.size} numbers "
        f"({'x'.join(map(str, wanted.shape))}); give one column for each, in this order"
    )


def _is_beside(name: str) -> bool:
    return name.lower() in LABEL_WORDS or is_index(name)


def _row_names(table: Table, wanted: Wanted) -> int | None:
    """The column that names the rows: the first one called like an id that is not learned from."""
    learned = {*wanted.schema.features, *wanted.schema.targets}
    found = (k for k, name in enumerate(table.names) if is_index(name) and name not in learned)
    return next(found, None) if table.header else None


def _arrays(lines: Sequence[Line], reading: Reading, wanted: Wanted) -> tuple[Array, list[str]]:
    """(inputs (N, J), the names of the rows, if a column holds them)."""
    table, positions = reading.table, reading.features
    textual = [k for k in positions if table.names[k] in wanted.schema.categories]
    numeric = [k for k in positions if k not in textual]
    plain = reading.name is None and not textual and _are_plain(lines, table)
    rows = [] if plain else [(line, cells_of(table, line, text)) for line, text in lines]
    numbers = _numbers(lines, rows, reading, numeric)
    texts = {k: [filled(cells[k], table, line, k) for line, cells in rows] for k in textual}
    x = encoded(table, Columns(numbers, texts), numeric, positions, wanted.schema.categories)
    names = [] if reading.name is None else [cells[reading.name].strip() for _, cells in rows]
    return x, names


def _are_plain(lines: Sequence[Line], table: Table) -> bool:
    """Whether NumPy can read the lines as they are, and all have as many cells."""
    commas = len(table.names) - 1
    return table.decimal == "." and all(
        '"' not in text and text.count(table.delimiter) == commas for _, text in lines
    )


def _numbers(
    lines: Sequence[Line], rows: list[tuple[int, list[str]]], reading: Reading, numeric: list[int]
) -> Array:
    table = reading.table
    if not numeric:
        return np.empty((len(lines), 0))
    options: dict[str, Any] = {"delimiter": table.delimiter, "usecols": numeric}
    texts: Iterable[str] = (text for _, text in lines)
    if rows:
        texts, options = numeric_text(iter(rows), numeric, table.decimal), {"delimiter": "\t"}
    try:
        numbers: Array = np.loadtxt(texts, np.float64, comments=None, ndmin=2, **options)
    except (ValueError, OverflowError):
        numbers = np.full(1, np.nan)
    if not np.isfinite(numbers).all():
        explain(table, numeric, ((line, cells_of(table, line, text)) for line, text in lines))
    return numbers
