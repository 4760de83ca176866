"""Locating data files in the documented folders."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cnntrain.errors import DataError, MissingFile
from cnntrain.files import native

DATA_VARIABLE = "CNNTRAIN_DATA"


Find = Callable[[str], Path]


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
            if candidate.is_char_device() or candidate.is_block_device():
                raise DataError(f"{candidate}: is a device; give a file or a folder")
            if candidate.exists():
                return candidate
        places = "".join(f"\n  {candidate}" for candidate in tried)
        message = (
            f"{name}: no such data file; tried{places}\n"
            f"Give its folder with --data-dir DIR or {DATA_VARIABLE}=DIR."
        )
        raise MissingFile(message, name)
