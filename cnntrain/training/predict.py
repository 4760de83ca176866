"""What a trained network says about samples whose targets are not known."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnntrain.data.normalize import Normalizer
from cnntrain.losses import Loss
from cnntrain.metrics.sums import predicted
from cnntrain.native import recorder
from cnntrain.network.fuse import fast
from cnntrain.network.network import Network
from cnntrain.network.objective import Objective
from cnntrain.training.evaluate import samples_at_a_time
from cnntrain.training.forward import Forwards
from cnntrain.training.reading import Known
from cnntrain.training.shards import cut
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays

WORTH_A_THREAD = 16  # samples
SHARES = ("softmax", "sigmoid")  # layers whose outputs are probabilities


@dataclass
class Given:
    """Samples as they are in the data."""

    stored: Array
    normalizer: Normalizer
    dtype: np.dtype

    def load(self) -> tuple[Array, Array]:
        """Normalized, with the batch axis last; there are no targets."""
        at_work, rows = recorder(), self.rows
        stored = at_work.note_stored(self.stored) if at_work else self.stored
        return self.normalizer.gather(stored, rows, self.dtype), rows

    @property
    def rows(self) -> Array:
        """The number of each."""
        return np.arange(len(self.stored))


@dataclass(frozen=True)
class Predictor:
    """A trained network as a function of samples as they are in the data."""

    network: Network
    params: Arrays
    known: Known
    dtype: np.dtype

    def outputs(self, x: Array, workers: Workers) -> Array:
        """The outputs z (K, ..., N) of the last layer for samples x (N, ...)."""
        batches = [self._given(x[part]) for part in self._slices(len(x), workers.threads)]
        if self.is_compiled:  # its kernels have their own threads
            each = workers.threads
            groups = [batches[k : k + each] for k in range(0, len(batches), each)]
            found = [z for group in groups for z, _ in self._forwards.outputs(*group)]
        else:
            one = self._forwards.outputs
            found = list(workers.results(lambda k: one(batches[k])[0].z, range(len(batches))))
        return found[0] if len(found) == 1 else np.concatenate(found, axis=-1)

    def _slices(self, samples: int, threads: int) -> list[slice]:
        """Of more numbers in activations than in weights, samples are shared out among threads."""
        activations = self.network.activation_count * samples
        is_shared = activations > self.network.parameter_count
        least = min(threads, samples // WORTH_A_THREAD) if is_shared else 1
        return cut(samples, max(1, least, -(-samples // self._at_a_time)))

    def _given(self, x: Array) -> tuple[Given, Hashable]:
        return Given(x, self.known.normalizer, self.dtype), (len(x), x.dtype)

    @cached_property
    def _at_a_time(self) -> int:
        return samples_at_a_time(self.network)

    @property
    def is_compiled(self) -> bool:
        """Whether compiled kernels do all the work, and NumPy's BLAS none."""
        return self._forwards.is_recorded

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
    def _forwards(self) -> Forwards:
        return Forwards(fast(self.network), self.params)
