"""Events -> terminal: a progress bar where there is one, otherwise one line per epoch.

Everything goes to stderr; stdout is kept for results.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cnntrain.data.description import described
from cnntrain.metrics import metric_text
from cnntrain.optimizers.schedules import Clock
from cnntrain.runs.epoch_table import EpochTable, value_text
from cnntrain.runs.messages import stopped_line
from cnntrain.text import counted, duration, printable, table
from cnntrain.training.events import EpochEnd, Event, StepEnd, Stopped
from cnntrain.training.experiment import Experiment, training_clock

BAR = "{desc}: {percentage:3.0f}% |{bar}| {postfix}"
LEAST_BAR = 10  # characters
NARROW, WIDE = 80, 120  # of a file, and the widest that is used of a terminal
SMOOTHING = 0.95  # of the loss on the bar: each batch counts 5 %
ALL_SHOWN_EPOCHS = 100  # each of the first epochs gets a line; later ones,
SECONDS_BETWEEN_LINES = 2.0  # if they are short, only some of them (log.txt has them all)


class Console:
    """Shows the events of one run; with ``quiet``, only warnings."""

    def __init__(self, experiment: Experiment, quiet: bool = False) -> None:
        self.experiment, self.quiet = experiment, quiet
        samples = len(experiment.data.train)
        self._clock: Clock = training_clock(experiment.plan, samples)
        self._bar: Any = None
        self._bars = not quiet and _is_terminal()
        self._loss: float | None = None
        self._table = EpochTable(experiment.plan.train.epochs, screen_width(), experiment.monitored)
        self._held_back: str | None = None
        self._last_line_s = -SECONDS_BETWEEN_LINES

    def welcome(self, folder: Path, step: int) -> None:
        """Say what is about to be trained, on which data, and where it is written."""
        plan, network, data = self.experiment.plan, self.experiment.network, self.experiment.data
        splits = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
        verb = f"resuming at step {step}" if step else "training"
        memory = self.experiment.training_bytes.total / 2**20
        whole = " (batch normalization holds a whole batch)" if network.couples_samples else ""
        for line in described(data):
            self.say(line)
        self.say(
            f"{plan.name}: {verb}; {counted(len(network.nodes), 'layer')}, "
            f"{counted(network.parameter_count, 'parameter')}; samples {splits}; "
            f"about {memory:,.0f} MiB per step{whole}; writing to {folder}"
        )

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepEnd):
            self._show_step(event)
        elif isinstance(event, EpochEnd):
            self._close_bar()
            self._show_epoch(event)
        else:
            self._close_bar()
            if self._held_back:
                self.say(self._held_back)
            self._show_stop(event)

    def say(self, line: str) -> None:
        """Print a line on stderr, unless quiet."""
        if not self.quiet:
            warn(line)

    def _show_step(self, event: StepEnd) -> None:
        loss = event.metrics["loss"]
        self._loss = loss if self._loss is None else SMOOTHING * self._loss + (1 - SMOOTHING) * loss
        if not self._bars:
            return
        if self._bar is None:
            self._bar = self._new_bar(event)
        self._bar.set_postfix_str(self._beside_bar(event), refresh=False)
        self._bar.update()

    def _new_bar(self, event: StepEnd) -> Any:
        epochs = self.experiment.plan.train.epochs
        steps = self._clock.steps_per_epoch
        return tqdm(
            desc=f"epoch {event.epoch}" + (f"/{epochs}" if epochs else ""),
            total=steps,
            initial=(event.step - 1) % steps,
            bar_format=BAR,
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def _beside_bar(self, event: StepEnd) -> str:
        """Loss, speed, and the time left, as much as leaves room for the bar."""
        assert self._loss is not None
        samples = self.experiment.plan.train.samples_per_step(len(self.experiment.data.train))
        shown = [metric_text("loss", self._loss)]
        if rate := self._steps_per_second():
            steps = self._clock.steps_per_epoch
            left = [steps - (event.step - 1) % steps - 1, self._clock.total_steps - event.step]
            epoch, run = (duration(max(0, count) / rate) for count in left)
            shown += [f"{epoch} left, run {run}", f"{rate * samples:,.0f} samples/s"]
        room = screen_width() - LEAST_BAR - len(f"{self._bar.desc}:  100% || ")
        while len(shown) > 1 and len("  ".join(shown)) > room:
            shown.pop()
        return "  ".join(shown)

    def _steps_per_second(self) -> float | None:
        """The bar's smoothed speed, until there is one the mean since its beginning."""
        bar: dict[str, Any] = self._bar.format_dict
        rate: float | None = bar["rate"]
        if rate is None and bar["elapsed"] > 0:
            rate = (bar["n"] - bar["initial"]) / bar["elapsed"]
        return rate

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show_epoch(self, event: EpochEnd) -> None:
        *header, line = self._table.lines(event)
        for text in header:
            self.say(text)
        is_due = event.elapsed_s - self._last_line_s >= SECONDS_BETWEEN_LINES
        if is_due or event.epoch <= ALL_SHOWN_EPOCHS:
            self.say(line)
            self._last_line_s, self._held_back = event.elapsed_s, None
        else:
            self._held_back = line

    def _show_stop(self, event: Stopped) -> None:
        self.say(stopped_line(event))


def result_table(last: Mapping[str, float], best: Mapping[str, float] | None = None) -> str:
    """One row per metric: those of the last state, and of the best epoch if there is another."""
    columns = [("best", best)] if best else []
    columns.append(("last", last))
    names = list(dict.fromkeys(name for _, metrics in columns for name in metrics))
    rows: list[Sequence[str]] = [["", *(word for word, _ in columns)]]
    for name in names:
        cells = [metrics.get(name) for _, metrics in columns if metrics is not None]
        rows.append([name, *("" if v is None else value_text(name, v) for v in cells)])
    return table(rows)


def screen_width() -> int:
    """The columns to fill: those of the terminal, or 80."""
    if not _is_terminal():
        return NARROW
    return min(WIDE, shutil.get_terminal_size((NARROW, 24)).columns)


def warn(line: str) -> None:
    """Print a line on stderr; a closed or broken stderr does not stop a training."""
    try:
        print(printable(line), file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        return


def say_on_terminal(line: str) -> None:
    """A line for who is waiting in front of a terminal."""
    if _is_terminal():
        warn(line)


def progress_bar(unit: str) -> Any:
    """A bar on stderr, where that is a terminal; use it in a ``with``."""
    return tqdm(
        total=0, unit=unit, leave=False, dynamic_ncols=True, file=sys.stderr,
        disable=not _is_terminal(),
    )  # fmt: skip


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
