"""Dropout: units left out at random, so that none relies on another."""

from dataclasses import dataclass

import numpy as np

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.types import Array, Arrays, Fraction, Params, Shape


def dropout_mask(shape: Shape, rate: float, rng: np.random.Generator, like: Array) -> Array:
    """1/(1 - rate) where a unit stays (probability 1 - rate), 0 where it is left out."""
    stays = rng.random(shape, dtype=np.float32) >= rate
    return stays * like.dtype.type(1 / (1 - rate))


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer, kind="dropout"):
    """y = x ⊙ mask while training, y = x otherwise.

    Any shape -> the same. Option: ``rate``, the share of units left out, in [0, 1). Each unit of
    each sample is drawn anew in every step; kept ones are scaled by 1/(1 - rate) ("inverted"), so
    that evaluation needs no change. Source: Srivastava et al. 2014, section 10 for the scaling.
    """

    rate: Fraction = 0.5

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array | None]:
        if not ctx.training or self.rate == 0:
            return x, None
        mask = dropout_mask(x.shape, self.rate, ctx.generator(), like=x)
        return x * mask, mask

    def backward(
        self, params: Arrays, cache: Array | None, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return dy if cache is None else dy * cache, {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(rate=0.4), (3, 4, 4)), Example(cls(rate=0.0), (5,))]
