"""Batches: the only place that moves the sample axis from first (sources) to last (networks)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnntrain.data.augment import Augmentation
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import Normalizer
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array

Draw = Callable[[int], np.random.Generator]


@dataclass(frozen=True)
class Batches:
    """Normalized samples of a split in the network's precision, batch axis last.

    ``augmentations`` are for training; ``classes`` is None for real-valued targets.
    """

    split: Split
    normalizer: Normalizer
    dtype: np.dtype
    augmentations: tuple[Augmentation, ...] = ()
    classes: int | None = None

    def take(self, indices: Array, draw: Draw | None = None) -> tuple[Array, Array]:
        """(x (C, H, W, N) or (J, N); y (N,) labels or (K, N) targets).

        With ``draw``, which returns the random stream of the k-th augmentation, x and y are
        augmented.
        """
        y = self.targets(indices)
        if draw is None or not self.augmentations:
            rows = self.split.stored_rows(indices)
            return self.normalizer.gather(self.split.stored, rows, self.dtype), y
        x = np.moveaxis(self.split.gather(indices), 0, -1)
        x = x.astype(np.promote_types(x.dtype, self.dtype), order="C")
        for k, augmentation in enumerate(self.augmentations):
            x, y = augmentation.apply(x, y, self.classes, draw(k))
        if y.dtype.kind == "f":
            y = y.astype(self.dtype, copy=False)
        return self.normalizer.apply(x, self.dtype), y

    def targets(self, indices: Array) -> Array:
        """Labels (N,), or targets (K, N) in the network's precision, normalized if it is asked."""
        last, normalizer = self.exact_targets(indices), self.normalizer.of_targets
        if last.dtype.kind != "f":
            return last
        if normalizer is not None:
            return normalizer.apply(last, self.dtype)
        return last.astype(self.dtype, order="C")

    def exact_targets(self, indices: Array) -> Array:
        """Labels (N,), or targets (K, N) as they are in the data."""
        y = self.split.y[indices]
        return y if y.ndim == 1 else np.moveaxis(y, 0, -1)


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool) -> Array:
    """The order in which epoch ``epoch`` (from 0) visits n samples."""
    return stream(seed, Purpose.SHUFFLE, epoch).permutation(n) if shuffle else np.arange(n)
