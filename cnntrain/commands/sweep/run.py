"""``cnntrain sweep``: checked, run, and summed up."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnntrain.commands.fit import FitOptions, fit_command, opened
from cnntrain.commands.sweep.result import Result, advise
from cnntrain.commands.sweep.search import Guided, Planned, need_optuna
from cnntrain.commands.sweep.trials import Setup, SweepOptions, Trials
from cnntrain.config.read import plan_to_tree, read_config
from cnntrain.config.space import (
    Dimension,
    Values,
    as_settings,
    drawn,
    grid,
    probes,
    split_settings,
)
from cnntrain.data.locate import DataFolders
from cnntrain.environment import program
from cnntrain.errors import ExitCode
from cnntrain.metrics import is_better
from cnntrain.runs.console import warn
from cnntrain.runs.group import begin_group, group_path
from cnntrain.runs.lock import RunLock
from cnntrain.runs.names import config_of
from cnntrain.runs.signals import StopRequest
from cnntrain.runs.trials import TrialLog
from cnntrain.text import printable, table

USUAL_TRIALS = 20


def run_sweep(config_path: Path, options: SweepOptions) -> ExitCode:
    """Run the trials that have not ended before, then print the table on stdout.

    The exit code is that of a signal that stopped it; else 0 if a trial finished, 3 if all that
    ran diverged, 1 if they failed.
    """
    setup = _setup(config_of(config_path), options)
    folder = group_path(setup.plan.name, "sweep", options.out, options.resume)
    with StopRequest() as request, RunLock(folder) as lock:
        begin_group(lock.place, _definition(setup, options), options.resume)
        log = TrialLog.opened(lock.place)
        warn(f"{setup.plan.name}: {setup.trials} trials for {setup.metric}; writing to {folder}")
        Trials(setup, options, log, request).run()
        if request.received is not None:
            warn(f"\nNext:\n  {program()} {_again(setup, options, folder)}  # continue here")
            return request.exit_code
        result = Result(lock.place, setup.metric, [log.trials[n] for n in sorted(log.trials)])
        return _concluded(setup, options, result)


def _concluded(setup: Setup, options: SweepOptions, result: Result) -> ExitCode:
    """Print the table; write the summary and, if there is a best trial, its config and the page."""
    result.write({"kind": "sweep", "method": options.method})
    print(printable(table(result.rows(), left=2)))
    if result.best is None:
        return _all_lost(result)
    missing = result.write_page(setup.plan.name, options.data_dir)
    if missing is not None:
        warn(f"Warning: {missing}")
    advise(result, setup.plan, setup.config_path, options.data_dir)
    return ExitCode.DONE


def _setup(config_path: Path, options: SweepOptions) -> Setup:
    """Everything is checked before a folder is made: ranges, all extreme values, the data."""
    fixed, space = split_settings(options.settings)
    if options.prune or options.method == "tpe":
        need_optuna()
    configs = [
        read_config(config_path, [*fixed, *as_settings(values)], options.seed)
        for values in probes(space)
    ]
    experiment, _ = opened(configs[0], DataFolders.of(options.data_dir, config_path.parent))
    plan, metric = configs[0].plan, experiment.monitored
    if metric.startswith("train/"):
        warn(f"Warning: trials are judged by {metric}; hold samples out with data.validation=0.1")
    points = grid(space) if options.method == "grid" else None
    most = options.trials or USUAL_TRIALS
    trials = most if points is None else min(options.trials or len(points), len(points))
    search = _search(options, space, points, plan.seed, metric)
    return Setup(
        config_path=config_path,
        fixed=tuple(fixed),
        space=tuple(space),
        plan=plan,
        metric=metric,
        trials=trials,
        search=search,
    )


def _search(
    options: SweepOptions,
    space: Sequence[Dimension],
    points: Sequence[Values] | None,
    seed: int,
    metric: str,
) -> Planned:
    plan: Callable[[int], Values] = (
        (lambda number: drawn(space, seed, number))
        if points is None
        else (lambda number: points[number - 1])
    )
    if options.method != "tpe" and not options.prune:
        return Planned(plan)
    higher = is_better(metric, 1.0, 0.0)
    known = None if options.method == "tpe" else plan
    return Guided(space, seed, higher_is_better=higher, plan=known, prune=options.prune)


def _definition(setup: Setup, options: SweepOptions) -> dict[str, Any]:
    """What must be the same when it is resumed; the number of trials may grow."""
    space = {dim.key: dim.text for dim in setup.space}
    return {
        "kind": "sweep",
        "method": options.method,
        "space": space,
        "config": plan_to_tree(setup.plan),
    }


def _again(setup: Setup, options: SweepOptions, folder: Path) -> str:
    """The command that continues this sweep."""
    same = FitOptions(options.settings, seed=options.seed, data_dir=options.data_dir)
    more = ["--out", str(folder), "--resume", "--method", options.method]
    more += ["--trials", str(setup.trials), "--jobs", str(options.jobs)]
    more += ["--prune"] if options.prune else []
    more += ["--threads", str(options.threads)] if options.threads else []
    return fit_command(setup.config_path, same, *more, verb="sweep")


def _all_lost(result: Result) -> ExitCode:
    """Say that no trial finished, and why."""
    states = [trial.state for trial in result.trials]
    failed = [trial for trial in result.trials if trial.state == "failed"]
    if failed:
        warn(f"Error: no trial finished; {failed[0].name} failed: {failed[0].problem}")
        return ExitCode.FAILED
    warn(
        f"Error: none of {len(states)} trials finished with a finite {result.metric}; narrow the "
        "ranges, such as that of the learning rate to lower values"
    )
    return ExitCode.DIVERGED
