"""One writer: a run folder belongs to the process that has locked its file ``lock``.

The system releases the lock when its holder dies, for whatever reason. A dead holder leaves the
file with its name, from which the next process knows that the run did not end properly.
"""

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any, Self

from cnntrain.errors import RunFolderError
from cnntrain.files import FOLDER, close_quietly, open_regular, plain_content, writing
from cnntrain.runs.place import LOCK_FILE, Place, identity

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

MOST_BYTES = 1000
MOST_PID = 2**31 - 1


class Busy(Exception):
    """Another process holds the lock. ``is_alive``: it is known to run."""

    def __init__(self, holder: str, is_alive: bool) -> None:
        super().__init__(holder)
        self.holder, self.is_alive = holder, is_alive


class RunLock:
    """Held while the context is open. ``stale``: the process that left a lock behind, if any.

    The folder is held by its descriptor: ``place`` is this folder wherever it is moved, and what
    is put at its path meanwhile is never taken for it.
    """

    place: Place

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self.stale: str | None = None

    def __enter__(self) -> Self:
        with writing(self.path):
            self._folder = os.open(self.path.parent, FOLDER)
            try:
                self._handle, found = _acquire(self._folder)
            except BaseException as error:
                close_quietly(self._folder)
                if isinstance(error, Busy):
                    raise RunFolderError(self._refusal(error)) from None
                raise
            self.stale = _holder(found) if found else None
            try:
                _write_own_name(self._handle)
            except BaseException:
                self._release()
                raise
        folder, own = (identity(os.fstat(handle)) for handle in (self._folder, self._handle))
        self.place = Place(self.path.parent, folder, own)
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def _refusal(self, busy: Busy) -> str:
        doubt = "" if busy.is_alive else f" (if it no longer runs, remove {self.path})"
        return (
            f"{self.path.parent}: {busy.holder} is writing this run; wait for it, stop it, or "
            f"choose another --out{doubt}"
        )

    def _release(self) -> None:
        """Remove the own file, and no other; then it may belong to another process."""
        with contextlib.suppress(OSError):
            if _is_same(self._handle, self._folder):
                os.unlink(LOCK_FILE, dir_fd=self._folder)
        close_quietly(self._handle)
        close_quietly(self._folder)


def writer_of(folder: Path) -> str | None:
    """The process that says it is writing the run in this folder, if it may be alive.

    Only read: who wants to change the run takes the lock. A process on another machine counts as
    alive.
    """
    named = _named((plain_content(folder / LOCK_FILE) or b"")[:MOST_BYTES].decode(errors="replace"))
    if not named or (named["host"] == socket.gethostname() and not _is_alive(named["pid"])):
        return None
    return f"process {named['pid']} on {named['host']}"


def _acquire(folder: int) -> tuple[int, str]:
    """(open handle with the lock, what a previous holder wrote); or raise ``Busy``."""
    while True:
        handle = open_regular(LOCK_FILE, os.O_RDWR | os.O_CREAT, folder)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _read(handle)
            close_quietly(handle)
            raise Busy(_holder(found), is_alive=True) from None
        except (AttributeError, OSError):
            found = _read(handle)
            close_quietly(handle)
            return _acquire_by_name(folder, found), found
        if _is_same(handle, folder):
            return handle, _read(handle)
        close_quietly(handle)  # its previous holder has removed the file in the meantime


def _acquire_by_name(folder: int, found: str) -> int:
    """The same where files cannot be locked (some network file systems).

    The process named in the file holds it as long as it lives; a process on another machine
    counts as alive.
    """
    named = _named(found)
    if named and named["host"] != socket.gethostname():
        raise Busy(_holder(found), is_alive=False)
    if named and _is_alive(named["pid"]):
        raise Busy(_holder(found), is_alive=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(LOCK_FILE, dir_fd=folder)
    try:
        return open_regular(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL, folder)
    except FileExistsError:
        raise Busy("another process", is_alive=True) from None


def _is_same(handle: int, folder: int) -> bool:
    """Whether the file is the one that the folder has under the lock's name."""
    try:
        there = os.stat(LOCK_FILE, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _write_own_name(handle: int) -> None:
    name = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
    os.ftruncate(handle, 0)
    os.pwrite(handle, name.encode(), 0)


def _read(handle: int) -> str:
    return os.pread(handle, MOST_BYTES, 0).decode(errors="replace")


def _named(text: str) -> dict[str, Any]:
    """{"pid": ..., "host": ...} of a lock file; empty if there is none."""
    try:
        found = json.loads(text)
        pid, host = found["pid"], str(found["host"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {"pid": pid, "host": host} if type(pid) is int and 0 < pid <= MOST_PID else {}


def _holder(text: str) -> str:
    named = _named(text)
    return f"process {named['pid']} on {named['host']}" if named else "another process"
