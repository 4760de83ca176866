"""All runs below a folder, one row each: also those that are cut off, running, or unreadable."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnntrain.errors import CnntrainError, RunFolderError
from cnntrain.runs.lock import writer_of
from cnntrain.runs.names import is_run
from cnntrain.runs.record import RunRecord, read_run

STATES = {"interrupted": "stopped", "diverged": "diverged"}  # of other reasons: finished


@dataclass(frozen=True)
class Entry:
    """One run. ``problem``: why it cannot be read; then nothing but its state is known.

    ``state``: finished, stopped (by a signal), diverged, training, unfinished (killed) or
    unreadable. ``value``: of ``metric`` at the best ``epoch``. ``when``: seconds since 1970 at
    which it recorded something last.
    """

    path: Path
    name: str
    state: str
    metric: str | None = None
    value: float | None = None
    epoch: int | None = None
    engine: str | None = None
    elapsed_s: float | None = None
    when: float | None = None
    problem: str | None = None


def run_folders(folder: Path) -> Iterator[Path]:
    """Every run below a folder, or the folder itself; links are not followed."""
    if is_run(folder):
        yield folder
        return
    try:
        below = sorted(
            entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)
        )
    except OSError:
        return
    for path in below:
        yield from run_folders(Path(path))


def catalogue(folder: Path) -> list[Entry]:
    """The runs below a folder, in the order of their paths; ``RunFolderError`` if it is none."""
    if not folder.is_dir():
        raise RunFolderError(
            f"{folder}: no such folder; name one that holds runs, or start one with cnntrain fit"
        )
    return [entry_of(path, _name(path, folder)) for path in run_folders(folder)]


def entry_of(path: Path, name: str) -> Entry:
    """The row of one run."""
    try:
        record = read_run(path, name)
        when = (path / "metrics.jsonl").stat().st_mtime
    except (CnntrainError, OSError) as error:
        return Entry(path, name, "unreadable", problem=str(error))
    best, metric = record.best, record.monitored
    return Entry(
        path=path,
        name=name,
        state=_state(record),
        metric=metric if best else None,
        value=best[metric] if best and metric else None,
        epoch=best["epoch"] if best else None,
        engine=_engine(record.env.get("engine")),
        elapsed_s=record.newest.get("elapsed_s"),
        when=when,
    )


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path != folder else str(path)


def _state(record: RunRecord) -> str:
    if record.end is not None:
        return STATES.get(record.end["reason"], "finished")
    return "training" if writer_of(record.path) else "unfinished"


def _engine(about: Any) -> str | None:
    """``native (avx2)`` of the entry in ``env.json``."""
    if not isinstance(about, dict) or not isinstance(about.get("name"), str):
        return None
    isa = about.get("instruction_set")
    return f"{about['name']} ({isa})" if isinstance(isa, str) else about["name"]
