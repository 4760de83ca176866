"""Training: an experiment and a state in, a stream of events out. Knows no file, no terminal.

One loop serves batch, mini-batch and stochastic gradient descent (seed 004): they differ in the
number of samples per update alone. What comes next depends on the state alone, so training goes on
from any state as if it had never stopped.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from cnntrain.config.plan import Plan
from cnntrain.errors import ConfigError
from cnntrain.evaluate import evaluate
from cnntrain.experiment import Experiment
from cnntrain.metrics import means
from cnntrain.objective import penalty
from cnntrain.schedules import Clock
from cnntrain.shards import Workers
from cnntrain.state import Best, State
from cnntrain.step import learning_rate, take_step

Reason = Literal[
    "epochs", "threshold", "patience", "target", "minutes", "max_steps", "interrupted", "diverged"
]


@dataclass(frozen=True)
class StepEnd:
    """An update was made. ``epoch`` is the running one, from 1; ``figures`` those of the batch."""

    epoch: int
    step: int
    figures: Mapping[str, float]
    lr: float
    elapsed_s: float


@dataclass(frozen=True)
class EpochEnd:
    """All training samples were visited once, and the validation split was evaluated."""

    epoch: int
    step: int
    figures: Mapping[str, float]
    lr: float
    elapsed_s: float
    samples_per_s: float
    is_best: bool


@dataclass(frozen=True)
class Stopped:
    """Training is over; ``figures`` are those of the state it ended with."""

    reason: Reason
    detail: str
    epoch: int
    step: int
    figures: Mapping[str, float]
    elapsed_s: float


Event = StepEnd | EpochEnd | Stopped


def training_clock(plan: Plan, samples: int) -> Clock:
    """Steps per epoch and in all, for ``samples`` training samples."""
    per_epoch = math.ceil(samples / plan.train.samples_per_step(samples))
    epochs, max_steps = plan.train.epochs, plan.train.max_steps
    limits = [max_steps or math.inf, epochs * per_epoch if epochs else math.inf]
    return Clock(per_epoch, int(min(limits)))


def check_training(experiment: Experiment) -> None:
    """Raise ``ConfigError`` for a warm-up or a figure that this training does not have."""
    plan, data = experiment.plan, experiment.data
    plan.schedule.check(training_clock(plan, len(data.train)))
    names = ("loss", "accuracy") if data.classes is not None else ("loss", "mae", "rmse")
    known = [
        f"{split}/{name}" for split in ("train", "val") if split in data.splits for name in names
    ]
    wanted = {
        "train.monitor": [_monitored(experiment)],
        "train.stop.target": plan.train.stop.target,
    }
    for option, figures in wanted.items():
        for figure in figures:
            if figure not in known:
                raise ConfigError(
                    f"{option}: this training has no figure {figure!r}; it has {', '.join(known)}"
                )


def _monitored(experiment: Experiment) -> str:
    data = experiment.data
    return experiment.plan.train.monitored("val" in data.splits, data.classes is not None)


def train(
    experiment: Experiment,
    state: State,
    workers: Workers,
    elapsed_s: float = 0.0,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Train until a stopping rule holds; ``state`` is current whenever an event is out.

    Leaving the loop over these events stops the training; calling ``train`` again with the same
    state continues it. ``elapsed_s``: time spent before, for ``stop.minutes``.
    """
    plan, clock = experiment.plan, training_clock(experiment.plan, len(experiment.data.train))
    began = now() - elapsed_s
    epoch_began, epoch_samples = now(), 0
    while True:
        if state.sums and state.step % clock.steps_per_epoch == 0:
            seconds = max(now() - epoch_began, 1e-9)
            is_best = _end_epoch(experiment, state, workers, clock)
            yield EpochEnd(
                epoch=state.step // clock.steps_per_epoch,
                step=state.step,
                figures=dict(state.figures),
                lr=learning_rate(plan, state.step - 1, clock),
                elapsed_s=now() - began,
                samples_per_s=epoch_samples / seconds,
                is_best=is_best,
            )
            epoch_began, epoch_samples = now(), 0
        rule = why_stop(plan, state, clock, now() - began)
        if rule is not None:
            reason, detail = rule
            break
        outcome = take_step(experiment, state, workers, clock)
        if isinstance(outcome, str):
            reason, detail = "diverged", outcome
            break
        sums, lr = outcome
        epoch_samples += sums["n"]
        epoch = math.ceil(state.step / clock.steps_per_epoch)
        yield StepEnd(epoch, state.step, means(sums), lr, now() - began)
    inside_epoch = bool(state.sums) and reason != "diverged"
    figures = _figures(experiment, state, workers) if inside_epoch else state.figures
    epoch = math.ceil(state.step / clock.steps_per_epoch)
    yield Stopped(reason, detail, epoch, state.step, figures, now() - began)


def why_stop(plan: Plan, state: State, clock: Clock, elapsed_s: float) -> tuple[Reason, str] | None:
    """The first stopping rule that holds, with the figures behind it; a function of the state."""
    rule, step = plan.train.stop, state.step
    if plan.train.max_steps and step >= plan.train.max_steps:
        return "max_steps", f"{step} steps made"
    if plan.train.epochs and step >= plan.train.epochs * clock.steps_per_epoch:
        return "epochs", f"{plan.train.epochs} epochs done"
    change = state.largest_change
    if rule.threshold and change is not None and change < rule.threshold:
        return "threshold", f"every W and b changed by less than {rule.threshold:g} ({change:.3g})"
    if rule.patience and state.stale_epochs >= rule.patience and not state.sums:
        return "patience", f"no better epoch for {state.stale_epochs} epochs"
    for name, target in rule.target.items():
        reached = name in state.figures and is_better(name, state.figures[name], target, equal=True)
        if reached and not state.sums:
            return "target", f"{name} {state.figures[name]:.6g} reached {target:g}"
    if rule.minutes and elapsed_s >= 60 * rule.minutes:
        return "minutes", f"{elapsed_s / 60:.2f} minutes spent"
    return None


def is_better(name: str, value: float, than: float, equal: bool = False) -> bool:
    """Whether a figure improved: more accuracy, less of anything else."""
    if equal and value == than:
        return True
    return value > than if name.endswith("accuracy") else value < than


def _figures(experiment: Experiment, state: State, workers: Workers) -> dict[str, float]:
    """Figures of the running epoch, with those of the validation split."""
    figures = {f"train/{name}": value for name, value in means(state.sums).items()}
    if experiment.decay:
        figures["train/penalty"] = penalty(experiment.network, state.params, experiment.decay)
    if "val" in experiment.data.splits:
        sums = evaluate(experiment, state.params, "val", workers)
        figures |= {f"val/{name}": value for name, value in means(sums).items()}
    return figures


def _end_epoch(experiment: Experiment, state: State, workers: Workers, clock: Clock) -> bool:
    """Evaluate; returns whether this epoch is the best so far."""
    state.figures = _figures(experiment, state, workers)
    state.sums = {}
    name = _monitored(experiment)
    value = state.figures[name]
    is_best = state.best is None or is_better(name, value, state.best.value)
    if is_best:
        state.best = Best(value, state.step // clock.steps_per_epoch, state.step)
    state.stale_epochs = 0 if is_best else state.stale_epochs + 1
    return is_best
