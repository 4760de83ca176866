"""Atomic file writes: a file is written completely or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from cnntrain.errors import WriteError

TEMPORARY = ".tmp"


@contextlib.contextmanager
def atomic_write(path: Path, size: int | None = None) -> Iterator[IO[bytes]]:
    """Open a file that appears at ``path`` completely or not at all. ``size``: its bytes, if known.

    Temporary file in the same folder, fsync, rename, fsync of the folder: after a crash at any
    time, ``path`` holds either the old or the new content.
    """
    with writing(path, size):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # noqa: PTH101
            os.replace(name, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def writing(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn every OSError into a WriteError with the path and the number of bytes needed.

    The error number does not tell why: NumPy reports a full disk without one.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"{path}: cannot be written ({error.strerror or error}){_space(path, size)}. "
            "Any previous content is unchanged"
        ) from None


def _space(path: Path, size: int | None) -> str:
    """Bytes needed and bytes free; empty if the folder itself is missing."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return ""
    needed = f"; it needs {size:,} bytes" if size is not None else ""
    return f"{needed}, {free:,} are free"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    content = text.encode("utf-8", "backslashreplace")
    with atomic_write(path, len(content)) as file:
        file.write(content)


def append_line(path: Path, line: str) -> None:
    """Append a line to a text file: completely or, if the disk is full, not at all."""
    rest = memoryview(f"{line}\n".encode("utf-8", "backslashreplace"))
    with writing(path, len(rest)):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(handle, "ab", buffering=0) as file:
            before = os.fstat(handle).st_size
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except BaseException:
                os.truncate(handle, before)
                raise


def remove_litter(folder: Path, names: Iterable[str]) -> None:
    """Remove temporary files that ``atomic_write`` left behind when its process was killed."""
    for name in names:
        for path in folder.glob(f".{name}.*{TEMPORARY}"):
            with writing(path):
                path.unlink(missing_ok=True)


def native(name: str) -> str:
    """A file name read from UTF-8 text in the system's encoding, even if the locale is ASCII."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))
