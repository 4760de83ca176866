"""What a trained network says about samples whose targets are not known."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnntrain.losses import Loss
from cnntrain.metrics.sums import predicted
from cnntrain.network.fuse import fast
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import Objective
from cnntrain.training.evaluate import samples_at_a_time
from cnntrain.training.reading import Known
from cnntrain.training.shards import cut
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays

SHARES = ("softmax", "sigmoid")  # layers whose outputs are probabilities


@dataclass(frozen=True)
class Predictor:
    """A trained network as a function of samples as they are in the data."""

    network: Network
    params: Arrays
    known: Known
    dtype: np.dtype

    def outputs(self, x: Array, workers: Workers) -> Array:
        """The outputs z (K, ..., N) of the last layer for samples x (N, ...)."""
        network = self._fast_network
        slices = cut(len(x), math.ceil(len(x) / samples_at_a_time(network)))

        def part(k: int) -> Array:
            with np.errstate(all="ignore"):
                rows = np.arange(slices[k].start, slices[k].stop)
                batch = self.known.normalizer.gather(x, rows, self.dtype)
                return network.forward(self.params, batch, Pass())[0]

        return np.concatenate(list(workers.results(part, range(len(slices)))), axis=-1)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, one per output (or two for one); None for a regression."""
        names = self.known.schema.classes
        if names is None:
            return None
        outputs = max(self.network.out_shape[0], 2)
        return (*names, *(f"output {k}" for k in range(len(names), outputs)))

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of real-valued targets, one per number of an output."""
        count, names = math.prod(self.network.out_shape), self.known.schema.targets
        if len(names) == count:
            return names
        return ("target",) if count == 1 else tuple(f"target_{k}" for k in range(count))

    @property
    def has_probabilities(self) -> bool:
        """Whether ``scores`` are probabilities."""
        return self._loss.estimates_shares or self.network.nodes[-1].layer.kind in SHARES

    def scores(self, z: Array) -> Array:
        """(N, classes): the probability of each class, or what stands for it, of outputs z."""
        found = self._loss.estimate(z) if self._loss.estimates_shares else z
        if len(found) > 1:
            return found.T
        rest = 1 - found if self.has_probabilities else -found
        return np.concatenate([rest, found]).T

    def ranked(self, z: Array, top: int) -> Array:
        """(N, top): the numbers of the classes from the most likely one down."""
        if top == 1:
            return predicted(z)[:, None]
        of_all = z if len(z) > 1 else np.concatenate([-z, z])
        return np.argsort(-of_all, axis=0, kind="stable")[:top].T

    def values(self, z: Array) -> Array:
        """(N, ...): the predicted targets in the units of the data; of yes or no, probabilities."""
        normalizer = self.known.normalizer.of_targets
        found = self._loss.estimate(z) if normalizer is None else normalizer.undo(z)
        return np.moveaxis(found, -1, 0)

    @property
    def _loss(self) -> Loss:
        return Objective(self.known.losses).main.loss

    @cached_property
    def _fast_network(self) -> Network:
        return fast(self.network)
