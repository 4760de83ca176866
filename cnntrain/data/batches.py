"""Batches: the only place that moves the sample axis from first (sources) to last (networks)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnntrain.data.augment import Augmentation
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import Normalizer
from cnntrain.native import recording
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array

MOST_LISTED = 1 << 22  # samples whose order is an array; that of more is worked out for each batch
ROUNDS = 8  # of the Feistel network

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
            return self._normalized(self.split.stored_rows(indices)), y
        x = np.moveaxis(self.split.gather(indices), 0, -1)
        x = x.astype(np.promote_types(x.dtype, self.dtype), order="C")
        for k, augmentation in enumerate(self.augmentations):
            x, y = augmentation.apply(x, y, self.classes, draw(k))
        if y.dtype.kind == "f":
            y = y.astype(self.dtype, copy=False)
        return self.normalizer.apply(x, self.dtype), y

    def _normalized(self, rows: Array) -> Array:
        stored = self.split.stored
        if isinstance(stored, np.ndarray):
            return self.normalizer.gather(stored, rows, self.dtype)
        found = stored[rows]
        with recording(None):  # the next batch is not where this one was read to
            return self.normalizer.gather(found, np.arange(len(found)), self.dtype)

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


class Reading:
    """Some samples: their arrays, once asked for, or where they are stored."""

    def __init__(
        self,
        batches: Batches,
        indices: Array,
        draw: Draw | None = None,
        ready: tuple[Array, Array] | None = None,
    ) -> None:
        self._batches, self._indices, self._draw = batches, indices, draw
        self._ready = ready
        self._targets: Array | None = None

    def take(self) -> tuple[Array, Array]:
        """Inputs and targets, which are not kept."""
        if self._ready is not None:
            return self._ready
        with np.errstate(all="ignore"):  # what overflows is found in the loss, with its place
            return self._batches.take(self._indices, self._draw)

    def load(self) -> tuple[Array, Array]:
        """Inputs and targets, which are kept."""
        self._ready = self.take()
        return self._ready

    @property
    def targets(self) -> Array:
        """The targets alone."""
        if self._targets is None:
            ready, batches = self._ready, self._batches
            self._targets = batches.targets(self._indices) if ready is None else ready[1]
        return self._targets

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def stored(self) -> None:
        """Samples of a split stay where they are."""

    @property
    def rows(self) -> Array:
        """The numbers of the stored samples."""
        return self._batches.split.stored_rows(self._indices)


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool) -> Array:
    """The order in which epoch ``epoch`` (from 0) visits n samples."""
    return stream(seed, Purpose.SHUFFLE, epoch).permutation(n) if shuffle else np.arange(n)


def part_of_order(n: int, seed: int, epoch: int, places: slice) -> Array:
    """A part of an order that is never listed, because n is large: no two places are equal.

    A keyed permutation: a Feistel network permutes the numbers of an even count of bits (Luby &
    Rackoff 1988); one that leads out of range(n) is led on until it is back ("cycle walking", Black
    & Rogaway 2002, section 3), after less than 4 rounds on average.
    """
    half = max(1, -(-(n - 1).bit_length() // 2))
    keys = stream(seed, Purpose.SHUFFLE, epoch).integers(0, 1 << 64, ROUNDS, np.uint64)
    found = np.arange(*places.indices(n), dtype=np.uint64)
    outside = np.arange(len(found))
    while len(outside):
        found[outside] = _feistel(found[outside], half, keys)
        outside = outside[found[outside] >= n]
    return found.astype(np.int64)


def _feistel(values: Array, half: int, keys: Array) -> Array:
    """A permutation of the numbers of 2 half bits."""
    width, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> width, values & mask
    for key in keys:
        left, right = right, left ^ (_scrambled(right + key) & mask)
    mixed: Array = left << width | right
    return mixed


def _scrambled(x: Array) -> Array:
    """Every bit of the result depends on every bit of x: the end of SplitMix64 (Steele, Lea &
    Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
