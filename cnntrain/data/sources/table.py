"""Text tables: how a file is written is found out from its first lines, or refused."""

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from cnntrain.data.sources.base import ALWAYS_UNPACKED, MOST_EXPANSION, readable
from cnntrain.errors import DataError
from cnntrain.registry import did_you_mean

NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*", re.ASCII)
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})+\s*", re.ASCII)
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
LONGEST_QUOTED = 1 << 20  # characters of lines that one cell joins
LOOKED_AT = 100  # lines, to find out how a file is written

Column = str | int


@dataclass(frozen=True)
class Table:
    """A file of delimited text: how it is written, and the names of its columns."""

    path: Path
    names: tuple[str, ...]
    header: bool
    delimiter: str
    decimal: str
    first: tuple[tuple[str, ...], ...]  # the first rows, without the header

    def index(self, column: Column) -> int:
        """Index of a column given by name, or by number from 0 (negative: from the end)."""
        if isinstance(column, int):
            if not -len(self.names) <= column < len(self.names):
                raise DataError(f"{self.path}: no column {column}; the file has {len(self.names)}")
            return column % len(self.names)
        if column not in self.names:
            raise DataError(f"{self.path}: no column {column!r}{did_you_mean(column, self.names)}")
        if self.names.count(column) > 1:
            raise DataError(f"{self.path}: two columns are called {column!r}; use their numbers")
        return self.names.index(column)

    def is_text(self, k: int) -> bool:
        """Whether the first rows of a column hold no number at all."""
        cells = [row[k] for row in self.first if row[k].strip()]
        return bool(cells) and not any(self.is_number(cell) for cell in cells)

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a finite decimal number."""
        plain = cell.replace(",", ".") if self.decimal == "," else cell
        return NUMBER.fullmatch(plain) is not None and np.isfinite(float(plain))


def open_table(
    path: Path, delimiter: str | None, decimal: str | None, header: bool | None
) -> Table:
    """Look at the first lines; what they cannot settle is refused with the key that does."""
    with opened(path) as file:
        lines = first_lines(logical_lines(path, file))
    return recognized(path, lines, delimiter, decimal, header)


def recognized(
    path: Path,
    first: Sequence[str],
    delimiter: str | None,
    decimal: str | None,
    header: bool | None,
) -> Table:
    """How a table is written, by its first lines."""
    lines = [line for line in first if line.strip()]
    if not lines:
        raise DataError(f"{path}: contains no data rows")
    chosen = delimiter or _delimiter(path, lines)
    try:
        rows = [row for row in csv.reader(lines, delimiter=chosen) if row]
    except csv.Error as error:
        raise DataError(f"{path}: {error}") from None
    point = decimal or _decimal(path, rows[1:] or rows, chosen)
    table = Table(path, tuple(str(k) for k in range(len(rows[0]))), False, chosen, point, ())
    if header is None:
        _check_header(table, rows)
    names = table.names if header is False else tuple(name.strip() for name in rows[0])
    data = rows if header is False else rows[1:]
    if not data:
        raise DataError(f"{path}: contains no data rows")
    whole = tuple(tuple(row) for row in data if len(row) == len(names))
    return Table(path, names, header is not False, chosen, point, whole)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong while text or an archive is read into a DataError with the path."""
    with readable(path):
        try:
            yield
        except UnicodeDecodeError:
            raise DataError(f"{path}: not UTF-8 text; save it as UTF-8") from None
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, RuntimeError) as error:
            raise DataError(f"{path}: corrupt archive ({error}); download it again") from None
        except NotImplementedError as error:
            raise DataError(f"{path}: {error}; pack it again as plain zip or gzip") from None


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file's text, from a .gz or .zip archive too; what is wrong with it is a DataError."""
    with explained(path), path.open("rb") as raw:
        start = raw.read(4)
        raw.seek(0)
        if start[:2] == b"\x1f\x8b":
            packed: io.BufferedIOBase = gzip.GzipFile(fileobj=raw)
        elif start == b"PK\x03\x04":
            packed = _only_member(path, zipfile.ZipFile(raw))
        else:
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            return
        bounded = io.BufferedReader(_Bounded(path, packed), 1 << 16)
        yield io.TextIOWrapper(bounded, encoding="utf-8-sig", newline="")


def is_packed(path: Path) -> bool:
    """Whether the file is a gzip or zip archive."""
    with readable(path), path.open("rb") as raw:
        start = raw.read(4)
    return start[:2] == b"\x1f\x8b" or start == b"PK\x03\x04"


def _only_member(path: Path, archive: zipfile.ZipFile) -> io.BufferedIOBase:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    names = [name for name in names if not name.startswith("__MACOSX")]
    if len(names) != 1:
        raise DataError(f"{path}: holds {len(names)} files; pack one table alone")
    return archive.open(names[0])  # type: ignore[return-value]


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends in a DataError where an archive turns out to be a bomb."""

    def __init__(self, path: Path, stream: io.BufferedIOBase) -> None:
        self._path, self._stream = path, stream
        self._left = max(ALWAYS_UNPACKED, MOST_EXPANSION * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(buffer))
        self._left -= len(found)
        if self._left < 0:
            raise DataError(
                f"{self._path}: expands to more than {MOST_EXPANSION} times its size; if that is "
                "right, store it uncompressed"
            )
        buffer[: len(found)] = found
        return len(found)


def first_lines(lines: Iterable[str]) -> list[str]:
    """The lines by which it is found out how a file is written."""
    return [line for _, line in zip(range(LOOKED_AT), lines, strict=False)]


def logical_lines(path: Path, file: Iterable[str]) -> Iterator[str]:
    """Lines, of which a quoted cell may span several."""
    pending: list[str] = []
    length, quoted = 0, False
    for line in file:
        if "\0" in line:
            raise DataError(f"{path}: holds NUL characters; it is not a text file")
        pending.append(line)
        length += len(line)
        quoted ^= line.count('"') % 2 == 1
        if not quoted:
            yield "".join(pending)
            pending, length = [], 0
        elif length > LONGEST_QUOTED:
            raise DataError(f"{path}: a quoted cell does not end; close its quotes")
    if pending:
        raise DataError(f"{path}: the last line ends within quotes; close them")


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    """The delimiter that cuts all first lines alike; a single column has none."""
    fitting = [delimiter for delimiter in DELIMITERS if _cuts_alike(delimiter, lines)]
    if len(fitting) > 1 and "," in fitting:
        fitting.remove(",")  # then commas are decimal, or thousands within other columns
    if len(fitting) > 1:
        found = " and ".join(DELIMITERS[d] for d in fitting)
        raise DataError(f"{path}: {found} both cut it into columns; name one with 'delimiter'")
    if fitting:
        return fitting[0]
    header = max(DELIMITERS, key=lines[0].count)
    return header if lines[0].count(header) else ","


def _cuts_alike(delimiter: str, lines: Sequence[str]) -> bool:
    """Whether a delimiter cuts all lines into as many cells, and more than one."""
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
    except csv.Error:
        return False
    return len(widths) == 1 and widths != {1}


def _decimal(path: Path, rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    comma = any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    if comma and any("." in cell and NUMBER.fullmatch(cell) for cell in cells):
        raise DataError(f"{path}: numbers with a point and with a comma; name one with 'decimal'")
    if comma and all(THOUSANDS.fullmatch(cell) for cell in cells if DECIMAL_COMMA.fullmatch(cell)):
        found = next(cell for cell in cells if DECIMAL_COMMA.fullmatch(cell))
        raise DataError(
            f"{path}: {found!r} may be a decimal comma or a thousands separator; say "
            "\"decimal: ','\", or write the numbers without separators"
        )
    return "," if comma else "."


def _names_numbers(table: Table, first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether no cell of the first row is a number, but all below one of them are."""
    if not others or any(table.is_number(cell) for cell in first):
        return False
    return any(
        all(k < len(row) and table.is_number(row[k]) for row in others) for k in range(len(first))
    )


def _check_header(table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Refuse to take the first row for names where it may be data."""
    first, others = rows[0], rows[1:]
    if _names_numbers(table, first, others):
        return
    number = next((cell for cell in first if table.is_number(cell)), None)
    again = next(
        (
            cell
            for k, cell in enumerate(first)
            if cell.strip() and any(k < len(row) and row[k] == cell for row in others)
        ),
        None,
    )
    if number is None and again is None:
        return
    why = f"holds the number {number}" if number is not None else f"holds {again!r}, as others do"
    raise DataError(
        f"{table.path}:1: the first row {why}, so it may be data; say 'header: false', or "
        "'header: true' if these are the names of the columns"
    )
