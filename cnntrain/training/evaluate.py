"""Metrics of a whole split."""

import math
from collections.abc import Callable

import numpy as np

from cnntrain.data.batches import Reading
from cnntrain.data.prepare import SplitName
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.network.network import Network
from cnntrain.training.experiment import Experiment
from cnntrain.training.forward import Forwards
from cnntrain.training.shards import SHARD_ACTIVATIONS, SHARD_SAMPLES, cut
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays

OFTEN = 4  # passes of a thread, from which on it pays to record them
See = Callable[[slice, Array, Array], None]


def evaluate(
    experiment: Experiment,
    params: Arrays,
    split: SplitName,
    workers: Workers,
    detail: bool = False,
    see: See | None = None,
) -> Sums:
    """The sums of a whole split; ``detail`` adds what ``metrics.sums.detail_sums`` does.

    ``see`` is shown the outputs and targets of every part, in any order and from any thread.
    """
    batches, network = experiment.batches(split), experiment.fast_network
    samples = len(batches.split)
    slices = cut(samples, math.ceil(samples / samples_at_a_time(network)))

    forwards = Forwards(network, params, often=len(slices) > OFTEN * workers.threads)

    def part(k: int) -> Sums:
        with np.errstate(all="ignore"):
            indices = np.arange(slices[k].start, slices[k].stop)
            samples = Reading(batches, indices)
            ((z, heads),) = forwards.outputs((samples, len(indices)))
            y = samples.targets
            total, _, _ = experiment.objective.forward(z, heads, y)
            if see is not None:
                see(slices[k], z, y)
            return experiment.sums(total, z, y, detail, batches.exact_targets(indices))

    return workers.tree_sum(part, len(slices), add_sums)


def samples_at_a_time(network: Network) -> int:
    """Samples of one forward pass, which bound its memory."""
    return max(1, min(SHARD_SAMPLES, SHARD_ACTIVATIONS // network.activation_count))
