"""Layers that are random in training and pass their input through in evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.native import dropout as compiled
from cnntrain.native import twinned
from cnntrain.ops.draws import normal
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, Arrays, Fraction, NonNegative, Params, Shape


@twinned(compiled.kept_units)
def kept_units(shape: Shape, rate: float, rng: np.random.Generator) -> Array:
    """Whether each unit is kept, which has the probability 1 - rate."""
    kept: Array = rng.random(shape, dtype=np.float32) >= rate
    return kept


@twinned(compiled.masked)
def masked(x: Array, kept: Array, rate: float) -> Array:
    """x / (1 - rate) where a unit is kept, 0 where it is dropped."""
    return x * (kept * x.dtype.type(1 / (1 - rate)))


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer, kind="dropout"):
    """y = x ⊙ mask in training, y = x otherwise.

    Any shape -> the same. Option: ``rate``, the probability of dropping a unit, in [0, 1). The mask
    is drawn anew for each unit, sample and step; kept units are scaled by 1/(1 - rate)
    ("inverted"), so that evaluation needs no change. Source: Srivastava et al. 2014, section 10
    for the scaling.
    """

    formula: ClassVar[str] = r"y = x \odot M, \; M = 0 \;\text{or}\; \frac{1}{1 - \text{rate}}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta \odot M",
    }

    rate: Fraction = 0.5

    is_random: ClassVar[bool] = True

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def mask_shape(self, shape: Shape) -> Shape:
        """Shape of the mask, with axes of length 1 where units are dropped together."""
        return shape

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array | None]:
        if not ctx.training or self.rate == 0:
            return x, None
        kept = kept_units(self.mask_shape(x.shape), self.rate, ctx.generator())
        return masked(x, kept, self.rate), kept

    def backward(
        self, params: Arrays, cache: Array | None, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return dy if cache is None else masked(dy, cache, self.rate), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(rate=0.4), (3, 4, 4)), Example(cls(rate=0.0), (5, 1, 1))]


@dataclass(frozen=True, kw_only=True)
class SpatialDropout(Dropout, kind="spatial_dropout"):
    """Dropout of whole feature maps: (C, H, W) -> the same, one draw per sample and channel.

    Option: ``rate``. Source: Tompson et al. 2015.
    """

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        return in_shape

    def mask_shape(self, shape: Shape) -> Shape:
        return (shape[0], 1, 1, shape[3])


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Layer, kind="gaussian_noise"):
    """y = x + N(0, std²) in training, y = x otherwise.

    Any shape -> the same. Option: ``std``, of the noise, drawn anew for every value and step.
    """

    formula: ClassVar[str] = r"y = x + N(0, \text{std}^2)"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta",
    }

    std: NonNegative = 0.1

    is_random: ClassVar[bool] = True

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, None]:
        if not ctx.training:
            return x, None
        noise = normal(ctx.generator(), x.shape).astype(x.dtype)
        return x + noise * x.dtype.type(self.std), None

    def backward(
        self, params: Arrays, cache: None, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return dy, {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(std=0.3), (3, 2, 2)), Example(cls(), (4,), batch=3)]
