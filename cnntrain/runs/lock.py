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
from cnntrain.files import writing

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = "lock"


class Busy(Exception):
    """Another process holds the lock."""


class RunLock:
    """Held while the context is open. ``stale``: the process that left a lock behind, if any."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self.stale: str | None = None

    def __enter__(self) -> Self:
        with writing(self.path):
            try:
                self._handle, found = _acquire(self.path)
            except Busy:
                raise RunFolderError(
                    f"{self.path.parent}: {_holder(_read(self.path))} is writing this run; wait "
                    f"for it, stop it, or choose another --out (if it is gone, remove {self.path})"
                ) from None
            self.stale = _holder(found) if found else None
            try:
                _write_own_name(self._handle)
            except BaseException:
                self._release()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        with contextlib.suppress(
            OSError
        ):  # first: once it is closed it may belong to another process
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(self._handle)


def _acquire(path: Path) -> tuple[int, str]:
    """(open handle with the lock, what a previous holder wrote); or raise ``Busy``."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Busy from None
        except (AttributeError, OSError):
            os.close(handle)
            return _acquire_by_name(path)
        if _is_same(handle, path):
            return handle, _read(path)
        os.close(handle)  # its previous holder has removed the file in the meantime


def _acquire_by_name(path: Path) -> tuple[int, str]:
    """The same where files cannot be locked (Windows, some network file systems).

    The process named in the file holds it as long as it lives; a process on another machine
    counts as alive.
    """
    found = _read(path)
    if _is_alive(found):
        raise Busy
    path.unlink(missing_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise Busy from None
    return handle, found


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _is_alive(text: str) -> bool:
    """Whether the process that a lock file names may still run."""
    named = _named(text)
    if not named:
        return False
    if named["host"] != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(named["pid"], 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _write_own_name(handle: int) -> None:
    name = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
    os.ftruncate(handle, 0)
    os.write(handle, name.encode())


def _read(path: Path) -> str:
    try:
        return path.read_bytes()[:1000].decode(errors="replace")
    except OSError:
        return ""


def _named(text: str) -> dict[str, Any]:
    """{"pid": ..., "host": ...} of a lock file; empty if there is none."""
    try:
        found = json.loads(text)
        return {"pid": int(found["pid"]), "host": str(found["host"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _holder(text: str) -> str:
    named = _named(text)
    return f"process {named['pid']} on {named['host']}" if named else "another process"
