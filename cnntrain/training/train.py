"""Training: an experiment and a state in, a stream of events out. Knows no file, no terminal.

One loop serves batch, mini-batch and stochastic gradient descent, which differ only in the number
of samples per update. What comes next depends on the state alone, so training continues from any
state as if it had never stopped.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from cnntrain.metrics import is_better
from cnntrain.metrics.sums import means
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.divergence import Divergence
from cnntrain.training.evaluate import evaluate
from cnntrain.training.events import EpochEnd, Event, Reason, StepEnd, Stopped
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.feed import Feed
from cnntrain.training.state import Best, State
from cnntrain.training.step import learning_rate, train_step
from cnntrain.training.stopping import non_finite_metric, why_stop
from cnntrain.training.workers import Workers


def train(
    experiment: Experiment,
    state: State,
    workers: Workers,
    elapsed_s: float = 0.0,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Train until a stopping rule holds; ``state`` is current whenever an event is yielded.

    Leaving the loop over these events stops the training; calling ``train`` again with the same
    state continues it. ``elapsed_s``: time already spent, for ``stop.minutes``.
    """
    clock = training_clock(experiment.plan, len(experiment.data.train))
    watch = _Stopwatch(now, elapsed_s)
    with Feed(experiment, clock, workers.team) as feed:
        yield from _events(experiment, state, workers, feed, watch)


class _Stopwatch:
    """Seconds of the whole training, and the samples seen per second in the running epoch."""

    def __init__(self, now: Callable[[], float], elapsed_s: float) -> None:
        self._now = now
        self._began = now() - elapsed_s
        self.start_epoch()

    def start_epoch(self) -> None:
        self._epoch_began, self.samples = self._now(), 0

    @property
    def elapsed_s(self) -> float:
        return self._now() - self._began

    @property
    def samples_per_s(self) -> float:
        return self.samples / max(self._now() - self._epoch_began, 1e-9)


def _events(
    experiment: Experiment, state: State, workers: Workers, feed: Feed, watch: _Stopwatch
) -> Iterator[Event]:
    clock = feed.clock
    while True:
        if state.sums and state.step % clock.steps_per_epoch == 0:
            ended = _end_epoch(experiment, state, workers, clock, watch)
            yield ended
            if isinstance(ended, Stopped):
                return
            watch.start_epoch()
        elapsed_s = watch.elapsed_s
        if experiment.plan.train.stop.minutes is not None:
            elapsed_s = workers.team.of_first(elapsed_s)
        rule = why_stop(experiment.plan, state, clock, elapsed_s)
        if rule is not None:
            metrics = _metrics(experiment, state, workers) if state.sums else state.metrics
            yield _stopped(rule, state, clock, watch, metrics)
            return
        outcome = train_step(experiment, state, workers, clock, feed)
        if isinstance(outcome, Divergence):
            stopped = _stopped(("diverged", outcome.message), state, clock, watch, state.metrics)
            yield replace(stopped, samples=outcome.samples)
            return
        watch.samples += outcome.sums["n"]
        yield StepEnd(
            epoch=math.ceil(state.step / clock.steps_per_epoch),
            step=state.step,
            metrics=means(outcome.sums),
            lr=outcome.lr,
            elapsed_s=watch.elapsed_s,
            probe=outcome.probe,
        )


def _end_epoch(
    experiment: Experiment, state: State, workers: Workers, clock: Clock, watch: _Stopwatch
) -> EpochEnd | Stopped:
    """Close the running epoch: evaluate it, and note whether it is the best so far."""
    samples_per_s = watch.samples_per_s
    metrics = _metrics(experiment, state, workers)
    if (rule := non_finite_metric(state, metrics, clock)) is not None:
        return _stopped(rule, state, clock, watch, state.metrics)
    lr = learning_rate(experiment.plan, state.step - 1, replace(clock, drops=state.drops))
    state.metrics, state.sums = metrics, {}
    is_best = _note_best(experiment, state, clock)
    return EpochEnd(
        epoch=state.step // clock.steps_per_epoch,
        step=state.step,
        metrics=dict(metrics),
        lr=lr,
        elapsed_s=watch.elapsed_s,
        samples_per_s=samples_per_s,
        is_best=is_best,
    )


def _note_best(experiment: Experiment, state: State, clock: Clock) -> bool:
    """Compare the monitored metric with the best so far; returns whether it is better."""
    name = experiment.monitored
    value = state.metrics.get(name)
    is_best = value is not None and (state.best is None or is_better(name, value, state.best.value))
    if value is not None and is_best:
        state.best = Best(value, state.step // clock.steps_per_epoch, state.step)
    state.stale_epochs = 0 if is_best else state.stale_epochs + 1
    state.drops = experiment.plan.schedule.drops_after(state.stale_epochs, state.drops)
    return is_best


def _stopped(
    rule: tuple[Reason, str],
    state: State,
    clock: Clock,
    watch: _Stopwatch,
    metrics: Mapping[str, float],
) -> Stopped:
    reason, detail = rule
    return Stopped(
        reason=reason,
        detail=detail,
        epoch=math.ceil(state.step / clock.steps_per_epoch),
        step=state.step,
        metrics=metrics,
        elapsed_s=watch.elapsed_s,
    )


def _metrics(experiment: Experiment, state: State, workers: Workers) -> dict[str, float]:
    """Metrics of the running epoch, including those of the validation split."""
    metrics = experiment.metrics("train", state.sums)
    if experiment.penalty:
        with np.errstate(over="ignore"):
            metrics["train/penalty"] = experiment.penalty.value(experiment.network, state.params)
    if "val" in experiment.data.splits:
        sums = evaluate(experiment, state.evaluated(), "val", workers)
        metrics |= experiment.metrics("val", sums)
    return metrics
