"""What a trained network says about samples whose targets are not known."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnntrain.data.normalize import Normalizer
from cnntrain.losses import Loss
from cnntrain.metrics.sums import predicted
from cnntrain.native import recording
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


@dataclass(frozen=True)
class Given:
    """Samples as they are in the data."""

    x: Array
    normalizer: Normalizer
    dtype: np.dtype

    def load(self) -> tuple[Array, Array]:
        """Normalized, with the batch axis last; there are no targets."""
        rows = self.rows
        with recording(None):  # other samples will lie elsewhere
            return self.normalizer.gather(self.x, rows, self.dtype), rows

    @property
    def rows(self) -> Array:
        """The number of each."""
        return np.arange(len(self.x))


@dataclass(frozen=True)
class Predictor:
    """A trained network as a function of samples as they are in the data."""

    network: Network
    params: Arrays
    known: Known
    dtype: np.dtype

    def outputs(self, x: Array, workers: Workers) -> Array:
        """The outputs z (K, ..., N) of the last layer for samples x (N, ...)."""
        least = min(workers.threads, len(x) // WORTH_A_THREAD)
        slices = cut(len(x), max(1, least, math.ceil(len(x) / samples_at_a_time(self.network))))
        each = workers.threads if self.is_compiled else 1  # compiled kernels have their own threads

        def part(k: int) -> Array:
            batches = [self._given(x[part]) for part in slices[k * each : (k + 1) * each]]
            return np.concatenate([z for z, _ in self._forwards.outputs(*batches)], axis=-1)

        groups = range(math.ceil(len(slices) / each))
        parts = map(part, groups) if self.is_compiled else workers.results(part, groups)
        return np.concatenate(list(parts), axis=-1)

    def _given(self, x: Array) -> tuple[Given, int]:
        return Given(x, self.known.normalizer, self.dtype), len(x)

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
