"""``cnntrain fit``: the events of ``train`` go to the run folder and to the terminal."""

import json
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnntrain.checkpoint import Checkpoint, best_checkpoint
from cnntrain.config.plan import Plan
from cnntrain.config.read import Config, plan_to_tree, read_config
from cnntrain.console import Console, result_table, warn
from cnntrain.environment import program
from cnntrain.errors import ExitCode, RunFolderError
from cnntrain.experiment import Experiment, open_experiment
from cnntrain.files import DataFolders
from cnntrain.network import equal_units
from cnntrain.runfolder import (
    RunFolder,
    elapsed_before,
    make_folder,
    newest_checkpoint,
    newest_run,
)
from cnntrain.shards import Workers, available_cores
from cnntrain.signals import StopRequest
from cnntrain.state import State, start
from cnntrain.tensorboard import TensorBoard, check_tensorboard
from cnntrain.train import Stopped, check_training, train


@dataclass(frozen=True)
class FitOptions:
    """The options of the command, as given."""

    settings: Sequence[str] = ()
    out: Path | None = None
    resume: bool = False
    overwrite: bool = False
    seed: int | None = None
    threads: int | None = None
    data_dir: Path | None = None
    quiet: bool = False


def run_fit(config_path: Path, options: FitOptions) -> ExitCode:
    """Train; the exit code says how it ended."""
    config = read_config(config_path, options.settings, options.seed)
    folders = DataFolders.of(options.data_dir, config_path.parent)
    experiment, fresh = _opened(config, folders)
    threads = options.threads or available_cores()
    about = {"threads": threads, "data_folders": [str(f.resolve()) for f in folders.folders]}
    run, elapsed_s = _run_folder(experiment, fresh, options, about)
    console = Console(experiment, options.quiet)
    for warning in _warnings(experiment, fresh):
        warn(f"Warning: {warning}")
        run.log(f"warning: {warning}")
    console.welcome(run.path, run.state.step)
    with StopRequest() as request, Workers(threads) as workers, _tensorboard(run) as board:
        for event in train(experiment, run.state, workers, elapsed_s):
            run.record(event)
            console.show(event)
            if board is not None:
                board.record(event)
            if isinstance(event, Stopped):
                stopped = event
                break
            if request.received is not None:
                stopped = Stopped(
                    "interrupted",
                    request.received.name,
                    event.epoch,
                    event.step,
                    run.state.figures,
                    event.elapsed_s,
                )
                run.record(stopped)
                console.show(stopped)
                break
    _farewell(console, run, stopped, config_path, options)
    return ExitCode.DIVERGED if stopped.reason == "diverged" else request.exit_code


def _tensorboard(run: RunFolder) -> AbstractContextManager[TensorBoard | None]:
    if not run.experiment.plan.log.tensorboard:
        return nullcontext()
    return TensorBoard(run.path / "tensorboard", run.state.step)


def _opened(config: Config, folders: DataFolders) -> tuple[Experiment, State]:
    """The experiment and its first state; errors of the config get their line and column."""
    with config.places():
        experiment = open_experiment(config.plan, folders.find)
        check_training(experiment)
        check_tensorboard(config.plan)
        return experiment, start(config.plan, experiment.network)


def _run_folder(
    experiment: Experiment, fresh: State, options: FitOptions, about: dict[str, Any]
) -> tuple[RunFolder, float]:
    """(the run folder, seconds trained before): new, or continued from its newest checkpoint."""
    if not options.resume:
        path = make_folder(experiment.plan.name, options.out, options.overwrite)
        return RunFolder.create(path, experiment, fresh, about), 0.0
    path = options.out or newest_run(experiment.plan.name)
    found, skipped = newest_checkpoint(path)
    for message in skipped:
        warn(f"Warning: {message}")
    _check_same(path, experiment, found)
    elapsed_s = elapsed_before(path, found.state.step)
    return RunFolder.resume(path, experiment, found), elapsed_s


def _check_same(path: Path, experiment: Experiment, found: Checkpoint) -> None:
    """A resumed run must be the run that was stopped: same plan, same data."""
    old, new = (_comparable(plan) for plan in (found.plan, experiment.plan))
    differing = [key for key in new if old.get(key) != new[key]]
    if differing:
        changes = "".join(
            f"\n  {k}: {json.dumps(old.get(k))} -> {json.dumps(new[k])}" for k in differing
        )
        raise RunFolderError(
            f"{path}: the config differs from that of the run, so it cannot be resumed exactly:"
            f"{changes}\nUse the config it was started with, or start a new run."
        )
    if found.fingerprint != experiment.data.fingerprint:
        raise RunFolderError(
            f"{path}: the data has changed since the run was started "
            f"(fingerprint {found.fingerprint[:12]}, now {experiment.data.fingerprint[:12]}); "
            "restore it, or start a new run"
        )


def _comparable(plan: Plan) -> dict[str, Any]:
    """What must not change: all but the stopping rules, unless the schedule looks at the end."""
    tree = plan_to_tree(plan)
    del tree["log"]  # which changes no bit
    train_options = tree.pop("train")
    free = {"checkpoint_steps", "stop"} | (
        set() if plan.schedule.sees_end else {"epochs", "max_steps"}
    )
    kept = {f"train.{key}": value for key, value in train_options.items() if key not in free}
    return {**tree, **kept, "train.stop.threshold": plan.train.stop.threshold is not None}


def _warnings(experiment: Experiment, fresh: State) -> list[str]:
    return [
        f"all units of {name} start equal, and so do the weights that read them: each gets the "
        "same gradient, so they stay equal for ever (seed 001); use a random 'init'"
        for name in equal_units(experiment.network, fresh.params)
    ]


def _farewell(
    console: Console, run: RunFolder, stopped: Stopped, config_path: Path, options: FitOptions
) -> None:
    """The final figures, and what to do next."""
    if stopped.reason == "diverged":
        warn(
            f"Error: {stopped.detail}\nThe run diverged; its last good checkpoints are kept in "
            f"{run.path / 'checkpoints'}.\nWhat usually helps: a lower learning rate, a warm-up "
            "(schedule: {constant: {warmup_epochs: 1}}), normalised data."
        )
        return
    if stopped.figures:
        console.say(f"\n{result_table(stopped.figures)}")
    best = run.state.best
    if best is not None and best.step != stopped.step:
        console.say(f"best epoch: {best.epoch} ({best.value:.6g})")
    console.say("\nNext:")
    commands = {
        f"eval {run.path}": "figures on data it was not trained on",
        f"gradcheck {best_checkpoint(run.path)}": "prove its gradients",
    }
    if stopped.reason == "interrupted":
        commands = {_resume_command(run, config_path, options): "continue exactly here", **commands}
    width = max(map(len, commands))
    for command, purpose in commands.items():
        console.say(f"  {program()} {command:{width}}  # {purpose}")


def _resume_command(run: RunFolder, config_path: Path, options: FitOptions) -> str:
    """What continues this run: the same command, with the run's folder and --resume."""
    words = ["fit", str(config_path), "--out", str(run.path), "--resume"]
    for setting in options.settings:
        words += ["--set", setting]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    if options.data_dir:
        words += ["--data-dir", str(options.data_dir)]
    return shlex.join(words)
