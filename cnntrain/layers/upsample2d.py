"""Upsampling of feature maps by an integer factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from cnntrain.layers.base import Context, Example, Layer, View
from cnntrain.native import twinned
from cnntrain.native import upsample2d as compiled
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, Arrays, CountPair, Params, Shape, as_pair


@lru_cache(maxsize=64)
def interpolation(length: int, factor: int, mode: str) -> Array:
    """The matrix (factor·length, length) that upsamples one axis; its rows sum to 1.

    ``nearest``: output o copies input floor(o / factor). ``bilinear``: output o lies at
    (o + ½)/factor - ½ between two inputs, clamped to the edge ("align_corners" off).
    """
    outputs = np.arange(factor * length)
    matrix = np.zeros((factor * length, length))
    if mode == "nearest":
        matrix[outputs, outputs // factor] = 1
        return matrix
    place = np.clip((outputs + 0.5) / factor - 0.5, 0, length - 1)
    left = np.minimum(place.astype(int), max(length - 2, 0))
    share = place - left
    np.add.at(matrix, (outputs, left), 1 - share)
    np.add.at(matrix, (outputs, np.minimum(left + 1, length - 1)), share)
    return matrix


@twinned(compiled.resize)
def resize(x: Array, vertical: Array, horizontal: Array) -> Array:
    """V x Hᵀ for every map: (C, H, W, N) -> (C, OH, OW, N) with V (OH, H) and H (OW, W)."""
    c, h, w, n = x.shape
    rows = vertical @ x.reshape(c, h, w * n)  # (C, OH, W*N) = (OH, H) @ (C, H, W*N)
    return horizontal @ rows.reshape(c, len(vertical), w, n)  # (C, OH, OW, N)


class Resampling(Layer):
    """Base: a map times two matrices; ∂C/∂x is by the transposed ones."""

    formula: ClassVar[str] = "y_c = V x_c H^T"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x_c} = V^T \delta_c H",
    }

    def matrices(self, shape: Shape, dtype: np.dtype) -> list[Array]:
        """V and H of the formula."""
        raise NotImplementedError

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        return resize(x, *self.matrices(x.shape, x.dtype)), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        vertical, horizontal = self.matrices(cache, dy.dtype)
        return resize(dy, vertical.T, horizontal.T), {}


@dataclass(frozen=True, kw_only=True)
class Upsample2d(Resampling, kind="upsample2d"):
    """Upsampling (C, H, W) -> (C, factor·H, factor·W).

    Options: ``factor``, a number or [vertical, horizontal]; ``mode``, nearest or bilinear (half
    pixel centres, as in PyTorch with align_corners off). ∂C/∂x uses the transposed matrices.
    """

    factor: CountPair = 2
    mode: Literal["nearest", "bilinear"] = "nearest"

    def matrices(self, shape: Shape, dtype: np.dtype) -> list[Array]:
        """V and H of the formula."""
        factors = as_pair(self.factor)
        sizes = zip(shape[1:3], factors, strict=True)
        return [interpolation(*size, self.mode).astype(dtype) for size in sizes]

    def view(self, in_shape: Shape) -> tuple[View, View]:
        size = 1 if self.mode == "nearest" else 2
        vertical, horizontal = (View(size, 1 / factor) for factor in as_pair(self.factor))
        return vertical, horizontal

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        vertical, horizontal = as_pair(self.factor)
        return (in_shape[0], vertical * in_shape[1], horizontal * in_shape[2])

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(), (2, 2, 3)),
            Example(cls(factor=(1, 3), mode="bilinear"), (1, 2, 3)),
            Example(cls(factor=2, mode="bilinear"), (2, 3, 1), batch=1),
        ]
