"""Normalization x ← (x - shift) / scale, with statistics of the training split only."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from cnntrain.data.dataset import Split
from cnntrain.native import normalize as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import in_two, is_constant
from cnntrain.types import Array, Params, Shape

Normalization = Literal["none", "unit", "per_channel", "per_feature"]
TargetNormalization = Literal["none", "standardize"]


@dataclass(frozen=True)
class Normalizer:
    """``shift`` and ``scale``: shaped like one sample, with length 1 along every axis on which they
    are constant, so that they broadcast over a batch-last array once an axis is added.
    ``target_shift`` and ``target_scale``: the same of real-valued targets, if they are normalized.
    """

    shift: Array
    scale: Array
    target_shift: Array | None = None
    target_scale: Array | None = None

    def arrays(self) -> Params:
        """The state stored in a checkpoint."""
        inputs = {"shift": self.shift, "scale": self.scale}
        if self.target_shift is None or self.target_scale is None:
            return inputs
        return {**inputs, "target_shift": self.target_shift, "target_scale": self.target_scale}

    @property
    def of_targets(self) -> "Normalizer | None":
        """What normalizes the targets; None: they are read as they are."""
        if self.target_shift is None or self.target_scale is None:
            return None
        return Normalizer(self.target_shift, self.target_scale)

    def with_targets(self, found: "Normalizer") -> "Normalizer":
        """This normalizer of inputs, with another one for the targets."""
        return replace(self, target_shift=found.shift, target_scale=found.scale)

    def undo(self, x: Array) -> Array:
        """x · scale + shift in float64: from what the network reads or gives, back to the data."""
        original: Array = x.astype(np.float64) * self.scale[..., None] + self.shift[..., None]
        return original

    def apply(self, x: Array, dtype: np.dtype) -> Array:
        """(x - shift) / scale for samples x (..., N), as a new contiguous array of ``dtype``.

        Rounded at the end: a float64 column of 1.7e9 ± 100 has 5 values left in float32.
        """
        out = x.astype(np.promote_types(x.dtype, dtype), order="C")
        *parts, inverse = self.numbers(out.dtype)
        for part in parts:
            if part.any():
                out -= part[..., None]
        out *= inverse[..., None]
        return out.astype(dtype, copy=False)

    @twinned(compiled.gather)
    def gather(self, stored: Array, rows: Array, dtype: np.dtype) -> Array:
        """The samples ``rows`` of those stored (N, ...), normalized, with the batch axis last."""
        return self.apply(np.moveaxis(stored[rows], 0, -1), dtype)

    def numbers(self, dtype: np.dtype) -> tuple[Array, Array, Array]:
        """(shift, what ``dtype`` rounds off of it, 1 / scale)."""
        found = self._numbers.get(dtype)
        if found is None:
            near, rest = in_two(self.shift, dtype)
            found = self._numbers[dtype] = near, rest, (1 / self.scale).astype(dtype)
        return found

    @cached_property
    def _numbers(self) -> dict[np.dtype, tuple[Array, Array, Array]]:
        return {}


def statistics_shape(kind: Normalization, sample_shape: Shape) -> Shape:
    """Shape of ``shift`` and ``scale``: one value overall, per channel, or per feature."""
    if kind == "per_feature" or (kind == "per_channel" and len(sample_shape) == 1):
        return sample_shape
    if kind == "per_channel":
        return (sample_shape[0], *(1,) * (len(sample_shape) - 1))
    return (1,) * len(sample_shape)


def fit_normalizer(kind: Normalization, split: Split) -> Normalizer:
    """``none``: x; ``unit``: the training range onto [0, 1]; ``per_channel`` and ``per_feature``:
    mean 0 and standard deviation 1 (population) of each. A feature that varies by no more than
    rounding explains is constant, and only shifted."""
    shape = statistics_shape(kind, split.sample_shape)
    if kind == "none":
        return Normalizer(np.zeros(shape), np.ones(shape))
    if kind == "unit":
        low = min(float(chunk.min()) for chunk in split.chunks())
        high = max(float(chunk.max()) for chunk in split.chunks())
        return Normalizer(np.full(shape, low), np.full(shape, (high - low) or 1.0))
    sizes = zip(shape, split.sample_shape, strict=True)
    axes = (0, *(axis for axis, (kept, size) in enumerate(sizes, start=1) if kept != size))
    count = len(split) * math.prod(split.sample_shape) / math.prod(shape)
    mean = _sum(_centered(split, 0.0), axes) / count
    variance = _sum(map(np.square, _centered(split, mean)), axes) / count
    scale = np.where(is_constant(variance, mean, count), 1.0, np.sqrt(variance))
    return Normalizer(mean.reshape(shape), scale.reshape(shape))


def fit_targets(split: Split) -> Normalizer:
    """Mean 0 and standard deviation 1 of every real-valued target, per channel for maps."""
    return fit_normalizer("per_channel", Split(split.y, split.y))


def _centered(split: Split, center: Array | float) -> Iterator[Array]:
    """x - center in float64, chunk by chunk."""
    return (chunk.astype(np.float64) - center for chunk in split.chunks())


def _sum(parts: Iterable[Array], axes: tuple[int, ...]) -> Array:
    """Σ over ``axes`` and all parts, kept as axes of length 1."""
    total: Array = sum(part.sum(axis=axes, keepdims=True) for part in parts)
    return total
