"""``cnntrain runs``: a table of many runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnntrain.errors import ExitCode
from cnntrain.metrics import is_better, metric_text
from cnntrain.runs.catalogue import Entry, catalogue
from cnntrain.runs.names import RUNS
from cnntrain.text import counted, duration, json_text, printable, table

HEAD = ("run", "state", "best metric", "epoch", "engine", "time", "when")
KEYS: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: _natural(entry.name),
    "state": lambda entry: entry.state,
    "metric": lambda entry: _quality(entry),
    "epoch": lambda entry: entry.epoch,
    "engine": lambda entry: entry.engine,
    "time": lambda entry: entry.elapsed_s,
    "when": lambda entry: entry.when,
}


def run_runs(folder: Path | None, key: str, reverse: bool, as_json: bool) -> ExitCode:
    """Print the table, and below it what could not be read."""
    entries = in_order(catalogue(folder or RUNS), key, reverse)
    if as_json:
        print(json_text([{**asdict(entry), "path": str(entry.path)} for entry in entries]))
    else:
        print(printable(runs_text(entries) if entries else f"no runs below {folder or RUNS}"))
    return ExitCode.DONE


def in_order(entries: Sequence[Entry], key: str, reverse: bool) -> list[Entry]:
    """Sorted by one of ``KEYS``; runs of which it is not known come last in either direction."""
    value_of = KEYS[key]
    by_name = sorted(entries, key=KEYS["name"])
    known = [entry for entry in by_name if value_of(entry) is not None]
    unknown = [entry for entry in by_name if value_of(entry) is None]
    return [*sorted(known, key=value_of, reverse=reverse), *unknown]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """``digits/10`` comes after ``digits/9``."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in name.split("/")]


def _quality(entry: Entry) -> tuple[str, float] | None:
    """Runs with the same metric beside each other, the best first."""
    if entry.metric is None or entry.value is None:
        return None
    return entry.metric, -entry.value if is_better(entry.metric, 1.0, 0.0) else entry.value


def runs_text(entries: Sequence[Entry]) -> str:
    """The table, and the reasons why some are unreadable."""
    shown = table([HEAD, *(_row(entry) for entry in entries)], left=2)
    broken = [f"  {entry.problem}" for entry in entries if entry.problem is not None]
    if not broken:
        return shown
    return "\n".join([shown, "", f"{counted(len(broken), 'run')} cannot be read:", *broken])


def _row(entry: Entry) -> list[str]:
    known = entry.metric is not None and entry.value is not None
    return [
        entry.name,
        entry.state,
        metric_text(entry.metric or "", entry.value or 0.0) if known else "",
        f"{entry.epoch:,}" if entry.epoch is not None else "",
        entry.engine or "",
        duration(entry.elapsed_s) if entry.elapsed_s is not None else "",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.when)) if entry.when else "",
    ]
