"""Where NaN or infinity first appeared: in which step, layer and samples.

Each step checks only its sums, which costs next to nothing; when one of them is not finite, the
batch is run again, layer by layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cnntrain.network.network import Pass
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State
from cnntrain.types import Array

NAMED_SAMPLES = 5


@dataclass(frozen=True)
class Divergence:
    """What was not finite, and the samples of the batch, numbered as in the source."""

    message: str
    samples: tuple[int, ...]


def source_numbers(experiment: Experiment, indices: Array) -> tuple[int, ...]:
    """Training samples ``indices`` as numbered in the source, before anything was held out."""
    rows = experiment.data.train.rows
    return tuple(int(k) for k in (indices if rows is None else rows[indices]))


def reason_of_loss(
    experiment: Experiment, state: State, shards: Iterable[tuple[Array, Array, Array]]
) -> str:
    """Why a loss is not finite: the weights, the data, the first layer, or the loss itself.

    ``shards``: (indices, x, y) of every shard of the batch, as the step had them.
    """
    for name, W in state.params.items():
        if not np.isfinite(W).all():
            return f"{name} was already not finite before this step{_of_init(experiment, state)}"
    last_read = {len(experiment.network.nodes) - 1, *experiment.network.heads}
    largest, where, target = 0.0, "", 0.0
    layers: dict[int, str] = {}  # in the network's order: the first such layer is the cause
    for k, (indices, x, y) in enumerate(shards):
        for what, array in (("input", x), ("target", y)):
            if (bad := _bad_samples(array)).any():
                who = _named(experiment, indices[bad])
                return f"the {what} is not finite in {experiment.plan.dtype} ({who})"
        target = max(target, float(np.abs(y).max()))
        run = Pass(training=True, seed=experiment.plan.seed, step=state.step, shard=k)
        for place, (node, a) in enumerate(experiment.network.trace(state.params, x, run)):
            if (bad := _bad_samples(a)).any():
                who = _named(experiment, indices[bad])
                layers.setdefault(place, f"the output of {node.name} is not finite ({who})")
                break
            if place in last_read and (size := float(np.abs(a).max())) >= largest:
                largest, where = size, node.name
    if layers:
        return layers[min(layers)]
    return (
        f"the loss is not finite although every layer's output is: it overflows "
        f"{experiment.plan.dtype} (largest output {largest:.3g}, of {where}; "
        f"largest target {target:.3g})"
    )


def _of_init(experiment: Experiment, state: State) -> str:
    if state.step:
        return ""
    return f": its initial values overflow {experiment.plan.dtype}; give it a smaller 'init'"


def _bad_samples(array: Array) -> Array:
    """The samples (last axis) that contain a NaN or an infinity."""
    return np.asarray(~np.isfinite(array).all(axis=tuple(range(array.ndim - 1))))


def _named(experiment: Experiment, indices: Array) -> str:
    return f"sample{'s' if len(indices) > 1 else ''} {numbers(source_numbers(experiment, indices))}"


def numbers(samples: tuple[int, ...], most: int = NAMED_SAMPLES) -> str:
    """``3, 17 and 40 more``."""
    shown = ", ".join(map(str, samples[:most]))
    return shown if len(samples) <= most else f"{shown} and {len(samples) - most} more"
