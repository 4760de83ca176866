"""What killed and finished runs leave behind and nobody needs; nothing that is not known."""

import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cnntrain.errors import RunFolderError
from cnntrain.files import TEMPORARY
from cnntrain.runs import folder as run_folder
from cnntrain.runs import group
from cnntrain.runs.catalogue import entry_of
from cnntrain.runs.lock import RunLock, writer_of
from cnntrain.runs.names import is_run
from cnntrain.runs.place import LOCK_FILE

OWN_NAMES = "|".join(map(re.escape, {*run_folder.OWN_FILES, *group.OWN_FILES}))
CHECKPOINTS = r"(best|last|step-\d+)\.npz"
UNFINISHED = rf"\.({OWN_NAMES}|{CHECKPOINTS})\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}"
RUN_NAME = re.compile(r"\d+|(fold|seed|trial|folds|seeds|sweep)-\d+")
BEGINNING_S = 60.0  # for so long an empty folder may be a run that is about to start


@dataclass(frozen=True)
class Item:
    """A file of a run, or an empty run folder (``name`` is then empty)."""

    folder: Path
    name: str
    size: int
    why: str

    @property
    def path(self) -> Path:
        return self.folder / self.name if self.name else self.folder


@dataclass(frozen=True)
class Busy:
    """A folder that is left alone, since a process is writing there."""

    folder: Path
    writer: str


def removable(folder: Path, checkpoints: bool) -> Iterator[Item | Busy]:
    """What can be removed below a folder; with ``checkpoints``, also the intermediate ones.

    No link is followed, and nothing below a folder in use is looked at.
    """
    if (writer := writer_of(folder)) is not None:
        yield Busy(folder, writer)
        return
    yield from _matching(folder, "", UNFINISHED, "left by a killed run")
    if is_run(folder):
        yield from _matching(folder, "checkpoints", UNFINISHED, "left by a killed run")
        if checkpoints and entry_of(folder, folder.name).state == "finished":
            why = "intermediate checkpoint of a finished run"
            yield from _matching(folder, "checkpoints", r"step-\d+\.npz", why)
        return
    if _is_forsaken(folder):
        yield Item(folder, "", 0, "empty run folder")
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from removable(folder / entry.name, checkpoints)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _matching(folder: Path, below: str, pattern: str, why: str) -> Iterator[Item]:
    """The regular files of a folder, or of one in it, whose names match."""
    if (folder / below).is_symlink():
        return
    for entry in _entries(folder / below):
        found = entry.stat(follow_symlinks=False)
        if re.fullmatch(pattern, entry.name) and stat.S_ISREG(found.st_mode):
            name = f"{below}/{entry.name}" if below else entry.name
            yield Item(folder, name, found.st_size, why)


def _is_forsaken(folder: Path) -> bool:
    """Whether a run was to be here, long ago, and nothing of it is."""
    names = {entry.name for entry in _entries(folder)}
    age_s = time.time() - folder.stat().st_mtime
    return RUN_NAME.fullmatch(folder.name) is not None and (
        not names - {LOCK_FILE} and age_s > BEGINNING_S
    )


def remove(item: Item) -> bool:
    """Remove it, unless a process has begun to write there; whether it was removed."""
    try:
        with RunLock(item.folder) as lock:
            if item.name:
                lock.place.remove(item.name)
                return True
    except RunFolderError:
        return False
    try:
        item.folder.rmdir()
    except OSError:  # something is there by now
        return False
    return True
