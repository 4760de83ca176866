"""One update: the gradients of a batch, summed over shards, and the change of every array."""

import math
from functools import lru_cache

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data.batches import epoch_order
from cnntrain.experiment import Experiment
from cnntrain.metrics import Sums, add_sums, batch_sums
from cnntrain.network import Pass
from cnntrain.objective import add_penalty_gradient, forward_backward
from cnntrain.schedules import Clock
from cnntrain.shards import Workers, cut, shard_count
from cnntrain.state import State
from cnntrain.types import Array, Arrays, Params

TRACED_SAMPLES = 256  # of a batch whose loss is not finite, run again to find the layer


def learning_rate(plan: Plan, step: int, clock: Clock) -> float:
    """η of ``step`` (from 0)."""
    return plan.optimizer.lr * plan.schedule.factor(step, clock)


@lru_cache(maxsize=1)
def _epoch_order(samples: int, seed: int, epoch: int, shuffle: bool) -> Array:
    return epoch_order(samples, seed, epoch, shuffle)


def batch_indices(plan: Plan, samples: int, step: int, clock: Clock) -> Array:
    """Which training samples ``step`` (from 0) takes."""
    size = plan.train.samples_per_step(samples)
    epoch, batch = divmod(step, clock.steps_per_epoch)
    shuffle = plan.train.shuffle and plan.train.mode != "batch"
    order = _epoch_order(samples, plan.seed, epoch, shuffle)
    return order[batch * size : (batch + 1) * size]


def gradients(
    experiment: Experiment, params: Arrays, indices: Array, step: int, workers: Workers
) -> tuple[Params, Sums]:
    """(∂C/∂W of every array, sums of the batch), C the mean loss over the samples ``indices``.

    Each shard gathers, forwards and backwards its own samples; the tree adds them up.
    """
    network, plan = experiment.network, experiment.plan
    batches, m = experiment.batches("train"), len(indices)
    slices = cut(m, shard_count(network, m))

    def shard(k: int) -> tuple[Params, Sums]:
        x, y = batches.take(indices[slices[k]])
        run = Pass(training=True, seed=plan.seed, step=step, shard=k)
        with np.errstate(all="ignore"):  # what overflows is found in the sums, with its name
            out = forward_backward(network, plan.loss, params, x, y, run, m)
            return out.grads, batch_sums(out.loss, out.z, y)

    return workers.tree_sum(shard, len(slices), _add_shards)


def _add_shards(a: tuple[Params, Sums], b: tuple[Params, Sums]) -> tuple[Params, Sums]:
    for name, grad in a[0].items():
        grad += b[0][name]
    return a[0], add_sums(a[1], b[1])


def take_step(
    experiment: Experiment, state: State, workers: Workers, clock: Clock
) -> tuple[Sums, float] | str:
    """(sums of the batch, η) of one update of ``state``; or, if it diverged, where."""
    plan, samples = experiment.plan, len(experiment.data.train)
    indices = batch_indices(plan, samples, state.step, clock)
    lr = learning_rate(plan, state.step, clock)
    grads, sums = gradients(experiment, state.params, indices, state.step, workers)
    add_penalty_gradient(experiment.network, state.params, grads, experiment.decay)
    trouble = _non_finite(experiment, state, indices, grads, sums)
    trouble = trouble or _update(experiment, state, grads, lr)
    if trouble:
        epoch, batch = divmod(state.step, clock.steps_per_epoch)
        return f"step {state.step + 1} (epoch {epoch + 1}, batch {batch + 1}): {trouble}"
    state.step += 1
    state.sums = add_sums(state.sums, sums) if state.sums else sums
    return sums, lr


def _update(experiment: Experiment, state: State, grads: Params, lr: float) -> str | None:
    """W ← W + ΔW for every trainable array; names the first that is no longer finite."""
    optimizer, largest = experiment.plan.optimizer, 0.0
    measured = experiment.plan.train.stop.threshold is not None
    for name, param in experiment.network.params.items():
        if not param.trainable:
            continue
        W = state.params[name]
        memory = {slot: state.memory[f"{slot}:{name}"] for slot in optimizer.active_slots()}
        with np.errstate(all="ignore"):
            change = optimizer.change(grads[name], memory, lr, state.step)
            W += change
            if not all_finite(W):
                return f"{name} is not finite after an update with learning rate {lr:g}"
        if measured:
            largest = max(largest, float(np.abs(change).max()))
    state.largest_change = largest if measured else None
    return None


def all_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite; Σ W² tells in one pass, unless it overflows."""
    flat = array.ravel()
    return math.isfinite(float(flat @ flat)) or bool(np.isfinite(flat).all())


def _non_finite(
    experiment: Experiment, state: State, indices: Array, grads: Params, sums: Sums
) -> str | None:
    """Where the first NaN or infinity of a step is, if there is one."""
    with np.errstate(all="ignore"):
        if not math.isfinite(sums["loss"]):
            return _first_non_finite_layer(experiment, state, indices)
        for name, grad in grads.items():
            if not all_finite(grad):
                return f"the gradient of {name} is not finite"
    return None


def _first_non_finite_layer(experiment: Experiment, state: State, indices: Array) -> str:
    batches = experiment.batches("train")
    run = Pass(training=True, seed=experiment.plan.seed, step=state.step)
    for start in range(0, len(indices), TRACED_SAMPLES):
        x, _ = batches.take(indices[start : start + TRACED_SAMPLES])
        for node, y in experiment.network.trace(state.params, x, run):
            if not np.isfinite(y).all():
                return f"the output of {node.name} is not finite"
    return "the loss is not finite"
