"""The trials of a sweep: a few at a time, until all have ended or a signal comes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnntrain.commands.fit import FitOptions
from cnntrain.commands.sweep.job import Job, series_of
from cnntrain.commands.sweep.result import Result, value_text
from cnntrain.commands.sweep.search import Planned
from cnntrain.config.plan import Plan
from cnntrain.config.space import Dimension, as_settings
from cnntrain.environment import available_cores
from cnntrain.errors import ExitCode, RunFolderError
from cnntrain.metrics import metric_text
from cnntrain.runs.console import warn
from cnntrain.runs.record import read_run
from cnntrain.runs.signals import StopRequest
from cnntrain.runs.trials import TRIALS_FILE, Trial, TrialLog
from cnntrain.text import duration

LOOK_EVERY_S = 0.05  # at the running trials
STATES: dict[int, str] = {ExitCode.DONE: "finished", ExitCode.DIVERGED: "diverged"}


@dataclass(frozen=True)
class SweepOptions:
    """The options of the command, as given."""

    settings: Sequence[str] = ()
    method: str = "random"
    trials: int | None = None
    jobs: int = 1
    prune: bool = False
    out: Path | None = None
    resume: bool = False
    seed: int | None = None
    threads: int | None = None
    data_dir: Path | None = None


@dataclass(frozen=True)
class Setup:
    """What all trials have in common."""

    config_path: Path
    fixed: tuple[str, ...]
    space: tuple[Dimension, ...]
    plan: Plan  # of one trial
    metric: str
    trials: int
    search: Planned


class Trials:
    """The running trials, and those still to come."""

    def __init__(
        self, setup: Setup, options: SweepOptions, log: TrialLog, request: StopRequest
    ) -> None:
        self.setup, self.options, self.log, self.request = setup, options, log, request
        self.search = setup.search
        self.threads = options.threads or max(1, available_cores() // options.jobs)
        self.running: list[Job] = []
        self.waiting = [n for n in range(1, setup.trials + 1) if not self._has_ended(n)]
        for trial in log.trials.values():
            self._check_values(trial)
            if trial.has_ended:
                self.search.end(trial, series_of(log.folder(trial), setup.metric))

    def _has_ended(self, number: int) -> bool:
        known = self.log.trials.get(number)
        return known is not None and known.has_ended

    def _check_values(self, trial: Trial) -> None:
        """Of a record that may have been edited."""
        space, values = {dim.key: dim for dim in self.setup.space}, trial.values
        if values.keys() != space.keys() or not all(space[k].holds(values[k]) for k in space):
            raise RunFolderError(
                f"{self.log.place.path / TRIALS_FILE}: {trial.name} has values outside the ranges; "
                "remove its lines"
            )

    def run(self) -> None:
        """Until all have ended, or a signal came and the running ones have stopped."""
        try:
            while self.running or (self.waiting and self.request.received is None):
                while self._has_room():
                    self.running.append(self._started(self.waiting.pop(0)))
                if self.request.received is not None:
                    self._stop()
                self.running = [job for job in self.running if not self._is_over(job)]
                time.sleep(LOOK_EVERY_S)
        finally:
            for job in self.running:
                job.stop()

    def _has_room(self) -> bool:
        free = len(self.running) < self.options.jobs
        return bool(self.waiting) and free and self.request.received is None

    def _started(self, number: int) -> Job:
        trial = self.log.restarted(number) or Trial(number, self.search.values(number))
        self.search.begin(trial)
        self.log.record(trial)
        given = (*self.setup.fixed, *as_settings(dict(trial.values)))
        fit = FitOptions(given, seed=self.options.seed, data_dir=self.options.data_dir)
        return Job(trial, self.log.folder(trial), self.setup.config_path, fit, self.threads)

    def _stop(self) -> None:
        """Once per job: a second signal would end it without a checkpoint."""
        for job in self.running:
            if not job.is_stopped:
                job.stop()

    def _is_over(self, job: Job) -> bool:
        """Record the end of a job that ended; stop it if it is hopeless."""
        code = job.code()
        if code is None:
            self._prune(job)
            return False
        if job.is_stopped and not job.is_pruned and code != ExitCode.DONE:
            job.problem()  # to close what it said
            return True  # interrupted, to be continued
        trial = self._outcome(job, code)
        series = series_of(job.folder, self.setup.metric)
        self.search.end(trial, series)
        self.log.record(trial)
        self._tell(trial)
        return True

    def _prune(self, job: Job) -> None:
        series = series_of(job.folder, self.setup.metric)
        if not job.is_stopped and self.search.is_hopeless(job.trial, series):
            job.is_pruned = True
            job.stop()

    def _outcome(self, job: Job, code: int) -> Trial:
        """How it ended; the figures are those of its best epoch."""
        problem = job.problem()
        state = STATES.get(code)
        if state is None and job.is_pruned:
            state = "pruned"
        if state is None:
            return replace(job.trial, state="failed", problem=problem)
        record = read_run(job.folder)
        found = record.best or record.last or {}
        value, elapsed_s = found.get(self.setup.metric), record.newest.get("elapsed_s")
        if state == "finished" and value is None:
            problem = f"it recorded no {self.setup.metric}"
            return replace(job.trial, state="failed", problem=problem)
        epoch = found.get("epoch")
        return replace(job.trial, state=state, value=value, epoch=epoch, elapsed_s=elapsed_s)

    def _tell(self, trial: Trial) -> None:
        best = Result(self.log.place, self.setup.metric, list(self.log.trials.values())).best
        values = " ".join(f"{key}={value_text(value)}" for key, value in trial.values.items())
        parts = [
            f"trial {trial.trial}/{self.setup.trials}",
            trial.state if trial.state != "finished" else "",
            "" if trial.value is None else metric_text(self.setup.metric, trial.value),
            "" if trial.elapsed_s is None else duration(trial.elapsed_s),
            values,
            "* best" if best is not None and best.trial == trial.trial else "",
        ]
        warn("  ".join(filter(None, parts)))
        if trial.problem:
            warn(f"  {trial.problem}")
