"""Events -> files: config, environment, metrics, log, checkpoints and summary of one run.

Checkpoints of an epoch are written at most once a second (epochs of a toy network take
milliseconds): a resumed run repeats exactly what was lost, so only time is at stake.
"""

import copy
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np

from cnntrain.config.read import dump_plan
from cnntrain.environment import environment
from cnntrain.errors import CheckpointError
from cnntrain.files import append_line
from cnntrain.native import current
from cnntrain.runs import checkpoint
from cnntrain.runs.checkpoint import Checkpoint
from cnntrain.runs.folder import remove_own_litter
from cnntrain.runs.logs import read_metrics, read_stats, recorded_summary
from cnntrain.runs.messages import epoch_line, stopped_line
from cnntrain.runs.place import Place
from cnntrain.text import json_text, visible
from cnntrain.training.events import EpochEnd, Event, StepEnd, Stopped
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State, weights_sha256

SECONDS_BETWEEN_CHECKPOINTS = 1.0


class RunFolder:
    """The folder of one run; ``record`` writes what belongs to an event."""

    def __init__(self, where: Path | Place, experiment: Experiment, state: State) -> None:
        self.place, self.experiment, self.state = Place.at(where), experiment, state
        self.path = self.place.path
        self.last_good: tuple[Path, int] | None = None  # the newest checkpoint and its step
        self._unsaved_best: State | None = None
        self._last_saved_s = -SECONDS_BETWEEN_CHECKPOINTS

    @classmethod
    def create(
        cls, where: Path | Place, experiment: Experiment, state: State, about: Mapping[str, Any]
    ) -> Self:
        """Start a run in the empty folder ``where``. ``about``: more lines for ``env.json``."""
        run = cls(where, experiment, state)
        plan, data = experiment.plan, experiment.data
        samples = {name: len(split) for name, split in data.splits.items()}
        about_data = {"data_fingerprint": data.fingerprint, "samples": samples}
        env = {
            **environment(),
            "engine": current().about(),
            "seed": plan.seed,
            **about_data,
            **about,
        }
        run.place.make_folder("checkpoints")
        run.place.write_text("env.json", json_text(env, indent=2) + "\n")
        run.place.write_text("config.yaml", dump_plan(experiment.plan))
        run.place.write_text("metrics.jsonl", "")
        if all(np.isfinite(W).all() for W in state.params.values()):
            run._save("last", state)
        return run

    @classmethod
    def resume(cls, where: Path | Place, experiment: Experiment, found: Checkpoint) -> Self:
        """Continue the run in ``where`` from the checkpoint ``found``."""
        run = cls(where, experiment, found.state)
        run.last_good = (found.path, found.state.step)
        remove_own_litter(run.place)
        run.place.remove("summary.json")
        config = dump_plan(experiment.plan)  # its limits may have been extended
        run.place.write_text("config.yaml", config)
        run._rewrite("metrics.jsonl", [e for e in read_metrics(run.path) if _is_kept(e, found)])
        if (run.path / "stats.jsonl").is_file():
            kept = [line for line in read_stats(run.path) if line["step"] <= found.state.step]
            run._rewrite("stats.jsonl", kept)
        run.log(f"resumed from {found.path.name} at step {found.state.step}")
        return run

    def record(self, event: Event) -> None:
        """Write what belongs to ``event``."""
        if isinstance(event, StepEnd):
            if event.probe is not None:
                line = {"step": event.step, "epoch": event.epoch, **asdict(event.probe)}
                self._append("stats.jsonl", json_text(line))
            every = self.experiment.plan.train.checkpoint_steps
            if every and event.step % every == 0:
                self._save_last(f"step-{event.step}")
        elif isinstance(event, EpochEnd):
            self._record_epoch(event)
        else:
            self._record_stop(event)

    def _record_epoch(self, event: EpochEnd) -> None:
        metrics = {**event.metrics, "lr": event.lr}
        times = {"elapsed_s": event.elapsed_s, "samples_per_s": event.samples_per_s}
        line = {"event": "epoch", "epoch": event.epoch, "step": event.step, **metrics, **times}
        self._append("metrics.jsonl", json_text(line))
        self.log(epoch_line(event, self.experiment.plan.train.epochs))
        if event.is_best:
            self._unsaved_best = copy.deepcopy(self.state)
        if time.monotonic() - self._last_saved_s >= SECONDS_BETWEEN_CHECKPOINTS:
            self._save_last()

    def _record_stop(self, event: Stopped) -> None:
        if event.reason != "diverged":
            self._save_last()
        elif self._unsaved_best:
            self._save("best", self._unsaved_best)
        line = {"event": "end", **asdict(event), **event.metrics}
        del line["metrics"], line["samples"]
        self._append("metrics.jsonl", json_text(line))
        self.log(stopped_line(event))
        if event.samples:
            self.log(f"samples of that batch, numbered as in the source: {list(event.samples)}")
        best = asdict(self.state.best) if self.state.best else None
        summary = {**line, "best": best, "engine": current().name}
        if event.reason != "diverged":
            summary["weights_sha256"] = weights_sha256(self.state.params)
        del summary["event"]
        self.place.write_text("summary.json", json_text(summary, indent=2) + "\n")

    def record_baseline(self, found: Mapping[str, Any]) -> None:
        """Add to the summary what guessing would give, and the verdict."""
        summary = {**recorded_summary(self.path), "baseline": dict(found)}
        self.place.write_text("summary.json", json_text(summary, indent=2) + "\n")

    def save_now(self) -> None:
        """Write a checkpoint on request."""
        self._save_last()
        self.log(f"checkpoint written on request at step {self.state.step}")

    def log(self, line: str) -> None:
        """A line for ``log.txt``, with the time of day."""
        self._append("log.txt", f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {visible(line)}")

    def _save_last(self, *others: str) -> None:
        """Write ``last``, and before it everything that a run resumed from ``last`` needs."""
        if self._unsaved_best is not None:
            self._save("best", self._unsaved_best)
            self._unsaved_best = None
        for name in (*others, "last"):
            self._save(name, self.state)
        self._last_saved_s = time.monotonic()

    def _save(self, name: str, state: State) -> None:
        file = f"checkpoints/{name}.npz"
        with self.place.opened(file) as folder:
            checkpoint.save(self.path / file, self.experiment, state, folder)
        if name == "last":
            self.last_good = (self.path / file, state.step)

    def _append(self, name: str, line: str) -> None:
        with self.place.opened(name) as folder:
            append_line(self.path / name, line, folder)

    def _rewrite(self, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
        self.place.write_text(name, "".join(f"{json_text(line)}\n" for line in lines))


def newest_checkpoint(folder: Path) -> tuple[Checkpoint, list[str]]:
    """The newest readable checkpoint of a run, and a warning for every unreadable one."""
    paths = sorted((folder / "checkpoints").glob("*.npz"))
    found, warnings = [], []
    for path in paths:
        try:
            found.append(checkpoint.load(path))
        except CheckpointError as error:
            warnings.append(f"skipped {error}")
    if not found:
        problems = "".join(f"\n  {warning}" for warning in warnings)
        raise CheckpointError(f"{folder}: no readable checkpoint to resume from{problems}")
    newest = max(found, key=lambda c: (c.state.step, not c.state.sums, c.path.name == "last.npz"))
    return newest, warnings


def _is_kept(line: Mapping[str, Any], found: Checkpoint) -> bool:
    """Whether this epoch precedes the checkpoint; later ones will be written again."""
    finished = line["step"] < found.state.step or not found.state.sums
    return line["event"] == "epoch" and line["step"] <= found.state.step and finished
