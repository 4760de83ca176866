"""Events -> terminal: a progress bar where there is one, otherwise one line per epoch.

Everything goes to stderr; stdout is kept for results.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cnntrain.data.description import described
from cnntrain.metrics import metric_text
from cnntrain.optimizers.schedules import Clock
from cnntrain.runs.messages import epoch_line, stopped_line
from cnntrain.text import counted, printable, table
from cnntrain.training.events import EpochEnd, Event, StepEnd, Stopped
from cnntrain.training.experiment import Experiment, training_clock

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
            epochs = self.experiment.plan.train.epochs
            steps = self._clock.steps_per_epoch
            self._bar = tqdm(
                desc=f"epoch {event.epoch}" + (f"/{epochs}" if epochs else ""),
                total=steps,
                initial=(event.step - 1) % steps,
                unit="step",
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
            )
        samples = self.experiment.plan.train.samples_per_step(len(self.experiment.data.train))
        others = {name: v for name, v in event.metrics.items() if name != "loss"}
        shown = [
            metric_text("loss", self._loss),
            *(metric_text(name, v) for name, v in others.items()),
        ]
        rate = self._bar.format_dict["rate"]
        shown += [f"lr {event.lr:.3g}", f"{rate * samples:,.0f} samples/s" if rate else ""]
        self._bar.set_postfix_str("  ".join(filter(None, shown)), refresh=False)
        self._bar.update()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show_epoch(self, event: EpochEnd) -> None:
        line = epoch_line(event, self.experiment.plan.train.epochs)
        is_due = event.elapsed_s - self._last_line_s >= SECONDS_BETWEEN_LINES
        if is_due or event.epoch <= ALL_SHOWN_EPOCHS:
            self.say(line)
            self._last_line_s, self._held_back = event.elapsed_s, None
        else:
            self._held_back = line

    def _show_stop(self, event: Stopped) -> None:
        self.say(stopped_line(event))


def result_table(metrics: Mapping[str, float]) -> str:
    """``train/loss`` ... as a table: one row per split, one column per metric."""
    splits = list(dict.fromkeys(name.partition("/")[0] for name in metrics))
    names = list(dict.fromkeys(name.partition("/")[2] for name in metrics))
    rows: list[Sequence[str]] = [["split", *names]]
    for split in splits:
        cells = [metrics.get(f"{split}/{name}") for name in names]
        rows.append([split, *(_cell(name, v) for name, v in zip(names, cells, strict=True))])
    return table(rows)


def _cell(name: str, value: float | None) -> str:
    return "" if value is None else metric_text(name, value).removeprefix(f"{name} ")


def warn(line: str) -> None:
    """Print a line on stderr; a closed or broken stderr does not stop a training."""
    try:
        print(printable(line), file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        return


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
