"""Locating data files in the documented folders."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cnntrain.errors import DataError, MissingFile
from cnntrain.files import READING, native

DATA_VARIABLE = "CNNTRAIN_DATA"


ENDLESS = (
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)

Find = Callable[[str], Path]


def check_has_an_end(path: Path) -> None:
    """Raise ``DataError`` for what may be read forever: devices, pipes, files of /proc."""
    found = path.stat()
    kind = next((kind for is_kind, kind in ENDLESS if is_kind(found.st_mode)), None)
    if kind is None and stat.S_ISREG(found.st_mode) and not found.st_size and _yields_data(path):
        kind = "made by the system while it is read"
    if kind is not None:
        raise DataError(f"{path}: is {kind}; give a file or a folder")


def _yields_data(path: Path) -> bool:
    """Whether a file whose size is 0 has content all the same."""
    try:
        handle = os.open(path, READING)
    except OSError:
        return False  # its reader will say why it cannot be opened
    try:
        return bool(os.read(handle, 1))
    except OSError:
        return True  # it makes its reader wait, or has gaps
    finally:
        os.close(handle)


@dataclass(frozen=True)
class DataFolders:
    """Folders in which relative data paths are looked up, in order."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, data_dir: Path | None, *beside: Path) -> "DataFolders":
        """--data-dir alone, or $CNNTRAIN_DATA, the config's folder and the working folder."""
        if data_dir is not None:
            if not data_dir.is_dir():
                raise DataError(f"{data_dir}: no such folder; correct --data-dir")
            return cls((data_dir,))
        variable = os.environ.get(DATA_VARIABLE)
        first = [Path(variable)] if variable else []
        return cls(tuple(dict.fromkeys([*first, *beside, Path()])))

    def find(self, name: str) -> Path:
        """The path of ``name``; raises ``MissingFile`` with all paths that were tried."""
        wanted = Path(native(os.path.expandvars(name))).expanduser()
        tried = [wanted] if wanted.is_absolute() else [folder / wanted for folder in self.folders]
        for candidate in tried:
            if candidate.exists():
                check_has_an_end(candidate)
                return candidate
        places = "".join(f"\n  {candidate}" for candidate in tried)
        message = (
            f"{name}: no such data file; tried{places}\n"
            f"Give its folder with --data-dir DIR or {DATA_VARIABLE}=DIR."
        )
        raise MissingFile(message, name)
