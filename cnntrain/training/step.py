"""One update: the gradients of a batch and the change of every array."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.divergence import Divergence, reason_of_loss, source_numbers
from cnntrain.training.experiment import Experiment
from cnntrain.training.feed import Feed, batch_indices, load_shard, shard_slices
from cnntrain.training.gradients import gradients
from cnntrain.training.probe import Probe, probe
from cnntrain.training.state import State
from cnntrain.training.update import add_penalties, all_finite, update
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Params


class Taken(NamedTuple):
    """A finished update: the sums of its batch, η, and statistics of the layers if asked for."""

    sums: Sums
    lr: float
    probe: Probe | None


def learning_rate(plan: Plan, step: int, clock: Clock) -> float:
    """η of ``step`` (from 0) before any ``lr_mult``; infinite if the schedule overflows."""
    try:
        return plan.optimizer.lr * plan.schedule.factor(step, clock)
    except OverflowError:
        return math.inf


def train_step(
    experiment: Experiment,
    state: State,
    workers: Workers,
    clock: Clock,
    feed: Feed | None = None,
) -> Taken | Divergence:
    """Make one update of ``state``; if it diverged, return where."""
    plan, samples = experiment.plan, len(experiment.data.train)
    indices = batch_indices(plan, samples, state.step, clock)
    known = clock if clock.drops == state.drops else replace(clock, drops=state.drops)
    lr = learning_rate(plan, state.step, known)
    loaded = (feed.take(state.step) if feed is not None else None) or {}
    is_probed = plan.log.stats is not None and state.step % plan.log.stats == 0
    before = {name: W.copy() for name, W in state.params.items()} if is_probed else {}
    grads, buffers, sums = gradients(experiment, state.params, indices, state.step, workers, loaded)
    with np.errstate(all="ignore"):
        trouble = (
            _not_finite_sums(experiment, state, indices, sums)
            or add_penalties(experiment, state.params, grads)
            or _not_finite_buffers(buffers)
            or update(experiment, state, grads, lr)
        )
    if trouble:
        epoch, batch = divmod(state.step, clock.steps_per_epoch)
        where = f"step {state.step + 1} (epoch {epoch + 1}, batch {batch + 1})"
        return Divergence(f"{where}: {trouble}", source_numbers(experiment, indices))
    found = (
        probe(experiment, before, state.params, grads, indices, state.step) if is_probed else None
    )
    state.params |= buffers
    state.step += 1
    state.sums = add_sums(state.sums, sums) if state.sums else sums
    return Taken(sums, lr, found)


def _not_finite_sums(
    experiment: Experiment, state: State, indices: Array, sums: Sums
) -> str | None:
    """The place of the first NaN or infinity in the sums of a step, if there is one."""
    if not math.isfinite(sums["loss"]):
        parts = enumerate(shard_slices(experiment, len(indices)))
        shards = (
            (indices[part], *load_shard(experiment, indices, state.step, k)) for k, part in parts
        )
        return reason_of_loss(experiment, state, shards)
    for name, value in sums.items():
        is_number = isinstance(value, int | float)
        if not (math.isfinite(value) if is_number else np.isfinite(value).all()):
            return f"{name.replace('_', ' ')}, summed over the batch, is not finite"
    return None


def _not_finite_buffers(buffers: Params) -> str | None:
    for name, buffer in buffers.items():
        if not all_finite(buffer):
            return f"the running statistics {name} are not finite"
    return None
