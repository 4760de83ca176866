"""One update: the gradients of a batch, summed over shards, and the change of every array."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.layers import Steps, alone, within
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.network.network import Pass
from cnntrain.network.objective import Outcome
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.divergence import Divergence, reason_of_loss, source_numbers
from cnntrain.training.experiment import Experiment
from cnntrain.training.feed import Feed, Reading, Shard, batch_indices, load_shard, shard_slices
from cnntrain.training.passes import Batch
from cnntrain.training.probe import Probe, probe
from cnntrain.training.state import State
from cnntrain.training.tree_sum import pairwise_sum
from cnntrain.training.update import add_penalties, all_finite, update
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays, Params

T = TypeVar("T")


class Taken(NamedTuple):
    """A finished update: the sums of its batch, η, and statistics of the layers if asked for."""

    sums: Sums
    lr: float
    probe: Probe | None


class ShardResult(NamedTuple):
    """What is summed over shards; the buffers are equal in all of them."""

    grads: Params
    buffers: Params
    sums: Sums


def learning_rate(plan: Plan, step: int, clock: Clock) -> float:
    """η of ``step`` (from 0) before any ``lr_mult``; infinite if the schedule overflows."""
    try:
        return plan.optimizer.lr * plan.schedule.factor(step, clock)
    except OverflowError:
        return math.inf


def gradients(
    experiment: Experiment,
    params: Arrays,
    indices: Array,
    step: int,
    workers: Workers,
    loaded: Sequence[Shard] | None = None,
) -> ShardResult:
    """∂C/∂W of every array, C the mean loss over the samples ``indices``, and the batch's sums.

    Each shard runs forward and backward on its own samples (``loaded``, or read when needed); the
    tree adds them up. The next call may use the same arrays again.
    """
    batch = Batch(experiment.fast_network, experiment.objective, params, len(indices))
    parts = shard_slices(experiment, batch.m)
    ready: Sequence[Shard | None] = loaded or [None] * len(parts)
    shards = [Reading(experiment, indices[part], step, k, ready[k]) for k, part in enumerate(parts)]
    seed = experiment.plan.seed
    runs = [Pass(training=True, seed=seed, step=step, shard=k) for k in range(len(parts))]
    if workers.passes.can_record(batch.network, len(parts)):
        with np.errstate(all="ignore"):
            return _recorded(experiment, batch, shards, runs, workers)
    steps = [
        silenced(_shard(experiment, batch, shard, run))
        for shard, run in zip(shards, runs, strict=True)
    ]
    if batch.network.couples_samples:
        return pairwise_sum(workers.together(steps, add_sums), _add_shards)
    return workers.tree_sum(lambda k: alone(steps[k]), len(steps), _add_shards)


def _recorded(
    experiment: Experiment,
    batch: Batch,
    shards: Sequence[Reading],
    runs: Sequence[Pass],
    workers: Workers,
) -> ShardResult:
    def together(passes: Sequence[Any]) -> list[Any]:
        return workers.together([silenced(steps) for steps in passes], add_sums)

    outcomes = workers.passes.outcomes(batch, shards, runs, together)
    results = [
        _result(experiment, out, shard.targets) for out, shard in zip(outcomes, shards, strict=True)
    ]
    return pairwise_sum(results, _add_shards)


def _shard(experiment: Experiment, batch: Batch, shard: Reading, run: Pass) -> Steps[ShardResult]:
    x, y = shard.take()
    out = yield from batch.plain(x, y, run)
    return _result(experiment, out, y)


def _result(experiment: Experiment, out: Outcome, y: Array) -> ShardResult:
    return ShardResult(out.grads, out.buffers, experiment.sums(out.loss, out.z, y))


def silenced(steps: Steps[T]) -> Steps[T]:
    """Steps without overflow warnings: an overflow is found in the sums, and located.

    Warning filters belong to a thread, and steps may change threads where they yield.
    """
    return within(lambda: np.errstate(all="ignore"), steps)


def _add_shards(a: ShardResult, b: ShardResult) -> ShardResult:
    for name, grad in a.grads.items():
        grad += b.grads[name]
    return ShardResult(a.grads, a.buffers, add_sums(a.sums, b.sums))


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
    lr = learning_rate(plan, state.step, replace(clock, drops=state.drops))
    loaded = feed.take(state.step) if feed is not None else None
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
        if not np.isfinite(value).all():
            return f"{name.replace('_', ' ')}, summed over the batch, is not finite"
    return None


def _not_finite_buffers(buffers: Params) -> str | None:
    for name, buffer in buffers.items():
        if not all_finite(buffer):
            return f"the running statistics {name} are not finite"
    return None
