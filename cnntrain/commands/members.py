"""``cnntrain fit --folds K`` and ``--seeds N``: several runs of one config, and their spread."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cnntrain.commands.fit import FitOptions, fit_command, opened, run_fit
from cnntrain.config.plan import Plan
from cnntrain.config.read import plan_to_tree, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.environment import program
from cnntrain.errors import ExitCode
from cnntrain.metrics import is_percentage, metric_text
from cnntrain.runs.catalogue import entry_of
from cnntrain.runs.console import warn
from cnntrain.runs.group import begin_group, group_path, has_ended
from cnntrain.runs.lock import RunLock
from cnntrain.runs.names import config_of
from cnntrain.runs.record import read_run
from cnntrain.text import json_text, printable, table

STOPPED = (ExitCode.HANGUP, ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@dataclass(frozen=True)
class Member:
    """One of the runs, with its metrics at its best epoch."""

    name: str
    state: str
    epoch: int | None
    metrics: dict[str, float]


def run_members(config_path: Path, options: FitOptions, kind: str, count: int) -> ExitCode:
    """Train all of them, except those that have ended before, and print the table.

    ``kind``: folds or seeds. The exit code is that of a signal that stopped it, else 3 if a member
    diverged, else that of the first member that failed.
    """
    config_path = config_of(config_path)
    parts = members(config_path, options, kind, count)
    plan = _checked(config_path, next(iter(parts.values())))
    folder = group_path(plan.name, kind, options.out, options.resume)
    with RunLock(folder) as lock:
        begin_group(lock.place, _definition(plan, options, kind, count), options.resume)
        code = _all_trained(config_path, folder, parts)
        if code in STOPPED:
            again = _again(config_path, replace(options, out=folder), kind, count)
            warn(f"\nNext:\n  {program()} {again}  # continue exactly here")
        if code != ExitCode.DONE:
            return code
        found = [_member(folder / name) for name in parts]
        lock.place.write_text("summary.json", json_text(summary(kind, found), indent=2) + "\n")
    print(printable(members_text(kind, found)))
    warn(f"written to {folder}")
    diverged = any(member.state == "diverged" for member in found)
    return ExitCode.DIVERGED if diverged else ExitCode.DONE


def members(config_path: Path, options: FitOptions, kind: str, count: int) -> dict[str, FitOptions]:
    """The options of each member by its name: the fold that it holds out, or its seed."""
    if kind == "folds":
        return {
            f"fold-{i}": replace(options, settings=(*options.settings, f"data.fold={i}/{count}"))
            for i in range(1, count + 1)
        }
    seed = read_config(config_path, options.settings, options.seed).plan.seed
    return {f"seed-{s}": replace(options, seed=s) for s in range(seed, seed + count)}


def _checked(config_path: Path, first: FitOptions) -> Plan:
    """The plan of the first member; mistakes in config and data show before a folder is made."""
    config = read_config(config_path, first.settings, first.seed)
    opened(config, DataFolders.of(first.data_dir, config_path.parent))
    return config.plan


def _definition(plan: Plan, options: FitOptions, kind: str, count: int) -> dict[str, Any]:
    """What must be the same when they are resumed."""
    return {
        "kind": kind,
        "count": count,
        "config": plan_to_tree(plan),
        "init_from": str(options.init_from) if options.init_from else None,
        "except": list(options.left_out),
    }


def _all_trained(config_path: Path, folder: Path, parts: Mapping[str, FitOptions]) -> ExitCode:
    """Train one after the other; a diverged one is done too, anything else ends it."""
    for name, part in parts.items():
        code = _trained(config_path, folder / name, part)
        if code not in (ExitCode.DONE, ExitCode.DIVERGED):
            return code
    return ExitCode.DONE


def _trained(config_path: Path, path: Path, part: FitOptions) -> ExitCode:
    """Train one member, or what is left of it."""
    if has_ended(path):
        return ExitCode.DONE
    if not part.quiet:
        warn(f"\n{path.name}")
    begun = any((path / "checkpoints").glob("*.npz"))
    whole = replace(part, out=path, resume=begun, overwrite=not begun, is_member=True)
    return run_fit(config_path, whole)


def _again(config_path: Path, options: FitOptions, kind: str, count: int) -> str:
    """The command that continues them."""
    more = [f"--{kind}", str(count), "--out", str(options.out), "--resume"]
    more += ["--init-from", str(options.init_from)] if options.init_from else []
    for layer in options.left_out:
        more += ["--except", layer]
    return fit_command(config_path, options, *more)


def _member(path: Path) -> Member:
    best = read_run(path).best or {}
    metrics = {name: value for name, value in best.items() if "/" in name and value is not None}
    return Member(path.name, entry_of(path, path.name).state, best.get("epoch"), metrics)


def summary(kind: str, found: Sequence[Member]) -> dict[str, Any]:
    """The JSON document: all members, and per metric mean and deviation over those that have it.

    The deviation is that of a sample, s² = Σ (x - mean)² / (n - 1); it needs two members.
    """
    values = {name: [m.metrics[name] for m in found if name in m.metrics] for name in _names(found)}
    return {
        "kind": kind,
        "members": [asdict(member) for member in found],
        "mean": {name: statistics.fmean(xs) for name, xs in values.items()},
        "deviation": {name: statistics.stdev(xs) for name, xs in values.items() if len(xs) > 1},
    }


def _names(found: Sequence[Member]) -> list[str]:
    return list(dict.fromkeys(name for member in found for name in member.metrics))


def members_text(kind: str, found: Sequence[Member]) -> str:
    """A row per member, and the mean ± standard deviation of each metric at the best epochs."""
    names, total = _names(found), summary(kind, found)
    names = [name for name in names if name.startswith("val/")] or names
    rows = [
        [m.name, m.state, str(m.epoch or ""), *(_cell(name, m.metrics.get(name)) for name in names)]
        for m in found
    ]
    means = [_spread(name, total["mean"][name], total["deviation"].get(name)) for name in names]
    head = [kind[:-1], "state", "best epoch", *names]
    return table([head, *rows, ["mean ± deviation", "", "", *means]], left=2)


def _cell(name: str, value: float | None) -> str:
    return "" if value is None else metric_text(name, value).removeprefix(f"{name} ")


def _spread(name: str, mean: float, deviation: float | None) -> str:
    if deviation is None:
        return _cell(name, mean)
    if is_percentage(name):
        return f"{100 * mean:.2f} ± {100 * deviation:.2f}%"
    return f"{mean:.4g} ± {deviation:.2g}"
