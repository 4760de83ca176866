"""Training: an experiment and a state in, a stream of events out. Knows no file, no terminal.

One loop serves batch, mini-batch and stochastic gradient descent: they differ in the
number of samples per update alone. What comes next depends on the state alone, so training goes on
from any state as if it had never stopped.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from cnntrain.metrics.base import is_better
from cnntrain.metrics.sums import means
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.divergence import Divergence
from cnntrain.training.evaluate import evaluate
from cnntrain.training.events import EpochEnd, Event, StepEnd, Stopped
from cnntrain.training.experiment import Experiment, _monitored, training_clock
from cnntrain.training.feed import Feed
from cnntrain.training.shards import Workers
from cnntrain.training.state import Best, State
from cnntrain.training.step import learning_rate, train_step
from cnntrain.training.stopping import non_finite_metric, why_stop


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
            metrics = _metrics(experiment, state, workers)
            if (rule := non_finite_metric(state, metrics, clock)) is not None:
                reason, detail = rule
                break
            lr = learning_rate(plan, state.step - 1, replace(clock, drops=state.drops))
            is_best = _end_epoch(experiment, state, metrics, clock)
            yield EpochEnd(
                epoch=state.step // clock.steps_per_epoch,
                step=state.step,
                metrics=dict(state.metrics),
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
        outcome = train_step(experiment, state, workers, clock, feed)
        if isinstance(outcome, Divergence):
            reason, detail, samples = "diverged", outcome.message, outcome.samples
            break
        epoch_samples += outcome.sums["n"]
        epoch = math.ceil(state.step / clock.steps_per_epoch)
        metrics = means(outcome.sums)
        yield StepEnd(epoch, state.step, metrics, outcome.lr, now() - began, outcome.probe)
    inside_epoch = bool(state.sums) and reason != "diverged"
    metrics = _metrics(experiment, state, workers) if inside_epoch else state.metrics
    epoch = math.ceil(state.step / clock.steps_per_epoch)
    yield Stopped(reason, detail, epoch, state.step, metrics, now() - began, samples)


def _metrics(experiment: Experiment, state: State, workers: Workers) -> dict[str, float]:
    """Metrics of the running epoch, with those of the validation split."""
    metrics = experiment.metrics("train", state.sums)
    if experiment.penalty:
        with np.errstate(over="ignore"):
            metrics["train/penalty"] = experiment.penalty.value(experiment.network, state.params)
    if "val" in experiment.data.splits:
        sums = evaluate(experiment, state.evaluated(), "val", workers)
        metrics |= experiment.metrics("val", sums)
    return metrics


def _end_epoch(
    experiment: Experiment, state: State, metrics: dict[str, float], clock: Clock
) -> bool:
    """Close the running epoch with its metrics; returns whether it is the best so far."""
    state.metrics, state.sums = metrics, {}
    name = _monitored(experiment)
    value = state.metrics.get(name)
    is_best = value is not None and (state.best is None or is_better(name, value, state.best.value))
    if value is not None and is_best:
        state.best = Best(value, state.step // clock.steps_per_epoch, state.step)
    state.stale_epochs = 0 if is_best else state.stale_epochs + 1
    state.drops = experiment.plan.schedule.drops_after(state.stale_epochs, state.drops)
    return is_best
