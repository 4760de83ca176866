"""How much memory a training takes, said before any of it is taken."""

import math

from cnntrain.config.plan import Plan
from cnntrain.environment import physical_memory
from cnntrain.errors import ShapeError
from cnntrain.network import Network
from cnntrain.shards import available_cores, shard_count

COPIES = 3  # of all parameters, at the least: weights, gradients, changes
ACTIVATION_COPIES = 4  # of all outputs: themselves, their gradients, what convolutions lower


def parameter_bytes(plan: Plan, network: Network) -> int:
    """Of weights, gradients, changes and all that the optimiser remembers."""
    copies = COPIES + len(plan.optimizer.active_slots())
    return copies * network.parameter_count * plan.numpy_dtype.itemsize


def training_bytes(plan: Plan, network: Network, samples: int) -> int:
    """An estimate for one step on ``samples`` training samples.

    Shards are trained one after the other, so only as many are held as run at once; but a layer
    that needs sums over the whole batch keeps all of them alive.
    """
    batch = plan.train.samples_per_step(samples)
    shards = shard_count(network, batch)
    held = batch if network.couples_samples else batch * min(shards, available_cores()) / shards
    activations = ACTIVATION_COPIES * network.activation_count * plan.numpy_dtype.itemsize
    return parameter_bytes(plan, network) + int(held * activations)


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
    needed, available = training_bytes(plan, network, samples), physical_memory()
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
