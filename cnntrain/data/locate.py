"""Data files: found where the user was told they would be looked for."""

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
    """Where relative data paths are looked up, in this order."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, data_dir: Path | None, *beside: Path) -> "DataFolders":
        """--data-dir, else $CNNTRAIN_DATA, then beside the config, then the working folder."""
        variable = os.environ.get(DATA_VARIABLE)
        first = [data_dir] if data_dir else [Path(variable)] if variable else []
        return cls(tuple(dict.fromkeys([*first, *beside, Path()])))

    def find(self, name: str) -> Path:
        """The file called ``name``, or a ``MissingFile`` that lists where it was looked for."""
        wanted = Path(native(os.path.expandvars(name))).expanduser()
        tried = [wanted] if wanted.is_absolute() else [folder / wanted for folder in self.folders]
        for candidate in tried:
            if candidate.is_char_device() or candidate.is_block_device():
                raise DataError(f"{candidate}: a device; name a file or a folder")
            if candidate.exists():
                return candidate
        places = "".join(f"\n  {candidate}" for candidate in tried)
        message = (
            f"{name}: no such data file; looked for{places}\n"
            f"Name its folder with --data-dir DIR or {DATA_VARIABLE}=DIR."
        )
        raise MissingFile(message, name)
