"""The folder of a run, known by what it is: its path may lead elsewhere by the next write."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from cnntrain.errors import RunFolderError
from cnntrain.files import FOLDER, ITSELF, TEMPORARY, close_quietly, write_text, writing

LOCK_FILE = "lock"

Identity = tuple[int, int]  # device and inode


@dataclass(frozen=True)
class Place:
    """A folder at ``path``. ``lock``: the file that its owner holds as a lock, if any."""

    path: Path
    identity: Identity
    lock: Identity | None = None

    @classmethod
    def at(cls, where: "Path | Place") -> "Place":
        """What is at a path now."""
        if isinstance(where, Place):
            return where
        with writing(where):
            return cls(where, identity(where.stat()))

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """The descriptor of the folder in which the file ``name`` of this run is, or belongs.

        ``RunFolderError`` if another folder is at the path by now, or another process has the
        lock. No symbolic link is followed below the path.
        """
        with ExitStack() as handles:
            with writing(self.path / name):
                handle = os.open(self.path, FOLDER)
                handles.callback(close_quietly, handle)
                self._check(handle)
                for part in Path(name).parts[:-1]:
                    handle = _folder_in(handle, part)
                    handles.callback(close_quietly, handle)
            yield handle

    def _check(self, handle: int) -> None:
        if identity(os.fstat(handle)) != self.identity:
            raise RunFolderError(
                f"{self.path}: this folder was moved or replaced while its run was training, so "
                "nothing more was written; move it back and continue the run with --resume"
            )
        if self.lock is not None and _lock_in(handle) not in (None, self.lock):
            raise RunFolderError(
                f"{self.path}: another process has taken the lock of this run, so nothing more "
                "was written; let it finish, or choose another --out"
            )

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically."""
        with self.opened(name) as folder:
            write_text(self.path / name, text, folder)

    def make_folder(self, name: str) -> None:
        """Make a folder in this one, unless it is there."""
        with self.opened(name) as folder, writing(self.path / name):
            try:
                os.mkdir(name, dir_fd=folder)
            except FileExistsError:
                close_quietly(_folder_in(folder, name))

    def remove(self, name: str) -> None:
        """Remove a file, a link or a whole folder, if it is there."""
        own = Path(name).name
        with self.opened(name) as folder, writing(self.path / name):
            try:
                mode = os.stat(own, dir_fd=folder, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return
            if stat.S_ISDIR(mode):
                shutil.rmtree(own, dir_fd=folder)
            else:
                os.unlink(own, dir_fd=folder)

    def remove_litter(self, pattern: str) -> None:
        """Remove what ``atomic_write`` left behind when its process was killed.

        ``pattern``: that of the files' names, such as ``log.txt`` or ``checkpoints/*``.
        """
        if not (self.path / pattern).parent.is_dir():
            return
        with self.opened(pattern) as folder, writing(self.path / pattern):
            for name in os.listdir(folder):  # noqa: PTH208
                if fnmatch(name, f".{Path(pattern).name}.*{TEMPORARY}"):
                    os.unlink(name, dir_fd=folder)


def identity(found: os.stat_result) -> Identity:
    """What distinguishes a file or folder from all others, as long as it is open somewhere."""
    return found.st_dev, found.st_ino


def _folder_in(folder: int, name: str) -> int:
    try:
        return os.open(name, FOLDER | ITSELF, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        problem = f"{name} is a link or a file, not a folder; remove it"
        raise OSError(error.errno, problem) from None


def _lock_in(folder: int) -> Identity | None:
    try:
        return identity(os.stat(LOCK_FILE, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None
