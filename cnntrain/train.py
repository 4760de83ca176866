"""Training: an experiment and a state in, a stream of events out. Knows no file, no terminal.

One loop serves batch, mini-batch and stochastic gradient descent (seed 004): they differ in the
number of samples per update alone. What comes next depends on the state alone, so training goes on
from any state as if it had never stopped.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.divergence import Divergence
from cnntrain.errors import ConfigError, Problems
from cnntrain.evaluate import evaluate
from cnntrain.experiment import Experiment
from cnntrain.feed import Feed
from cnntrain.layers import WholeBatchLayer
from cnntrain.metrics import means
from cnntrain.probe import Probe
from cnntrain.schedules import Clock
from cnntrain.scores import Score, is_better
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
    probe: Probe | None = None  # figures of the layers, every ``log.stats`` steps


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
    """Training is over; ``figures`` are those of the state it ended with.

    ``samples``: those of the batch that diverged, numbered as the source gives them.
    """

    reason: Reason
    detail: str
    epoch: int
    step: int
    figures: Mapping[str, float]
    elapsed_s: float
    samples: tuple[int, ...] = ()


Event = StepEnd | EpochEnd | Stopped


def training_clock(plan: Plan, samples: int) -> Clock:
    """Steps per epoch and in all, for ``samples`` training samples."""
    per_epoch = math.ceil(samples / plan.train.samples_per_step(samples))
    epochs, max_steps = plan.train.epochs, plan.train.max_steps
    limits = [max_steps or math.inf, epochs * per_epoch if epochs else math.inf]
    return Clock(per_epoch, int(min(limits)))


def check_training(experiment: Experiment, problems: Problems) -> None:
    """Note every warm-up, batch or figure that this training cannot have."""
    plan, data = experiment.plan, experiment.data
    with problems.gathered():
        plan.schedule.check(training_clock(plan, len(data.train)))
    with problems.gathered():
        _check_last_batch(experiment)
    for k, score in enumerate(plan.metrics):
        with problems.gathered():
            _check_score(experiment, score, ("metrics", k))
    labelled = data.classes is not None
    names = ["loss", "accuracy"] if labelled else ["loss", "mae", "rmse"]
    names += [score.name for score in plan.metrics if score.of_labels == labelled]
    known = [
        f"{split}/{name}"
        for split in ("train", "val")
        if split in data.splits
        for name in dict.fromkeys(names)
    ]
    wanted: list[tuple[tuple[str, ...], str]] = [(("train", "monitor"), _monitored(experiment))]
    wanted += [(("train", "stop", "target", figure), figure) for figure in plan.train.stop.target]
    for place, figure in wanted:
        if figure not in known:
            problem = f"this training has no figure {figure!r}; it has {', '.join(known)}"
            problems.found.append(ConfigError(problem, place))


def _check_score(experiment: Experiment, score: Score, place: tuple[str | int, ...]) -> None:
    """A metric must be of what is learned, and of as many classes."""
    if score.of_labels != (experiment.data.classes is not None):
        kind = "classification" if score.of_labels else "regression"
        raise ConfigError(f"{score.kind} is a metric of {kind}; remove it", place)
    outputs = experiment.network.out_shape[0]
    if score.two_classes and outputs > 2:
        raise ConfigError(
            f"{score.kind} is a metric of two classes, but the network has {outputs} outputs; "
            "remove it",
            place,
        )


def _check_last_batch(experiment: Experiment) -> None:
    """A batch normalisation of vectors needs two samples: one alone has no variance."""
    samples = len(experiment.data.train)
    batch = experiment.plan.train.samples_per_step(samples)
    smallest = samples % batch or batch
    for node in experiment.network.nodes:
        alone = isinstance(node.layer, WholeBatchLayer) and math.prod(node.out_shape[1:]) == 1
        if alone and smallest == 1:
            raise ConfigError(
                f"{node.name} needs at least two samples in every batch, but {samples} samples in "
                f"batches of {batch} leave one alone; choose another 'batch_size'",
                ("train", "batch_size"),
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
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Feed(experiment, clock) as feed:
        yield from _events(experiment, state, workers, feed, elapsed_s, now)


def _events(
    experiment: Experiment,
    state: State,
    workers: Workers,
    feed: Feed,
    elapsed_s: float,
    now: Callable[[], float],
) -> Iterator[Event]:
    plan, clock = experiment.plan, feed.clock
    began = now() - elapsed_s
    epoch_began, epoch_samples = now(), 0
    samples: tuple[int, ...] = ()
    while True:
        if state.sums and state.step % clock.steps_per_epoch == 0:
            seconds = max(now() - epoch_began, 1e-9)
            figures = _figures(experiment, state, workers)
            if (rule := non_finite_figure(state, figures, clock)) is not None:
                reason, detail = rule
                break
            lr = learning_rate(plan, state.step - 1, replace(clock, drops=state.drops))
            is_best = _end_epoch(experiment, state, figures, clock)
            yield EpochEnd(
                epoch=state.step // clock.steps_per_epoch,
                step=state.step,
                figures=dict(state.figures),
                lr=lr,
                elapsed_s=now() - began,
                samples_per_s=epoch_samples / seconds,
                is_best=is_best,
            )
            epoch_began, epoch_samples = now(), 0
        rule = why_stop(plan, state, clock, now() - began)
        if rule is not None:
            reason, detail = rule
            break
        outcome = take_step(experiment, state, workers, clock, feed)
        if isinstance(outcome, Divergence):
            reason, detail, samples = "diverged", outcome.message, outcome.samples
            break
        epoch_samples += outcome.sums["n"]
        epoch = math.ceil(state.step / clock.steps_per_epoch)
        figures = means(outcome.sums)
        yield StepEnd(epoch, state.step, figures, outcome.lr, now() - began, outcome.probe)
    inside_epoch = bool(state.sums) and reason != "diverged"
    figures = _figures(experiment, state, workers) if inside_epoch else state.figures
    epoch = math.ceil(state.step / clock.steps_per_epoch)
    yield Stopped(reason, detail, epoch, state.step, figures, now() - began, samples)


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


def non_finite_figure(
    state: State, figures: Mapping[str, float], clock: Clock
) -> tuple[Reason, str] | None:
    """The first figure of the epoch just finished that is NaN or infinite."""
    epoch = state.step // clock.steps_per_epoch
    for name, value in figures.items():
        if not math.isfinite(value):
            return "diverged", f"step {state.step} (epoch {epoch}): {name} is not finite"
    return None


def _figures(experiment: Experiment, state: State, workers: Workers) -> dict[str, float]:
    """Figures of the running epoch, with those of the validation split."""
    figures = experiment.figures("train", state.sums)
    if experiment.penalty:
        with np.errstate(over="ignore"):
            figures["train/penalty"] = experiment.penalty.value(experiment.network, state.params)
    if "val" in experiment.data.splits:
        sums = evaluate(experiment, state.evaluated(), "val", workers)
        figures |= experiment.figures("val", sums)
    return figures


def _end_epoch(
    experiment: Experiment, state: State, figures: dict[str, float], clock: Clock
) -> bool:
    """Close the running epoch with its figures; returns whether it is the best so far."""
    state.figures, state.sums = figures, {}
    name = _monitored(experiment)
    value = state.figures.get(name)
    is_best = value is not None and (state.best is None or is_better(name, value, state.best.value))
    if value is not None and is_best:
        state.best = Best(value, state.step // clock.steps_per_epoch, state.step)
    state.stale_epochs = 0 if is_best else state.stale_epochs + 1
    state.drops = experiment.plan.schedule.drops_after(state.stale_epochs, state.drops)
    return is_best
