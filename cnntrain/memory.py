"""How much memory a training takes, said before any of it is taken.

What a forward and backward pass holds is not reckoned layer by layer but looked up: the network
runs once with one sample and once with three, on zeros, and NumPy reports its allocations. Between
the two lie what every sample adds, and what comes once. So it holds for any layer, as it is.
"""

import math
import tracemalloc
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from cnntrain.config.plan import Plan
from cnntrain.environment import physical_memory
from cnntrain.errors import ShapeError
from cnntrain.network import Network, Pass
from cnntrain.shards import available_cores, shard_count
from cnntrain.types import Arrays

COPIES = 3  # of all parameters, at the least: weights, gradients, changes
CHANGE_COPIES = 4  # of the largest array, while an optimiser works out its change
FEWER, MORE = 1, 3  # samples of the two runs


@dataclass(frozen=True)
class PassBytes:
    """Of one forward and backward pass at its peak: once, and for each sample."""

    once: float
    per_sample: float

    def of(self, samples: float) -> float:
        return self.once + samples * self.per_sample


@dataclass(frozen=True)
class TrainingBytes:
    """One training step at its peak. ``passes``: activations, caches, copies and gradients."""

    weights: int
    memory: int  # of the optimiser, and averages of the weights
    passes: int  # shards that run together, each with the gradients that it makes
    sums: int  # gradients of shards that are done
    update: int  # gradients and changes, when the passes are over and their memory is free

    @property
    def total(self) -> int:
        return self.weights + self.memory + max(self.passes + self.sums, self.update)


def pass_bytes(network: Network, dtype: "np.dtype[np.generic]") -> PassBytes:
    """Measured with few samples; straight line through the two."""
    size = 2 * network.activation_count * dtype.itemsize
    if size > physical_memory():
        raise ShapeError(
            f"the outputs of all layers for two samples take {gibibytes(size)}, but this machine "
            f"has {gibibytes(physical_memory())}",
            ("network",),
        )
    params = {name: np.zeros(param.shape, dtype) for name, param in network.params.items()}
    _peak(network, params, dtype, FEWER)  # what is made once, such as the places of windows
    fewer, more = (_peak(network, params, dtype, n) for n in (FEWER, MORE))
    per_sample = max(0.0, (more - fewer) / (MORE - FEWER))
    return PassBytes(max(0.0, fewer - FEWER * per_sample), per_sample)


def _peak(network: Network, params: Arrays, dtype: "np.dtype[np.generic]", samples: int) -> int:
    """Bytes at the peak of one training pass on zeros."""
    was_tracing = tracemalloc.is_tracing()
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        if not was_tracing:
            tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            x = np.zeros((*network.in_shape, samples), dtype)
            z, caches = network.forward(params, x, Pass(training=True))
            heads = {k: np.zeros_like(value) for k, value in caches.heads.items()}
            network.backward(params, caches, np.zeros_like(z), head_deltas=heads)
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            if not was_tracing:
                tracemalloc.stop()


def training_bytes(
    plan: Plan, network: Network, samples: int, threads: int | None = None
) -> TrainingBytes:
    """Of one step on a batch of ``samples`` training samples.

    Only as many shards are held as run at once; but a layer that needs sums over the whole batch
    keeps all of them alive.
    """
    itemsize = plan.numpy_dtype.itemsize
    batch = plan.train.samples_per_step(samples)
    shards = shard_count(network, batch)
    together = shards if network.couples_samples else min(shards, threads or available_cores())
    one = pass_bytes(network, plan.numpy_dtype)
    weights = sum(math.prod(p.shape) for p in network.params.values()) * itemsize
    gradients = network.parameter_count * itemsize
    largest = max((math.prod(p.shape) for p in network.params.values()), default=0) * itemsize
    slots = len(plan.optimizer.active_slots()) + (plan.train.average is not None)
    return TrainingBytes(
        weights,
        slots * gradients,
        round(together * one.of(batch / shards)),
        0 if network.couples_samples else math.ceil(math.log2(shards)) * gradients,
        gradients + CHANGE_COPIES * largest,
    )


def parameter_bytes(plan: Plan, network: Network) -> int:
    """Of weights, gradients, changes and all that the optimiser remembers."""
    copies = COPIES + len(plan.optimizer.active_slots())
    return copies * network.parameter_count * plan.numpy_dtype.itemsize


def check_parameters(plan: Plan, network: Network) -> None:
    """Refuse a network whose weights do not fit into this machine."""
    needed, available = parameter_bytes(plan, network), physical_memory()
    if needed > available:
        largest = max(
            network.nodes, key=lambda node: sum(math.prod(p.shape) for p in node.params.values())
        )
        raise ShapeError(
            f"{largest.name}: {network.parameter_count:,} parameters in all need at least "
            f"{gibibytes(needed)}, but this machine has {gibibytes(available)}",
            ("network", largest.item),
        )


def check_training_memory(plan: Plan, network: Network, samples: int) -> None:
    """Refuse a batch that does not fit into this machine."""
    needed, available = training_bytes(plan, network, samples).total, physical_memory()
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


def gibibytes(size: float) -> str:
    """``3 GiB``."""
    return f"{size / 2**30:,.0f} GiB"
