"""Columns of text tables: numbers by NumPy's C reader, texts by a pass over the lines."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnntrain.data.labels import to_codes
from cnntrain.data.sources.base import readable
from cnntrain.data.sources.table import (
    DECIMAL_COMMA,
    THOUSANDS,
    Table,
    is_packed,
    logical_lines,
    opened,
)
from cnntrain.errors import DataError
from cnntrain.types import Array

EXACT_BYTES = 32 << 20  # up to this size in float64, larger tables in float32
ROWS_AT_ONCE = 4096
LARGE, NARROW = 2**12, 2**-10  # numbers so far from 0, in so small a range, need float64

Rows = Iterator[tuple[int, list[str]]]


def rows_of(table: Table) -> Rows:
    """(line number, cells) of every row, without the header; all rows are equally long."""
    with opened(table.path) as file:
        for line, text in data_lines(table, logical_lines(table.path, file)):
            yield line, cells_of(table, line, text)


def data_lines(table: Table, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(line number, text) of every row, without the header and empty lines."""
    line, skip = 1, table.header
    for text in lines:
        start, line = line, line + text.count("\n")
        if text.strip():
            if not skip:
                yield start, text
            skip = False


def cells_of(table: Table, line: int, text: str) -> list[str]:
    """The cells of one row, as many as the first row has."""
    try:
        (cells,) = csv.reader([text], delimiter=table.delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise DataError(f"{table.path}:{line}: {error}") from None
    if len(cells) != len(table.names):
        raise DataError(
            f"{table.path}:{line}: {len(cells)} cells, but the first row has {len(table.names)}"
        )
    return cells


@dataclass(frozen=True)
class Columns:
    """The chosen columns of a table: numbers (N, K), and texts by column."""

    numbers: Array
    texts: dict[int, list[str]]


def read_columns(table: Table, numeric: Sequence[int], textual: Sequence[int]) -> Columns:
    """Read numbers with NumPy's C reader, and texts of some columns; others are not looked at."""
    texts: dict[int, list[str]] = {k: [] for k in textual}
    plain, count = _scan(table, texts)
    if count == 0:
        raise DataError(f"{table.path}: contains no data rows")
    exact = 8 * count * len(numeric) <= EXACT_BYTES
    dtype = np.dtype(np.float64 if exact else np.float32)
    if not numeric:
        return Columns(np.empty((count, 0)), texts)
    load = _from_file if plain else _from_rows
    numbers = load(table, numeric, dtype, count)
    if not exact and _loses_digits(numbers):
        numbers = load(table, numeric, np.dtype(np.float64), count)
    if not np.isfinite(numbers.sum(dtype=np.float64)):
        explain(table, numeric, rows_of(table))
    return Columns(numbers, texts)


def encoded(
    table: Table,
    found: Columns,
    numeric: Sequence[int],
    positions: Sequence[int],
    categories: Mapping[str, Sequence[str]],
) -> Array:
    """Inputs (N, J) in the order of ``positions``: numbers, and one input per value of a text."""
    if not found.texts:
        return found.numbers
    columns = {k: found.numbers[:, [i]] for i, k in enumerate(numeric)}
    for k, texts in found.texts.items():
        name = table.names[k]
        codes = to_codes(np.array(texts), categories[name], f"{table.path}: {name}")
        columns[k] = np.eye(len(categories[name]), dtype=found.numbers.dtype)[codes]
    return np.concatenate([columns[k] for k in positions], axis=1)


def _scan(table: Table, texts: dict[int, list[str]]) -> tuple[bool, int]:
    """Collect texts and check all rows; (whether the C reader can read the file itself, rows)."""
    if table.decimal == "." and _is_plain(table.path):
        count = _scan_plain(table, texts)
        if count is not None:
            return True, count
    count = 0
    for line, cells in rows_of(table):
        count += 1
        for k, found in texts.items():
            found.append(filled(cells[k], table, line, k))
    return False, count


def _is_plain(path: Path) -> bool:
    """Whether the file is unpacked text without quotes and NUL."""
    if is_packed(path):
        return False
    with readable(path), path.open("rb") as raw:
        parts = iter(lambda: raw.read(1 << 20), b"")
        if any(b'"' in part or b"\0" in part for part in parts):
            return False
        raw.seek(0)
        returns = b"\r" in raw.read(1 << 20)
        raw.seek(0)
        return not returns or all(b"\r" not in line[:-2] for line in raw)


def _scan_plain(table: Table, texts: dict[int, list[str]]) -> int | None:
    """The number of rows, all with as many cells; None if some row needs a closer look.

    Lines are bytes here, and only single cells are cut out: a large file has many.
    """
    delimiter, width = table.delimiter.encode(), len(table.names)
    takers = [(k, _cell_taker(delimiter, k, width)) for k in texts]
    found: dict[int, list[str]] = {k: [] for k in texts}
    count, skip = 0, table.header
    with readable(table.path), table.path.open("rb") as file:
        for line, content in enumerate(file, start=1):
            if content.count(delimiter) != width - 1:
                if content.strip():
                    return None
                continue
            if skip:
                skip = False
                continue
            count += 1
            for k, take in takers:
                found[k].append(filled(_decoded(take(content), table), table, line, k))
    texts.update(found)
    return count


def _decoded(cell: bytes, table: Table) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{table.path}: not UTF-8 text; save it as UTF-8") from None


def _cell_taker(delimiter: bytes, k: int, width: int) -> Callable[[bytes], bytes]:
    """Cuts one cell out of a line, from the nearer end."""
    if 2 * k < width:
        return lambda content: content.split(delimiter, k + 1)[k]
    back = width - k
    return lambda content: content.rsplit(delimiter, back)[-back]


def filled(cell: str, table: Table, line: int, k: int) -> str:
    """The text of a cell, which must not be empty."""
    name = cell.strip()
    if not name:
        raise DataError(
            f"{table.path}:{line}: column {table.names[k]!r} is empty; fill it or drop the row"
        )
    return name


def _from_file(table: Table, numeric: Sequence[int], dtype: np.dtype, count: int) -> Array:
    """The numeric columns of a plain file.

    Where all but the first or the last are wanted, all are read, which is faster than choosing,
    unless that one turns out to hold text.
    """
    width = len(table.names)
    wanted = range(numeric[0], numeric[-1] + 1)
    if len(wanted) == width - 1 and list(numeric) == list(wanted):
        try:
            return _compacted(_load(table, None, dtype), slice(wanted.start, wanted.stop))
        except (ValueError, OverflowError):
            pass
    try:
        return _load(table, None if list(numeric) == list(range(width)) else list(numeric), dtype)
    except (ValueError, OverflowError):
        explain(table, numeric, rows_of(table))
        raise


def _load(table: Table, columns: list[int] | None, dtype: np.dtype) -> Array:
    return np.loadtxt(
        table.path, dtype, comments=None, delimiter=table.delimiter, ndmin=2,
        skiprows=_header_lines(table), usecols=columns, encoding="utf-8-sig",
    )  # fmt: skip


def _compacted(numbers: Array, columns: slice) -> Array:
    """Some of the columns, in the memory of all of them: rows move to the front one by one."""
    rows, width = len(numbers), columns.stop - columns.start
    kept = numbers.reshape(-1)[: rows * width].reshape(rows, width)
    for start in range(0, rows, ROWS_AT_ONCE):
        kept[start : start + ROWS_AT_ONCE] = numbers[start : start + ROWS_AT_ONCE, columns]
    return kept


def _header_lines(table: Table) -> int:
    """Lines up to the header's end: empty ones may come before it."""
    if not table.header:
        return 0
    with opened(table.path) as file:
        return next(line for line, text in enumerate(file, start=1) if text.strip())


def _from_rows(table: Table, numeric: Sequence[int], dtype: np.dtype, count: int) -> Array:
    """The same for files that the C reader cannot take as they are."""
    numbers = np.empty((count, len(numeric)), dtype)
    texts = numeric_text(rows_of(table), numeric, table.decimal)
    for start in range(0, count, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, count)
        try:
            numbers[start:stop] = np.loadtxt(
                texts, dtype, comments=None, delimiter="\t", ndmin=2, max_rows=stop - start
            )
        except (ValueError, OverflowError):
            explain(table, numeric, rows_of(table))
            raise
    return numbers


def numeric_text(rows: Rows, numeric: Sequence[int], decimal: str) -> Iterator[str]:
    """The chosen cells of every row, for NumPy to read."""
    for _, cells in rows:
        text = "\t".join([cells[k] or "?" for k in numeric])
        yield text.replace(",", ".") if decimal == "," else text


def _loses_digits(numbers: Array) -> bool:
    """Whether some column lies so far from 0, for its range, that float32 merges its values."""
    if max(-numbers.min(), numbers.max()) <= LARGE:
        return False
    least, largest = numbers.min(axis=0), numbers.max(axis=0)
    middle = abs(least.astype(np.float64) + largest) / 2
    return bool(((middle > LARGE) & (largest - least < NARROW * middle)).any())


def explain(table: Table, numeric: Sequence[int], rows: Rows) -> None:
    """Raise the DataError that names the first cell which is not a number."""
    for line, cells in rows:
        for k in numeric:
            if table.is_number(cells[k]):
                continue
            where = f"{table.path}:{line}: column {table.names[k]!r}"
            if not cells[k].strip():
                raise DataError(f"{where} is empty; fill it, drop the row, or 'ignore' the column")
            raise DataError(f"{where} holds {cells[k][:30]!r}, {_remedy(table, cells[k], k)}")


def _remedy(table: Table, cell: str, k: int) -> str:
    if THOUSANDS.fullmatch(cell):
        return "which has a thousands separator, or a decimal comma; write it without separators"
    if DECIMAL_COMMA.fullmatch(cell):
        return "a decimal comma; say \"decimal: ','\""
    if not table.header:
        return "which is not a finite number; say 'header: true' if the first row holds names"
    name = table.names[k]
    return (
        f"which is not a finite number; a text column goes under 'categorical: [{name}]' or "
        f"'ignore: [{name}]'"
    )
