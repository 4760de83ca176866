"""Every kind of input as portions of samples; the content of a file decides what it is."""

import gzip
import io
import zipfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import IO, cast

from cnntrain.data.inputs.arrays import idx_portions, is_idx, npy_portions, npz_portions
from cnntrain.data.inputs.images import Report, image_portions, images_in
from cnntrain.data.inputs.portion import Portion, Wanted, checked
from cnntrain.data.inputs.rows import row_portions
from cnntrain.data.locate import Find, check_has_an_end
from cnntrain.data.sources.folder import SUFFIXES
from cnntrain.data.sources.idx import GZIP_MAGIC
from cnntrain.data.sources.table import explained, opened

STDIN = "-"
NPY = b"\x93NUMPY"
ZIP = b"PK\x03\x04"
HEAD = 8  # bytes that tell kinds apart


def portions(
    names: Sequence[str], find: Find, wanted: Wanted, stdin: IO[bytes], report: Report
) -> Generator[Portion, None, None]:
    """The samples of all inputs in order: files, folders, or ``-`` for the standard input.

    With several inputs, each sample is called by its input too. The first portion of an input says
    how many samples there are, if that is known. ``report`` is told of images that cannot be read.
    """
    several = len(names) > 1
    for is_image, group in groupby(names, _is_image):
        given = list(group)
        if is_image:
            images = [(name, _located(name, find)) for name in given]
            yield from _announced(image_portions(images, wanted, report))
            continue
        for name in given:
            for portion in _announced(_of_one(name, find, wanted, stdin, report)):
                yield _called_by_input(name, portion) if several else portion


def holds_images(names: Sequence[str]) -> bool:
    """Whether some of the inputs are images or folders."""
    return any(_is_image(name) or Path(name).is_dir() for name in names)


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).is_dir()


def _announced(portions: Iterator[Portion]) -> Iterator[Portion]:
    """Portions of which only the first says how many samples there are in all."""
    for k, portion in enumerate(portions):
        yield replace(portion, total=None) if k else portion


def _called_by_input(name: str, portion: Portion) -> Portion:
    """Samples called ``photos/cat.png`` of a folder, ``new.csv:7`` of a table."""
    before = f"{name.rstrip('/')}/" if Path(name).is_dir() else f"{name}:"
    return replace(portion, ids=[f"{before}{own}" for own in portion.ids])


def _located(name: str, find: Find) -> Path:
    """A path as given, or else in the folders of the data."""
    path = Path(name)
    if path.exists():
        check_has_an_end(path)
        return path
    return find(name)


def _of_one(
    name: str, find: Find, wanted: Wanted, stdin: IO[bytes], report: Report
) -> Iterator[Portion]:
    if name == STDIN:
        return checked(_of_stdin(stdin, wanted), "stdin")
    path = _located(name, find)
    if path.is_dir():
        return image_portions(images_in(path), wanted, report)
    return checked(_of_file(path, wanted), str(path))


def _of_file(path: Path, wanted: Wanted) -> Iterator[Portion]:
    with explained(path), path.open("rb") as raw:
        head = _head(raw)
        if head.startswith(ZIP):
            yield from _of_archive(path, wanted)
        elif head.startswith(GZIP_MAGIC):
            with gzip.open(raw) as packed:
                unpacked = cast(IO[bytes], packed)
                yield from _of_stream(unpacked, _head(unpacked), path, wanted)
        else:
            yield from _of_stream(raw, head, path, wanted)


def _of_archive(path: Path, wanted: Wanted) -> Iterator[Portion]:
    with zipfile.ZipFile(path) as archive:
        holds_arrays = any(name.endswith(".npy") for name in archive.namelist())
    if holds_arrays:
        yield from npz_portions(path, wanted)
    else:
        with opened(path) as text:
            yield from row_portions(path, text, wanted)


def _of_stdin(stdin: IO[bytes], wanted: Wanted) -> Iterator[Portion]:
    """An array or the lines of a table, as they arrive."""
    path = Path("stdin")
    with explained(path):
        head = stdin.read(HEAD)
        stream = io.BufferedReader(_Again(head, stdin))
        yield from _of_stream(stream, head, path, wanted)


def _of_stream(file: IO[bytes], head: bytes, path: Path, wanted: Wanted) -> Iterator[Portion]:
    if head.startswith(NPY):
        return npy_portions(file, str(path), wanted)
    if is_idx(head):
        return idx_portions(file, path, wanted)
    return _of_text(file, path, wanted)


def _of_text(file: IO[bytes], path: Path, wanted: Wanted) -> Iterator[Portion]:
    with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        yield from row_portions(path, text, wanted)


def _head(file: IO[bytes]) -> bytes:
    head = file.read(HEAD)
    file.seek(0)
    return head


class _Again(io.RawIOBase):
    """A stream whose first bytes were read already, from its beginning."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)
