"""Augmentation: random changes of training samples, to learn more from few of them.

Random numbers are keyed by step and shard, so there is no state. Samples are changed in the units
of the source, before normalization; pixels from outside an image are 0.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.ops import exact
from cnntrain.ops.draws import beta, normal, uniform
from cnntrain.registry import Registered
from cnntrain.types import Array, Count, Fraction, Positive, Shape


class Augmentation(Registered, family="augmentation"):
    """A random change of a batch x (C, H, W, N) or (J, N) with targets y."""

    arithmetic: ClassVar[tuple[str, ...]] = ("change",)

    images_only: ClassVar[bool] = True

    def check(self, sample_shape: Shape) -> None:
        """Raise ``ShapeError`` for samples that this augmentation cannot change."""
        if self.images_only and len(sample_shape) != 3:
            raise ShapeError(f"{self.kind} needs images (C, H, W), but samples are {sample_shape}")

    def apply(
        self, x: Array, y: Array, classes: int | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """The changed (x, y); the arguments are not modified."""
        return self.change(x, rng), y

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        """The changed x, for augmentations that do not change the targets."""
        raise NotImplementedError


def sample_at(x: Array, rows: Array, columns: Array) -> Array:
    """Sample maps between their pixels: (C, H, W, N) at positions (H', W', N) -> (C, H', W', N).

    Bilinear; 0 outside. Integer positions give the pixels themselves.
    """
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, across = (rows - top).astype(x.dtype), (columns - left).astype(x.dtype)
    return (
        _pixels(x, top, left) * ((1 - down) * (1 - across))
        + _pixels(x, top, left + 1) * ((1 - down) * across)
        + _pixels(x, top + 1, left) * (down * (1 - across))
        + _pixels(x, top + 1, left + 1) * (down * across)
    )


def _pixels(x: Array, rows: Array, columns: Array) -> Array:
    _, h, w, n = x.shape
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    found = x[:, np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1), np.arange(n)]
    return found * inside


def grid(shape: Shape) -> tuple[Array, Array]:
    """Row and column of every pixel, (H, W, 1) each."""
    _, h, w, _ = shape
    rows, columns = np.mgrid[0:h, 0:w]
    return rows[..., None], columns[..., None]


def warp(x: Array, matrices: Array) -> Array:
    """Transform each image about its centre: output position p shows input M p, M (2, 2, N)."""
    _, h, w, _ = x.shape
    rows, columns = grid(x.shape)
    down, across = rows - (h - 1) / 2, columns - (w - 1) / 2
    return sample_at(
        x,
        matrices[0, 0] * down + matrices[0, 1] * across + (h - 1) / 2,
        matrices[1, 0] * down + matrices[1, 1] * across + (w - 1) / 2,
    )


@dataclass(frozen=True, kw_only=True)
class Shift(Augmentation, kind="shift"):
    """Shift by up to ``pixels`` whole pixels in each direction."""

    pixels: Count = 1

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        offsets = rng.integers(-self.pixels, self.pixels + 1, (x.shape[-1], 2))
        shifted = np.zeros_like(x)
        for n, (down, across) in enumerate(offsets.tolist()):
            to_rows, from_rows = _overlap(x.shape[1], down)
            to_columns, from_columns = _overlap(x.shape[2], across)
            shifted[:, to_rows, to_columns, n] = x[:, from_rows, from_columns, n]
        return shifted


def _overlap(length: int, offset: int) -> tuple[slice, slice]:
    """Slices (to, from) of an axis, so that position p shows input p + offset."""
    kept = max(0, length - abs(offset))
    first, start = max(0, -offset), max(0, offset)
    return slice(first, first + kept), slice(start, start + kept)


@dataclass(frozen=True, kw_only=True)
class RandomCrop(Augmentation, kind="random_crop"):
    """Padding with ``padding`` zeros on every side, then a crop to the original size.

    Equivalent to a shift by up to ``padding`` pixels; this is its usual name for CIFAR.
    """

    padding: Count = 4

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        return Shift(pixels=self.padding).change(x, rng)


@dataclass(frozen=True, kw_only=True)
class Flip(Augmentation):
    """Base: reflection with probability ``share``."""

    share: Fraction = 0.5

    axis: ClassVar[int] = 2

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        mirrored = rng.random(x.shape[-1]) < self.share
        flipped = x.copy()
        flipped[..., mirrored] = np.flip(x, self.axis)[..., mirrored]
        return flipped


@dataclass(frozen=True, kw_only=True)
class FlipHorizontal(Flip, kind="flip_horizontal"):
    """Reflection left to right, with probability ``share``."""


@dataclass(frozen=True, kw_only=True)
class FlipVertical(Flip, kind="flip_vertical"):
    """Reflection top to bottom, with probability ``share``."""

    axis: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Rotation(Augmentation, kind="rotation"):
    """Rotation about the centre by up to ``degrees`` in either direction."""

    degrees: Positive = 10.0

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        angle = np.radians(uniform(rng, -self.degrees, self.degrees, x.shape[-1]))
        cos, sin = exact.cos(angle), exact.sin(angle)
        return warp(x, np.array([[cos, -sin], [sin, cos]]))


@dataclass(frozen=True, kw_only=True)
class Scale(Augmentation, kind="scale"):
    """Scaling about the centre by a factor between 1/(1 + ``by``) and 1 + ``by``."""

    by: Positive = 0.1

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        limit = exact.log1p(self.by)
        shrink = exact.exp(-uniform(rng, -limit, limit, x.shape[-1]))
        zero = np.zeros_like(shrink)
        return warp(x, np.array([[shrink, zero], [zero, shrink]]))


@dataclass(frozen=True, kw_only=True)
class Shear(Augmentation, kind="shear"):
    """Horizontal shear by up to ``degrees`` from the vertical."""

    degrees: Positive = 10.0

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        slope = exact.tan(np.radians(uniform(rng, -self.degrees, self.degrees, x.shape[-1])))
        one, zero = np.ones_like(slope), np.zeros_like(slope)
        return warp(x, np.array([[one, zero], [slope, one]]))


@dataclass(frozen=True, kw_only=True)
class Elastic(Augmentation, kind="elastic"):
    """Elastic distortion: every pixel is displaced by a smooth random field.

    ``alpha``: displacement in pixels of a field of norm 1; ``sigma``: its smoothness in pixels.
    Source: Simard, Steinkraus & Platt 2003, section 2 (there alpha 34, sigma 4 for MNIST).
    """

    alpha: Positive = 34.0
    sigma: Positive = 4.0

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        _, h, w, n = x.shape
        fields = uniform(rng, -1, 1, (2, h, w, n))
        down, across = (self.alpha * blur(field, self.sigma) for field in fields)
        rows, columns = grid(x.shape)
        return sample_at(x, rows + down, columns + across)


def blur(field: Array, sigma: float) -> Array:
    """Gaussian smoothing of (H, W, N) along both axes, 0 beyond the edges."""
    for axis in (0, 1):
        field = _smoothed(np.moveaxis(field, axis, 0), sigma).swapaxes(0, axis)
    return field


def _smoothed(field: Array, sigma: float) -> Array:
    """Along the first axis, one row of sources after the other, because BLAS has no fixed order."""
    total = np.zeros(field.shape)
    for weights, row in zip(_gaussian_matrix(len(field), sigma).T, field, strict=True):
        total += weights[:, None, None] * row
    return total


def _gaussian_matrix(size: int, sigma: float) -> Array:
    distance = np.subtract.outer(np.arange(size), np.arange(size))
    reach = np.arange(-4 * math.ceil(sigma), 4 * math.ceil(sigma) + 1)
    whole = exact.exp(-0.5 * np.square(reach / sigma)).sum()
    weights: Array = exact.exp(-0.5 * np.square(distance / sigma)) / whole
    return weights


@dataclass(frozen=True, kw_only=True)
class Brightness(Augmentation, kind="brightness"):
    """Multiplication of a sample by a factor between 1 - ``by`` and 1 + ``by``."""

    by: Fraction = 0.2

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        return x * _factors(self.by, x, rng)


@dataclass(frozen=True, kw_only=True)
class Contrast(Augmentation, kind="contrast"):
    """Deviations from the mean of a sample, multiplied by 1 - ``by`` to 1 + ``by``."""

    by: Fraction = 0.2

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        mean = x.mean(axis=tuple(range(x.ndim - 1)), keepdims=True, dtype=np.float64)
        mean = mean.astype(x.dtype)
        return mean + (x - mean) * _factors(self.by, x, rng)


def _factors(by: float, x: Array, rng: np.random.Generator) -> Array:
    """One factor per sample, between 1 - by and 1 + by."""
    return np.asarray(1 - by + 2 * by * rng.random(x.shape[-1]), x.dtype)


@dataclass(frozen=True, kw_only=True)
class Cutout(Augmentation, kind="cutout"):
    """A square of side ``size`` pixels at a random position, set to 0. DeVries & Taylor 2017."""

    size: Count = 8

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        _, h, w, n = x.shape
        rows, columns = grid(x.shape)
        top = rng.integers(0, h, n) - self.size // 2
        left = rng.integers(0, w, n) - self.size // 2
        down, across = rows - top, columns - left
        cut = (down >= 0) & (down < self.size) & (across >= 0) & (across < self.size)
        return x * ~cut


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Augmentation, kind="gaussian_noise"):
    """N(0, std²) added to every value; ``std`` in the units of the source."""

    std: Positive = 0.1

    images_only: ClassVar[bool] = False

    def change(self, x: Array, rng: np.random.Generator) -> Array:
        return x + x.dtype.type(self.std) * normal(rng, x.shape).astype(x.dtype)


@dataclass(frozen=True, kw_only=True)
class Mixup(Augmentation, kind="mixup"):
    """λ x_a + (1 - λ) x_b, and likewise for targets, with λ from Beta(``alpha``, ``alpha``).

    Labels become soft targets (K, N). Source: Zhang et al. 2018.
    """

    alpha: Positive = 0.2

    arithmetic: ClassVar[tuple[str, ...]] = ("apply",)
    images_only: ClassVar[bool] = False

    def apply(
        self, x: Array, y: Array, classes: int | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        n = x.shape[-1]
        share = np.asarray(beta(rng, self.alpha, n), x.dtype)
        other = rng.permutation(n)
        if classes is not None and y.ndim == 1:  # with a single output, 1 means yes
            y = y[None] if classes == 1 else np.eye(classes)[:, y]  # (K, N)
        return (
            share * x + (1 - share) * x[..., other],
            (share * y + (1 - share) * y[..., other]).astype(x.dtype),
        )
