"""``cnntrain fit``: the events of ``train`` go to the run folder and to the terminal."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cnntrain.commands.check import check, dry_run
from cnntrain.commands.follow import compare_with_guessing, help_to_train, recorded
from cnntrain.commands.resume import continued_run
from cnntrain.config.read import Config, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.environment import available_cores, program
from cnntrain.errors import ExitCode
from cnntrain.files import makes_renames_durable
from cnntrain.native import current, engine_named, why_slow
from cnntrain.network.network import equal_units
from cnntrain.runs.checkpoint import best_checkpoint, load
from cnntrain.runs.console import Console, result_table, say_on_terminal, warn
from cnntrain.runs.folder import empty_folder, has_no_checkpoint_yet, remove_own_litter, run_path
from cnntrain.runs.lock import RunLock
from cnntrain.runs.logs import read_metrics
from cnntrain.runs.messages import best_line
from cnntrain.runs.mpi import team_for
from cnntrain.runs.names import config_of, resolve
from cnntrain.runs.place import Place
from cnntrain.runs.signals import StopRequest, hang_on_lifeline, save_requests
from cnntrain.runs.tensorboard import check_tensorboard
from cnntrain.runs.transfer import weights_for
from cnntrain.runs.writer import RunFolder
from cnntrain.training.checks import check_training, parts_normalized
from cnntrain.training.events import Stopped
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import State, initial_optimizer_state, start, weights_sha256
from cnntrain.training.team import ALONE, Team
from cnntrain.training.train import train
from cnntrain.training.workers import Workers


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
    init_from: Path | None = None
    left_out: Sequence[str] = ()
    check: bool = False
    dry_run: bool = False
    mpi: bool | None = None  # None: if an MPI launcher has started this process
    is_member: bool = False  # of a group, whose command says what to do next


def run_fit(config_path: Path, options: FitOptions) -> ExitCode:
    """Train, with all ranks of an MPI job if there is one; the exit code says how it ended."""
    config_path = config_of(config_path)
    hang_on_lifeline()
    with team_for(options.mpi) as team, save_requests() as save_wanted:
        job = _Job(config_path, options, save_wanted)
        experiment, fresh = team.opened(job.opened)
        threads = options.threads or max(1, available_cores() // team.on_this_host)
        if team.rank:
            return help_to_train(experiment, team, threads)
        return job.lead(experiment, fresh, team, threads)


@dataclass(frozen=True)
class _Job:
    """A training as the command line asks for it, on the one rank that writes."""

    config_path: Path
    options: FitOptions
    save_wanted: Callable[[], bool]  # also while data is read: it does not ask for an end

    @cached_property
    def folders(self) -> DataFolders:
        """Where its data is looked for."""
        return DataFolders.of(self.options.data_dir, self.config_path.parent)

    def opened(self) -> tuple[Experiment, State]:
        """The experiment and its first state, on any rank."""
        options = self.options
        config = read_config(self.config_path, options.settings, options.seed)
        if not options.quiet:
            say_on_terminal(f"reading the data ({config.plan.data.source.kind}) ...")
        return opened(config, self.folders)

    def lead(self, experiment: Experiment, fresh: State, team: Team, threads: int) -> ExitCode:
        """Train, and write what comes of it."""
        options = self.options
        places = [str(folder.resolve()) for folder in self.folders.folders]
        about: dict[str, Any] = {"threads": threads, "data_folders": places}
        if team.size > 1:
            about["ranks"] = team.size
        if options.init_from is not None:
            about["init_from"] = _initialized(fresh, experiment, options)
        if options.check and not check(experiment, threads):
            return team.of_first(ExitCode.FAILED)
        if options.dry_run:
            dry_run(experiment, fit_command(self.config_path, options))
            return team.of_first(ExitCode.DONE)
        path = run_path(experiment.plan.name, options.out, options.resume)
        with StopRequest() as request, RunLock(path) as lock, Workers(threads, team) as workers:
            run, elapsed_s = _run_folder(lock.place, experiment, fresh, options, about)
            console = Console(experiment, options.quiet)
            for warning in (*_stale(lock), *_fleeting(path), *_warnings(experiment, fresh)):
                warn(f"Warning: {warning}")
                run.log(f"warning: {warning}")
            if options.init_from is not None:
                run.log(f"started from the weights of {about['init_from']['checkpoint']}")
            console.welcome(run.path, run.state.step)
            state, elapsed_s = team.of_first((run.state, elapsed_s))
            events = train(experiment, state, workers, elapsed_s)
            stopped = recorded(events, run, console, request, self.save_wanted, team)
            workers.team = ALONE
            compare_with_guessing(run, stopped, workers, request)
        _farewell(console, run, stopped, self.config_path, options)
        return ExitCode.DIVERGED if stopped.reason == "diverged" else request.exit_code


def _stale(lock: RunLock) -> list[str]:
    if lock.stale is None:
        return []
    return [f"{lock.path} was left by {lock.stale}, which no longer runs; taking over the run"]


def _fleeting(path: Path) -> list[str]:
    """What a power cut may undo, where the file system cannot prevent it."""
    if makes_renames_durable(path):
        return []
    return [
        f"{path}: this file system cannot flush a folder, so after a power cut the newest "
        "checkpoint may be missing and the one before it in its place; all else is unaffected"
    ]


def opened(config: Config, folders: DataFolders) -> tuple[Experiment, State]:
    """The experiment and its first state; errors of the config get their line and column."""
    with config.places():
        check_tensorboard(config.plan)
        experiment = open_experiment(config.plan, folders.find, further=check_training)
        return experiment, start(config.plan, experiment.network)


def _initialized(fresh: State, experiment: Experiment, options: FitOptions) -> dict[str, Any]:
    """Give a new run the weights of a checkpoint; returns the entry of ``env.json`` about it."""
    assert options.init_from is not None
    found = load(best_checkpoint(resolve(options.init_from)))
    weights, not_taken = weights_for(found, experiment, options.left_out)
    for reason in not_taken:
        warn(f"Warning: not taken from {found.path}: {reason}")
    fresh.params = fresh.params | weights
    fresh.optimizer_state = initial_optimizer_state(
        experiment.plan, experiment.network, fresh.params
    )
    digest = weights_sha256(found.state.params)
    about = {"checkpoint": str(found.path), "step": found.state.step, "weights_sha256": digest}
    return {**about, "not_taken": not_taken} if not_taken else about


def _run_folder(
    place: Place, experiment: Experiment, fresh: State, options: FitOptions, about: dict[str, Any]
) -> tuple[RunFolder, float]:
    """(the run folder, seconds already trained): new, or continued from its newest checkpoint."""
    if options.resume:
        remove_own_litter(place)
        if not has_no_checkpoint_yet(place.path):
            return continued_run(place, experiment)
        warn(f"Warning: {place.path}: it has no checkpoint yet; starting from the beginning")
    empty_folder(place, overwrite=options.overwrite or options.resume)
    return RunFolder.create(place, experiment, fresh, about), 0.0


def _warnings(experiment: Experiment, fresh: State) -> list[str]:
    slow = [f"training with NumPy: {why}" for why in (why_slow(),) if why is not None]
    return (
        slow
        + parts_normalized(experiment)
        + [
            f"all units of {name} start equal, and so do the weights that read them: they get the "
            "same gradient and never become different; use a random 'init'"
            for name in equal_units(experiment.network, fresh.params)
        ]
    )


def _farewell(
    console: Console, run: RunFolder, stopped: Stopped, config_path: Path, options: FitOptions
) -> None:
    """The final metrics, and what to do next."""
    if stopped.reason == "diverged":
        kept = "No checkpoint was written: the first weights are not finite."
        if run.last_good is not None:
            path, step = run.last_good
            kept = f"The last good checkpoint is {path} (step {step})."
        warn(
            f"Error: {stopped.detail}\nThe run diverged. {kept}\nWhat usually helps: a lower "
            "learning rate, a warm-up (schedule: {constant: {warmup_epochs: 1}}), clipped "
            "gradients (train: {clip: {norm: 1}}), normalized data (data: {normalize: "
            f"per_channel{_of_targets(run.experiment)}}})."
        )
        return
    best = run.state.best
    if stopped.metrics:
        console.say(f"\n{result_table(stopped.metrics, _metrics_of_best(run, stopped))}")
    if best is not None:
        console.say(best_line(best.epoch, run.experiment.monitored, best.value))
    if options.is_member:
        return
    console.say("\nNext:")
    commands = {
        f"eval {run.path}": "metrics on data it was not trained on",
        f"gradcheck {best_checkpoint(run.path)}": "prove its gradients",
        f"report {run.path}": "a page: curves, mistakes, filters (extra 'report')",
    }
    if stopped.reason == "interrupted":
        commands = {_resume_command(run, config_path, options): "continue exactly here", **commands}
    width = max(map(len, commands))
    for command, purpose in commands.items():
        console.say(f"  {program()} {command:{width}}  # {purpose}")


def _metrics_of_best(run: RunFolder, stopped: Stopped) -> dict[str, float] | None:
    """What the best epoch reached, unless the training ended with it."""
    best = run.state.best
    if best is None or best.step == stopped.step:
        return None
    lines = [line for line in read_metrics(run.path) if line["step"] == best.step]
    return {n: v for n, v in lines[0].items() if n in stopped.metrics and v is not None} or None


def _of_targets(experiment: Experiment) -> str:
    """What is to be normalized besides the inputs."""
    if experiment.task != "numbers" or experiment.data.normalizer.of_targets is not None:
        return ""
    return ", normalize_targets: standardize"


def _resume_command(run: RunFolder, config_path: Path, options: FitOptions) -> str:
    """The command that continues this run: the same one, with its folder and --resume."""
    return fit_command(config_path, options, "--out", str(run.path), "--resume")


def fit_command(config_path: Path, options: FitOptions, *more: str, verb: str = "fit") -> str:
    """A command that trains the same, as a shell takes it."""
    words = [verb, str(config_path), *more]
    if current() != engine_named():
        words += ["--engine", current().name]
    for setting in options.settings:
        words += ["--set", setting]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    if options.data_dir:
        words += ["--data-dir", str(options.data_dir)]
    return shlex.join(words)
