"""Events -> files: config, environment, metrics, log, checkpoints and summary of one run.

Checkpoints of an epoch are written at most once a second (epochs of a toy network take
milliseconds): since a resumed run repeats exactly what a lost one did, that loses nothing but time.
"""

import copy
import itertools
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from cnntrain import checkpoint
from cnntrain.checkpoint import Checkpoint
from cnntrain.config.read import dump_plan
from cnntrain.environment import environment
from cnntrain.errors import CheckpointError, RunFolderError
from cnntrain.experiment import Experiment
from cnntrain.files import write_text
from cnntrain.state import State
from cnntrain.train import EpochEnd, Event, StepEnd, Stopped
from cnntrain.wording import epoch_line, stopped_line

SECONDS_BETWEEN_CHECKPOINTS = 1.0
OWN_FILES = (
    "config.yaml",
    "env.json",
    "metrics.jsonl",
    "stats.jsonl",
    "log.txt",
    "summary.json",
    "checkpoints",
    "tensorboard",
)


class RunFolder:
    """The folder of one run; ``record`` writes what an event has to leave behind."""

    def __init__(self, path: Path, experiment: Experiment, state: State) -> None:
        self.path, self.experiment, self.state = path, experiment, state
        self._unsaved_best: State | None = None
        self._last_saved_s = -SECONDS_BETWEEN_CHECKPOINTS

    @classmethod
    def create(
        cls, path: Path, experiment: Experiment, state: State, about: Mapping[str, Any]
    ) -> Self:
        """Start a run in the empty folder ``path``. ``about``: more lines for ``env.json``."""
        run = cls(path, experiment, state)
        (path / "checkpoints").mkdir(exist_ok=True)
        write_text(path / "config.yaml", dump_plan(experiment.plan))
        plan, data = experiment.plan, experiment.data
        env = {**environment(), "seed": plan.seed, "data_fingerprint": data.fingerprint, **about}
        write_text(path / "env.json", json.dumps(env, indent=2) + "\n")
        (path / "metrics.jsonl").touch()
        run._save("last", state)
        return run

    @classmethod
    def resume(cls, path: Path, experiment: Experiment, found: Checkpoint) -> Self:
        """Continue the run in ``path`` from the checkpoint ``found``."""
        run = cls(path, experiment, found.state)
        (path / "summary.json").unlink(missing_ok=True)
        lines = [line for line in _whole_lines(path / "metrics.jsonl") if _is_kept(line, found)]
        write_text(path / "metrics.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
        if (path / "stats.jsonl").is_file():
            kept = [s for s in _whole_lines(path / "stats.jsonl") if s["step"] <= found.state.step]
            write_text(path / "stats.jsonl", "".join(f"{json.dumps(line)}\n" for line in kept))
        run.log(f"resumed from {found.path.name} at step {found.state.step}")
        return run

    def record(self, event: Event) -> None:
        """Write what ``event`` leaves behind."""
        if isinstance(event, StepEnd):
            if event.probe is not None:
                line = {"step": event.step, "epoch": event.epoch, **event.probe.as_tree()}
                self._append("stats.jsonl", json.dumps(line, allow_nan=False))
            every = self.experiment.plan.train.checkpoint_steps
            if every and event.step % every == 0:
                self._save_last()
                self._save(f"step-{event.step}", self.state)
        elif isinstance(event, EpochEnd):
            self._record_epoch(event)
        else:
            self._record_stop(event)

    def _record_epoch(self, event: EpochEnd) -> None:
        figures = {**event.figures, "lr": event.lr}
        times = {"elapsed_s": event.elapsed_s, "samples_per_s": event.samples_per_s}
        line = {"event": "epoch", "epoch": event.epoch, "step": event.step, **figures, **times}
        self._append("metrics.jsonl", json.dumps(line, allow_nan=False))
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
        figures = {name: value if _finite(value) else None for name, value in event.figures.items()}
        line = {"event": "end", **asdict(event), **figures}
        del line["figures"]
        self._append("metrics.jsonl", json.dumps(line, allow_nan=False))
        self.log(stopped_line(event))
        best = asdict(self.state.best) if self.state.best else None
        summary = {**line, "best": best}
        del summary["event"]
        write_text(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")

    def log(self, line: str) -> None:
        """A line for ``log.txt``, with the time of day."""
        self._append("log.txt", f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}")

    def _save_last(self) -> None:
        if self._unsaved_best is not None:  # first: a resumed run must find what `last` remembers
            self._save("best", self._unsaved_best)
            self._unsaved_best = None
        self._save("last", self.state)
        self._last_saved_s = time.monotonic()

    def _save(self, name: str, state: State) -> None:
        checkpoint.save(self.path / "checkpoints" / f"{name}.npz", self.experiment, state)

    def _append(self, name: str, line: str) -> None:
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _finite(value: float) -> bool:
    return value - value == 0


def make_folder(name: str, out: Path | None, overwrite: bool) -> Path:
    """An empty folder for a new run: ``out``, or the next number under ``runs/<name>``."""
    if out is None:
        return _next_number(Path("runs") / name)
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out}: not a folder; choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise RunFolderError(
                f"{out}: the folder is not empty; continue its run with --resume, "
                "replace it with --overwrite, or choose another --out"
            )
        _remove_run(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def _next_number(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(entry.name) for entry in parent.iterdir() if entry.name.isdecimal()]
    for number in itertools.count(max(taken, default=0) + 1):
        folder = parent / str(number)
        try:
            folder.mkdir()
        except FileExistsError:
            continue  # another process was faster
        return folder
    raise AssertionError


def _remove_run(folder: Path) -> None:
    for name in OWN_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def newest_run(name: str) -> Path:
    """The newest run folder of this name."""
    parent = Path("runs") / name
    runs = [entry for entry in parent.glob("*") if entry.name.isdecimal() and entry.is_dir()]
    if not runs:
        raise RunFolderError(f"{parent}: no run to resume; start one without --resume")
    return max(runs, key=lambda entry: int(entry.name))


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


def elapsed_before(folder: Path, step: int) -> float:
    """Seconds of training that the metrics record up to ``step``."""
    lines = _whole_lines(folder / "metrics.jsonl")
    return max((line["elapsed_s"] for line in lines if line["step"] <= step), default=0.0)


def _whole_lines(path: Path) -> Sequence[dict[str, Any]]:
    """The metrics lines that are whole: a crash may have cut the last one."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def _is_kept(line: Mapping[str, Any], found: Checkpoint) -> bool:
    """Whether the checkpoint knows of this epoch; later ones will be written again."""
    finished = line["step"] < found.state.step or not found.state.sums
    return line["event"] == "epoch" and line["step"] <= found.state.step and finished
