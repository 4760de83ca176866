"""The records of a run, read back: every line and number is checked."""

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any

from cnntrain.errors import RunFolderError
from cnntrain.files import plain_content
from cnntrain.text import finite_json

DEEPEST = 20  # levels of JSON
MOST_STEPS = 2**53  # up to here floats count without gaps


def recorded_environment(path: Path) -> dict[str, Any]:
    """The content of ``env.json`` of a run; empty if it is missing or broken."""
    return _document(path / "env.json")


def recorded_summary(path: Path) -> dict[str, Any]:
    """The content of ``summary.json`` of a run; empty if the run has not ended."""
    return _document(path / "summary.json")


def recorded_group(path: Path) -> dict[str, Any]:
    """The content of ``group.json`` of several runs; empty if the folder is not one of a group."""
    return _document(path / "group.json")


def _document(path: Path) -> dict[str, Any]:
    try:
        found = _parsed((plain_content(path) or b"{}").decode("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parsed(text: str) -> Any:
    """JSON as cnntrain writes it; ``ValueError`` for NaN, infinity or deep nesting."""
    found = finite_json(text)
    if not _is_shallow(found, DEEPEST):
        raise ValueError("nested too deeply")
    return found


def _is_shallow(tree: Any, levels: int) -> bool:
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in items)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``."""
    return _whole_lines(folder / "metrics.jsonl", _is_of_metrics)


def read_stats(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``stats.jsonl``; none if the run has no such file."""
    return _whole_lines(folder / "stats.jsonl", _is_of_stats)


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``trials.jsonl`` of a sweep; none if it has no such file."""
    return _whole_lines(folder / "trials.jsonl", _is_of_trials)


def _whole_lines(path: Path, fits: Callable[[Any], bool]) -> list[dict[str, Any]]:
    """The complete lines of a JSONL file: a crash may have cut off the last one."""
    lines: list[dict[str, Any]] = []
    found = (plain_content(path) or b"").decode("utf-8", "replace").splitlines()
    for number, text in enumerate(found, 1):
        try:
            line = _parsed(text)
        except ValueError:
            if number == len(found):
                break
            line = None
        if not fits(line):
            raise RunFolderError(f"{path}:{number}: not written by cnntrain; remove this line")
        lines.append(line)
    return lines


def _is_of_metrics(line: Any) -> bool:
    """An epoch with its metrics, or the end with its reason."""
    if not _is_at_a_step(line) or not _is_number(line.get("elapsed_s")):
        return False
    metrics = [value for name, value in line.items() if "/" in name]
    if not all(value is None or _is_number(value) for value in metrics):
        return False
    if line.get("event") == "epoch":
        return all(_is_number(line.get(name)) for name in ("lr", "samples_per_s"))
    return line.get("event") == "end" and isinstance(line.get("reason"), str)


def _is_of_stats(line: Any) -> bool:
    """Statistics of arrays and of outputs, by their names."""
    return _is_at_a_step(line) and all(
        isinstance(line.get(family), dict)
        and all(isinstance(metrics, dict) for metrics in line[family].values())
        and all(v is None or _is_number(v) for f in line[family].values() for v in f.values())
        for family in ("arrays", "outputs")
    )


TRIAL = {
    "trial": (int,),
    "values": (dict,),
    "state": (str,),
    "value": (int, float, NoneType),
    "epoch": (int, NoneType),
    "elapsed_s": (int, float, NoneType),
    "problem": (str, NoneType),
}


def _is_of_trials(line: Any) -> bool:
    """The values of a trial, and how it ended."""
    return (
        isinstance(line, dict)
        and line.keys() == TRIAL.keys()
        and all(type(line[key]) in kinds for key, kinds in TRIAL.items())
        and line["trial"] > 0
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
