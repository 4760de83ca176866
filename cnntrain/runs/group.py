"""A folder of several runs that belong together: folds, seeds, or the trials of a sweep."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnntrain.config.differences import differences
from cnntrain.errors import RunFolderError
from cnntrain.files import native, writing
from cnntrain.runs.lock import writer_of
from cnntrain.runs.logs import recorded_group, recorded_summary
from cnntrain.runs.names import RUNS
from cnntrain.runs.place import LOCK_FILE, Place
from cnntrain.text import json_text

GROUP_FILE = "group.json"
OWN_FILES = (GROUP_FILE, "trials.jsonl", "summary.json", "best.yaml", "report.html")
LONGEST_WAIT_S = 60.0  # for a run whose group was killed a moment ago


def group_path(name: str, kind: str, out: Path | None, resume: bool) -> Path:
    """``out``, or the newest (to resume) or next free ``runs/<name>/<kind>-N``; it is created."""
    parent = RUNS / native(name)
    taken = [int(p.name.rpartition("-")[2]) for p in parent.glob(f"{kind}-*") if _is_numbered(p)]
    if resume:
        path = out or parent / f"{kind}-{max(taken, default=1)}"
        if not path.is_dir():
            raise RunFolderError(f"{path}: nothing to resume: no such folder")
        return path
    path = out or parent / f"{kind}-{max(taken, default=0) + 1}"
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def _is_numbered(path: Path) -> bool:
    return path.name.rpartition("-")[2].isdecimal()


def begin_group(place: Place, definition: Mapping[str, Any], resume: bool) -> None:
    """Write what the group is; or, to resume it, check that it is the same."""
    for name in OWN_FILES:
        place.remove_litter(name)
    entries = {entry.name for entry in place.path.iterdir()} - {LOCK_FILE}
    if not entries:
        place.write_text(GROUP_FILE, json_text(definition, indent=2) + "\n")
        return
    if not resume:
        raise RunFolderError(
            f"{place.path}: the folder is not empty; continue with --resume, or choose another "
            "--out"
        )
    old, new = recorded_group(place.path), json.loads(json_text(definition))
    changes = [f"\n  {change}" for change in differences(old, new)]
    if changes:
        raise RunFolderError(
            f"{place.path}: this is not what was started here, so it cannot be resumed:"
            f"{''.join(changes)}\nUse the original command and config, or choose another --out"
        )


def has_ended(member: Path) -> bool:
    """Whether a run came to its end, so that nothing is left to resume."""
    return recorded_summary(member).get("reason", "interrupted") != "interrupted"


def wait_for_writer(member: Path) -> None:
    """Let a process that was left over end: it writes its last checkpoint and leaves."""
    until = time.monotonic() + LONGEST_WAIT_S
    while writer_of(member) is not None and time.monotonic() < until:
        time.sleep(0.05)
