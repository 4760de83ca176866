"""How much memory a training needs, known before any of it is allocated.

The memory of a forward and backward pass is not estimated layer by layer but measured: the network
runs once on zeros, with as many samples as a shard, and NumPy reports its allocations. So the
result is right for any layer.
"""

import math
import tracemalloc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from cnntrain.config.plan import Plan
from cnntrain.environment import available_cores, physical_memory
from cnntrain.errors import ShapeError
from cnntrain.native import Recorder, current, recording
from cnntrain.network.fuse import fast
from cnntrain.network.network import Network, Pass
from cnntrain.text import gibibytes
from cnntrain.training.passes import can_record
from cnntrain.training.shards import groups
from cnntrain.types import Arrays

COPIES = 3  # of all parameters, at the least: weights, gradients, changes
CHANGE_COPIES = 3  # of the largest array, while an optimizer works out its change


class Held(NamedTuple):
    """Bytes held by one shard: after its forward pass, and at the peak of the backward pass."""

    between: int
    peak: int


@dataclass(frozen=True)
class TrainingBytes:
    """One training step at its peak. ``passes``: activations, caches, copies and gradients."""

    weights: int
    optimizer_state: int  # with the averages of the weights
    passes: int  # shards that run together, each with the gradients that it makes
    sums: int  # gradients of shards that are done
    update: int  # gradients and changes, when the passes are over and their memory is free

    @property
    def total(self) -> int:
        return self.weights + self.optimizer_state + max(self.passes + self.sums, self.update)


def output_bytes(network: Network, dtype: "np.dtype[np.generic]", samples: int) -> int:
    """Of the outputs of all layers."""
    return network.activation_count * samples * dtype.itemsize


def is_too_large(network: Network, dtype: "np.dtype[np.generic]", samples: int) -> bool:
    """Whether the outputs alone do not fit into this machine's memory."""
    return output_bytes(network, dtype, samples) > physical_memory()


def pass_bytes(network: Network, dtype: "np.dtype[np.generic]", samples: int) -> Held:
    """Of one training pass: measured, unless its outputs alone are too large for this machine."""
    if is_too_large(network, dtype, samples):
        outputs = output_bytes(network, dtype, samples)
        return Held(outputs, 2 * outputs)
    params = {name: np.zeros(param.shape, dtype) for name, param in network.params.items()}
    _measured(
        network, params, dtype, 1
    )  # some things are computed once: the places of windows, ...
    return _measured(network, params, dtype, samples)


def recorded_bytes(network: Network, dtype: "np.dtype[np.generic]", samples: int) -> int:
    """Of one recorded pass: its arena, inputs and δ, found by recording a pass on zeros."""
    recorder = Recorder()
    params = {name: np.zeros(param.shape, dtype) for name, param in network.params.items()}
    x = np.zeros((*network.in_shape, samples), dtype)
    with np.errstate(all="ignore"), recording(recorder):
        z, caches = network.forward(params, x, Pass(training=True))
        heads = {k: np.zeros_like(value) for k, value in caches.heads.items()}
        kept = network.backward(params, caches, np.zeros_like(z), head_deltas=heads)
    del kept
    outputs = z.nbytes + sum(head.nbytes for head in heads.values())
    return recorder.arena.nbytes + x.nbytes + outputs


def _measured(network: Network, params: Arrays, dtype: "np.dtype[np.generic]", n: int) -> Held:
    was_tracing = tracemalloc.is_tracing()
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        if not was_tracing:
            tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            x = np.zeros((*network.in_shape, n), dtype)
            z, caches = network.forward(params, x, Pass(training=True))
            between = tracemalloc.get_traced_memory()[0] - before
            heads = {k: np.zeros_like(value) for k, value in caches.heads.items()}
            network.backward(params, caches, np.zeros_like(z), head_deltas=heads)
            return Held(between, tracemalloc.get_traced_memory()[1] - before)
        finally:
            if not was_tracing:
                tracemalloc.stop()


def training_bytes(
    plan: Plan, network: Network, samples: int, threads: int | None = None
) -> TrainingBytes:
    """The memory of one step, for ``samples`` training samples.

    Only the shards that run at the same time are held, unless a layer needs sums over the whole
    batch, which keeps all of them alive.
    """
    itemsize = plan.numpy_dtype.itemsize
    batch = plan.train.samples_per_step(samples)
    dealt = groups(network, batch, plan.train.accumulate)  # one after the other
    shards = max(map(len, dealt))
    running = min(shards, threads or available_cores())
    waiting = shards - running if network.couples_samples else 0
    weights = sum(math.prod(p.shape) for p in network.params.values()) * itemsize
    gradients = network.parameter_count * itemsize
    largest = max((math.prod(p.shape) for p in network.params.values()), default=0) * itemsize
    slots = len(plan.optimizer.active_slots()) + (plan.train.average is not None)
    held = (node.layer.held_numbers(node.in_shape) for node in network.nodes)
    own = max(held, default=0) * itemsize if current().isa else 0
    quick = fast(network)
    each = max(part.stop - part.start for group in dealt for part in group)
    if can_record(quick, shards) and not is_too_large(quick, plan.numpy_dtype, shards * each):
        passes = shards * recorded_bytes(quick, plan.numpy_dtype, each) + running * own
        sums = (len(dealt) - 1).bit_length() * gradients
        return TrainingBytes(weights, slots * gradients, passes, sums, 0)
    one = pass_bytes(quick, plan.numpy_dtype, each)
    return TrainingBytes(
        weights,
        slots * gradients,
        running * (one.peak + own) + waiting * one.between,
        (waiting or (shards - 1).bit_length()) * gradients,
        gradients + CHANGE_COPIES * largest,
    )


def parameter_bytes(plan: Plan, network: Network) -> int:
    """Bytes of weights, gradients, changes and the optimizer state."""
    copies = COPIES + len(plan.optimizer.active_slots())
    return copies * network.parameter_count * plan.numpy_dtype.itemsize


def check_parameters(plan: Plan, network: Network) -> None:
    """Refuse a network whose weights do not fit into this machine's memory."""
    needed, available = parameter_bytes(plan, network), physical_memory()
    if needed > available:
        largest = max(
            network.nodes, key=lambda node: sum(math.prod(p.shape) for p in node.params.values())
        )
        raise ShapeError(
            f"{largest.name}: {network.parameter_count:,} parameters in total need at least "
            f"{gibibytes(needed)}, but this machine has {gibibytes(available)}",
            ("network", largest.item),
        )


def check_training_memory(plan: Plan, network: Network, samples: int, needed: int) -> None:
    """Refuse a batch that needs more bytes than this machine has."""
    available = physical_memory()
    if needed > available:
        why = (
            " (batch_norm keeps the whole batch in memory; use mode 'mini-batch')"
            if network.couples_samples and plan.train.mode == "batch"
            else "; use a smaller 'batch_size'"
        )
        raise ShapeError(
            f"a step on {plan.train.samples_per_step(samples):,} samples needs about "
            f"{gibibytes(needed)}, but this machine has {gibibytes(available)}{why}",
            ("train",),
        )
