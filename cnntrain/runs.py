"""The folders of runs: where a new one is made, and what lies in one that is there."""

import itertools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnntrain.errors import CheckpointError, RunFolderError
from cnntrain.files import native, remove_litter, writing
from cnntrain.lock import LOCK_FILE

DEEPEST = 20  # levels of JSON
MOST_STEPS = 2**53
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
    """The folder of a run, made if it is a new one: ``out``, or a number under ``runs/<name>``."""
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


def empty_folder(path: Path, overwrite: bool) -> None:
    """Make sure that the folder holds no run: it is empty, or its run may be replaced."""
    remove_own_litter(path)
    if _entries(path) and not overwrite:
        raise RunFolderError(
            f"{path}: the folder is not empty; continue its run with --resume, "
            "replace it with --overwrite, or choose another --out"
        )
    _remove_run(path)


def _entries(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()} - {LOCK_FILE}


def remove_own_litter(path: Path) -> None:
    """Remove the temporary files of a killed run."""
    remove_litter(path, OWN_FILES)
    remove_litter(path / "checkpoints", ["*"])


def _remove_run(folder: Path) -> None:
    for name in OWN_FILES:
        path = folder / name
        with writing(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def has_no_checkpoint_yet(path: Path) -> bool:
    """Whether a run died in this folder before its first checkpoint: it can begin again.

    A run that began with weights from elsewhere cannot; nor is a foreign folder one of ours.
    """
    written = (path / "checkpoints").glob("*.npz")
    return (
        _entries(path) <= set(OWN_FILES)
        and not any(written)
        and "init_from" not in recorded_environment(path)
    )


def recorded_environment(path: Path) -> dict[str, Any]:
    """What ``env.json`` of a run says; nothing if it is missing or broken."""
    return _document(path / "env.json")


def recorded_summary(path: Path) -> dict[str, Any]:
    """What ``summary.json`` of a run says; nothing if the run has not ended."""
    return _document(path / "summary.json")


def _document(path: Path) -> dict[str, Any]:
    try:
        found = _parsed(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parsed(text: str) -> Any:
    """JSON as cnntrain writes it: no NaN, no infinity, not deep; ValueError otherwise."""
    try:
        found = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not _is_shallow(found, DEEPEST):
        raise ValueError("nested too deep")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _is_shallow(tree: Any, levels: int) -> bool:
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in items)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``."""
    return _whole_lines(folder / "metrics.jsonl", _is_of_metrics)


def read_stats(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``stats.jsonl``; none if the run has no such file."""
    return _whole_lines(folder / "stats.jsonl", _is_of_stats)


def _whole_lines(path: Path, fits: Callable[[Any], bool]) -> list[dict[str, Any]]:
    """The lines of a JSONL file that are whole: a crash may have cut the last one."""
    lines: list[dict[str, Any]] = []
    found = path.read_bytes().decode("utf-8", "replace").splitlines() if path.is_file() else []
    for number, text in enumerate(found, 1):
        try:
            line = _parsed(text)
        except ValueError:
            if number == len(found):
                break
            line = None
        if not fits(line):
            raise RunFolderError(
                f"{path}:{number}: not a line that cnntrain writes there; remove it"
            )
        lines.append(line)
    return lines


def _is_of_metrics(line: Any) -> bool:
    """An epoch with its figures, or the end with its reason."""
    if not _is_at_a_step(line) or not _is_number(line.get("elapsed_s")):
        return False
    figures = [value for name, value in line.items() if "/" in name]
    if not all(value is None or _is_number(value) for value in figures):
        return False
    if line.get("event") == "epoch":
        return all(_is_number(line.get(name)) for name in ("lr", "samples_per_s"))
    return line.get("event") == "end" and isinstance(line.get("reason"), str)


def _is_of_stats(line: Any) -> bool:
    """Figures of arrays and of outputs, by their names."""
    return _is_at_a_step(line) and all(
        isinstance(line.get(family), dict)
        and all(isinstance(figures, dict) for figures in line[family].values())
        and all(v is None or _is_number(v) for f in line[family].values() for v in f.values())
        for family in ("arrays", "outputs")
    )


def _is_at_a_step(line: Any) -> bool:
    return isinstance(line, dict) and all(
        type(line.get(name)) is int and 0 <= line[name] <= MOST_STEPS for name in ("epoch", "step")
    )


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= MOST_STEPS)


def elapsed_before(folder: Path, step: int) -> float:
    """Seconds of training that the metrics record up to ``step``."""
    lines = read_metrics(folder)
    return max((line["elapsed_s"] for line in lines if line["step"] <= step), default=0.0)
