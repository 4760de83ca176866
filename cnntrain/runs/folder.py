"""Run folders: where a new one is created, and what an existing one contains."""

import itertools
from pathlib import Path

from cnntrain.errors import CheckpointError, RunFolderError
from cnntrain.files import native, writing
from cnntrain.runs.logs import recorded_environment
from cnntrain.runs.place import LOCK_FILE, Place

OWN_FILES = (
    "env.json",
    "config.yaml",
    "metrics.jsonl",
    "stats.jsonl",
    "log.txt",
    "summary.json",
    "checkpoints",
    "tensorboard",
)


def run_path(name: str, out: Path | None, resume: bool) -> Path:
    """The folder of a run, created if it is new: ``out``, or a number under ``runs/<name>``."""
    if resume:
        path = out or newest_run(name)
        if not path.is_dir():
            raise CheckpointError(f"{path}: no readable checkpoint to resume from: no such folder")
        return path
    if out is None:
        return _next_number(Path("runs") / native(name))
    with writing(out):
        if out.exists() and not out.is_dir():
            raise RunFolderError(f"{out}: not a folder; choose another --out")
        out.mkdir(parents=True, exist_ok=True)
    return out


def newest_run(name: str) -> Path:
    """The newest run folder of this name."""
    parent = Path("runs") / native(name)
    runs = [entry for entry in parent.glob("*") if entry.name.isdecimal() and entry.is_dir()]
    if not runs:
        raise RunFolderError(f"{parent}: no run yet; start one with cnntrain fit")
    return max(runs, key=lambda entry: int(entry.name))


def _next_number(parent: Path) -> Path:
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
    taken = [int(entry.name) for entry in parent.iterdir() if entry.name.isdecimal()]
    for number in itertools.count(max(taken, default=0) + 1):
        folder = parent / str(number)
        with writing(folder):
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another process was faster
        return folder
    raise AssertionError


def empty_folder(where: Path | Place, overwrite: bool) -> None:
    """Make sure that the folder contains no run: it is empty, or its run may be replaced."""
    place = Place.at(where)
    remove_own_litter(place)
    if _entries(place.path) and not overwrite:
        raise RunFolderError(
            f"{place.path}: the folder is not empty; continue its run with --resume, "
            "replace it with --overwrite, or choose another --out"
        )
    for name in OWN_FILES:
        place.remove(name)


def _entries(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()} - {LOCK_FILE}


def remove_own_litter(place: Place) -> None:
    """Remove the temporary files of a killed run."""
    for name in OWN_FILES:
        place.remove_litter(name)
    place.remove_litter("checkpoints/*")


def has_no_checkpoint_yet(path: Path) -> bool:
    """Whether a run died in this folder before its first checkpoint, so that it can start over.

    A run that started from other weights cannot, and a foreign folder is not a run.
    """
    written = (path / "checkpoints").glob("*.npz")
    return (
        _entries(path) <= set(OWN_FILES)
        and not any(written)
        and "init_from" not in recorded_environment(path)
    )
