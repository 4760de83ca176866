"""The one place that turns a batch around: sources have the sample first, networks have it last."""

from dataclasses import dataclass

import numpy as np

from cnntrain.data.base import Split
from cnntrain.data.normalize import Normalizer
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array


@dataclass(frozen=True)
class Batches:
    """Samples of a split, normalised, in the network's precision, batch last."""

    split: Split
    normalizer: Normalizer
    dtype: np.dtype

    def take(self, indices: Array) -> tuple[Array, Array]:
        """(x (C, H, W, N) or (J, N); y (N,) labels or (K, N) targets)."""
        x = self.normalizer.apply(np.moveaxis(self.split.x[indices], 0, -1), self.dtype)
        y = self.split.y[indices]
        if y.dtype.kind == "f":
            y = np.moveaxis(y, 0, -1).astype(self.dtype, order="C")
        return x, y


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool) -> Array:
    """The order in which epoch ``epoch`` (from 0) visits n samples."""
    return stream(seed, Purpose.SHUFFLE, epoch).permutation(n) if shuffle else np.arange(n)
