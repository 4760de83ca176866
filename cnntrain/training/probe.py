"""Statistics of every layer in one step: how its weights move, and what its units output.

They are computed separately and do not change the result of the training.
"""

import math
from dataclasses import dataclass

import numpy as np

from cnntrain.layers.activations import Activation
from cnntrain.network.network import Pass
from cnntrain.training.experiment import Experiment
from cnntrain.types import Array, Arrays

PROBED_SAMPLES = 256  # of a batch, for the outputs


@dataclass(frozen=True)
class ArrayStats:
    """Of one parameter array, before the update: ``update_ratio`` is ‖ΔW‖ / ‖W‖."""

    mean: float
    std: float
    norm: float
    gradient_norm: float
    update_ratio: float | None  # None: all weights are 0


@dataclass(frozen=True)
class OutputStats:
    """Of one layer's outputs. ``dead_share``: units of an activation that are 0 for all samples."""

    mean: float
    std: float
    dead_share: float | None


@dataclass(frozen=True)
class Probe:
    """All statistics, by the name of the array or layer."""

    arrays: dict[str, ArrayStats]
    outputs: dict[str, OutputStats]


def probe(
    experiment: Experiment, before: Arrays, after: Arrays, grads: Arrays, indices: Array, step: int
) -> Probe:
    """Statistics of the update from ``before`` to ``after`` on the samples ``indices``."""
    with np.errstate(all="ignore"):
        arrays = {
            name: _array_stats(before[name], after[name], grads[name])
            for name, param in experiment.network.params.items()
            if param.trainable
        }
        return Probe(arrays, _output_stats(experiment, before, indices, step))


def _array_stats(W: Array, updated: Array, dW: Array) -> ArrayStats:
    size = norm(W)
    change = norm(updated - W)
    ratio = change / size if size else None
    return ArrayStats(*mean_and_std(W), size, norm(dW), ratio)


def _output_stats(
    experiment: Experiment, params: Arrays, indices: Array, step: int
) -> dict[str, OutputStats]:
    x, _ = experiment.batches("train").take(indices[:PROBED_SAMPLES])
    run = Pass(training=True, seed=experiment.plan.seed, step=step)
    found = {}
    for node, a in experiment.network.trace(params, x, run):
        dead = _dead_share(a) if isinstance(node.layer, Activation) else None
        found[node.name] = OutputStats(*mean_and_std(a), dead)
    return found


def _dead_share(a: Array) -> float:
    """Share of the units, or channels, that are 0 for every sample and position."""
    return float((~a.reshape(len(a), -1).any(axis=1)).mean())


def mean_and_std(array: Array) -> tuple[float, float]:
    """Over all entries, in float64."""
    exact = array.astype(np.float64)
    return float(exact.mean()), float(exact.std())


def norm(array: Array) -> float:
    """√Σ W², the Euclidean norm."""
    return math.sqrt(float(np.sum(np.square(array, dtype=np.float64))))
