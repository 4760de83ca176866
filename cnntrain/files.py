"""Atomic file writes: a file is written completely or not at all; and reading of plain files."""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cnntrain.errors import WriteError

TEMPORARY = ".tmp"
# Windows, where nothing can be written relative to a folder, lacks some flags
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)  # for the other end of a pipe
READING = os.O_RDONLY | WITHOUT_WAITING | getattr(os, "O_BINARY", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
ITSELF = getattr(os, "O_NOFOLLOW", 0)  # not what a symbolic link leads to
CANNOT_SYNC_FOLDERS = (errno.EINVAL, errno.ENOTSUP)  # answers of file systems that never can


@contextlib.contextmanager
def atomic_write(
    path: Path, size: int | None = None, within: int | None = None
) -> Iterator[IO[bytes]]:
    """Open a file that appears at ``path`` completely or not at all. ``size``: its bytes, if known.

    Temporary file in the same folder, fsync, rename, fsync of the folder: after a crash at any
    time, ``path`` holds either the old or the new content. ``within``: the descriptor of its
    folder, if that must be this one, whatever is at its path by now.
    """
    with writing(path, size), opened_folder(path.parent, within) as folder:
        name = f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}"
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        _sync_folder(folder)


@contextlib.contextmanager
def opened_folder(path: Path, within: int | None = None) -> Iterator[int]:
    """The descriptor of a folder; ``within``, if it is open already."""
    if within is not None:
        yield within
        return
    handle = os.open(path, FOLDER)
    try:
        yield handle
    finally:
        close_quietly(handle)


def close_quietly(handle: int) -> None:
    """Close what holds no unwritten content."""
    with contextlib.suppress(OSError):
        os.close(handle)


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


def _sync_folder(folder: int) -> bool:
    """Make renames in it durable; whether its file system can do so at all."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno in CANNOT_SYNC_FOLDERS:
            return False
        raise
    return True


def makes_renames_durable(path: Path) -> bool:
    """Whether renames in this folder stay through a power cut."""
    with writing(path), opened_folder(path) as folder:
        return _sync_folder(folder)


def write_text(path: Path, text: str, within: int | None = None) -> None:
    """Write a text file atomically."""
    content = text.encode("utf-8", "backslashreplace")
    with atomic_write(path, len(content), within) as file:
        file.write(content)


def append(path: Path, content: bytes, within: int | None = None) -> None:
    """Append to a file: completely or, if the disk is full, not at all."""
    rest = memoryview(content)
    with writing(path, len(rest)), opened_folder(path.parent, within) as folder:
        handle = open_regular(path.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, folder)
        with os.fdopen(handle, "ab", buffering=0) as file:
            before = os.fstat(handle).st_size
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except BaseException:
                os.truncate(handle, before)
                raise


def append_line(path: Path, line: str, within: int | None = None) -> None:
    """Append a line to a text file: completely or, if the disk is full, not at all."""
    append(path, f"{line}\n".encode("utf-8", "backslashreplace"), within)


def open_regular(name: str, flags: int, folder: int) -> int:
    """Open a file in a folder; ``OSError`` if it is a link, which may lead anywhere, or a pipe."""
    try:
        handle = os.open(name, flags | ITSELF | WITHOUT_WAITING, 0o644, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "it is a symbolic link; remove it") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        close_quietly(handle)
        raise OSError(errno.EINVAL, "it is not a regular file; remove it")
    return handle


def opened_plain(path: Path) -> IO[bytes]:
    """Open a file to be read; nobody waits for the other end of a pipe."""
    return os.fdopen(os.open(path, READING), "rb")


def plain_content(path: Path) -> bytes | None:
    """The content of a file; None if it is missing or not a regular file.

    No more is read than its size says: files of /proc say 0 and may have no end.
    """
    try:
        with opened_plain(path) as file:
            found = os.fstat(file.fileno())
            return file.read(found.st_size) if stat.S_ISREG(found.st_mode) else None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def native(name: str) -> str:
    """A file name read from UTF-8 text in the system's encoding, even if the locale is ASCII."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))
