"""Predictions as rows of text, as objects of JSON, or as one array; to stdout or to a file."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

import numpy as np

from cnntrain.errors import ConfigError
from cnntrain.files import atomic_write
from cnntrain.registry import listed
from cnntrain.text import json_text, printable
from cnntrain.training.predict import Predictor
from cnntrain.types import Array

Format = Literal["csv", "jsonl", "npy"]
Cell = str | float
Write = Callable[[bytes], Any]


@dataclass(frozen=True)
class Columns:
    """What is written of each sample: its id, and classes or targets."""

    predictor: Predictor
    top: int = 1
    chosen: tuple[str, ...] = ()  # other headings, of as many columns from the left

    def __post_init__(self) -> None:
        if self.chosen and not 2 <= len(self.chosen) <= len(self._own):
            raise ConfigError(
                f"--columns names {len(self.chosen)} columns; there are {len(self._own)}: "
                f"{listed(self._own)}; name the id and at least one more"
            )

    @property
    def headings(self) -> list[str]:
        """The names of the columns."""
        return list(self.chosen) or self._own

    @property
    def _own(self) -> list[str]:
        if self.predictor.classes is None:
            return ["id", *self.predictor.targets]
        what = "probability" if self.predictor.has_probabilities else "score"
        numbers = ["", *(f"_{k}" for k in range(2, self.top + 1))]
        return ["id", *(f"{word}{n}" for n in numbers for word in ("class", what))]

    def rows(self, ids: Sequence[str], z: Array) -> Iterator[tuple[Cell, ...]]:
        """The cells of every sample."""
        if self.predictor.classes is None:
            values = self.predictor.values(z).reshape(len(ids), -1).tolist()
            yield from ((name, *row) for name, row in zip(ids, values, strict=True))
            return
        ranked, scores = self.predictor.ranked(z, self.top), self.predictor.scores(z)
        shown = np.take_along_axis(scores, ranked, axis=1).tolist()
        for name, order, row in zip(ids, ranked.tolist(), shown, strict=True):
            pairs = zip(order, row, strict=True)
            yield (name, *(c for k, p in pairs for c in (self.predictor.classes[k], p)))

    def array(self, z: Array) -> Array:
        """(N, classes) scores of all classes, or the values of the targets."""
        of = self.predictor
        found = of.values(z) if of.classes is None else of.scores(z)
        return np.ascontiguousarray(found)


class Writer:
    """Writes predictions in one format; ``is_text``: which may go to a terminal."""

    is_text: ClassVar[bool] = True

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        digits = 7 if columns.predictor.dtype == np.float32 else 16
        self._number = f".{digits}g"

    def start(self) -> bytes:
        """What comes before all samples."""
        return b""

    def portion(self, ids: Sequence[str], z: Array) -> bytes:
        """The bytes of some samples."""
        raise NotImplementedError

    def finish(self, file: IO[bytes]) -> None:
        """Complete a file once all samples are written."""

    def cells(self, row: Sequence[Cell]) -> list[str]:
        """The cells as text, as many as there are headings."""
        wanted = row[: len(self.columns.headings)]
        return [cell if isinstance(cell, str) else format(cell, self._number) for cell in wanted]


class Csv(Writer):
    """A line of comma-separated cells per sample, under a line of headings."""

    def start(self) -> bytes:
        return self._lines([self.columns.headings])

    def portion(self, ids: Sequence[str], z: Array) -> bytes:
        return self._lines([self.cells(row) for row in self.columns.rows(ids, z)])

    def _lines(self, rows: Sequence[Sequence[str]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode("utf-8", "backslashreplace")


class JsonLines(Writer):
    """A JSON object per sample and line."""

    def portion(self, ids: Sequence[str], z: Array) -> bytes:
        headings = self.columns.headings
        objects = (dict(zip(headings, row, strict=False)) for row in self.columns.rows(ids, z))
        return "".join(f"{json_text(found)}\n" for found in objects).encode()


class Npy(Writer):
    """One array: (N, classes) probabilities or scores, or the targets; ids are left out."""

    is_text = False

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns)
        self._like: Array | None = None
        self._count = 0

    def portion(self, ids: Sequence[str], z: Array) -> bytes:
        found = self.columns.array(z)
        before = self._header(found) if self._like is None else b""
        self._like = found[:0]
        self._count += len(found)
        return before + found.tobytes()

    def finish(self, file: IO[bytes]) -> None:
        assert self._like is not None
        file.seek(0)
        file.write(self._header(self._like))

    def _header(self, like: Array) -> bytes:
        """As long for any number of samples: NumPy leaves room for it to grow."""
        text = io.BytesIO()
        described = np.lib.format.header_data_from_array_1_0(like)
        described["shape"] = (self._count, *like.shape[1:])
        np.lib.format.write_array_header_1_0(text, described)
        return text.getvalue()


FORMATS: dict[str, type[Writer]] = {"csv": Csv, "jsonl": JsonLines, "npy": Npy}


@contextmanager
def written_to(path: Path | None, writer: Writer) -> Iterator[Write]:
    """Where predictions go: a file that appears whole or not at all, or stdout."""
    if path is None:
        yield _print
        return
    with atomic_write(path) as file:
        yield file.write
        writer.finish(file)


def _print(content: bytes) -> None:
    print(printable(content.decode()), end="")
