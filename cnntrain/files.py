"""Files: written whole or not at all; found where the user was told they would be."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cnntrain.errors import MissingFile

DATA_VARIABLE = "CNNTRAIN_DATA"


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` complete, or not at all.

    Temporary file in the same folder, fsync, rename, fsync of the folder: after a crash at any
    moment ``path`` holds the old or the new content.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


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
        wanted = Path(os.path.expandvars(name)).expanduser()
        tried = [wanted] if wanted.is_absolute() else [folder / wanted for folder in self.folders]
        for candidate in tried:
            if candidate.exists():
                return candidate
        places = "".join(f"\n  {candidate}" for candidate in tried)
        message = (
            f"{name}: no such data file; looked for{places}\n"
            f"Name its folder with --data-dir DIR or {DATA_VARIABLE}=DIR."
        )
        raise MissingFile(message, name)
