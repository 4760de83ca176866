"""Layers that only rearrange values: flatten, reshape, zero padding."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer
from cnntrain.ops.shapes import require_image
from cnntrain.types import Array, Arrays, Count, Natural, Params, Shape, as_pair


class Reshaping(Layer):
    """Base: the same values in the same order in another shape, without copying."""

    only_views: ClassVar[bool] = True

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        return x.reshape(*self.out_shape(x.shape[:-1]), x.shape[-1]), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return dy.reshape(cache), {}

    def flops(self, in_shape: Shape) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class Flatten(Reshaping, kind="flatten"):
    """(C, H, W) -> (C*H*W,), channel by channel, row by row."""

    formula: ClassVar[str] = r"y = \text{the numbers of}\; x \;\text{in one column}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta \;\text{in the shape of}\; x",
    }

    def out_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (2, 3, 4)), Example(cls(), (5,), batch=1)]


@dataclass(frozen=True, kw_only=True)
class Reshape(Reshaping, kind="reshape"):
    """Any shape -> ``shape`` with the same number of values, last axis fastest."""

    formula: ClassVar[str] = r"y = \text{the numbers of}\; x \;\text{in another shape}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta \;\text{in the shape of}\; x",
    }

    shape: tuple[Count, ...]

    def out_shape(self, in_shape: Shape) -> Shape:
        if math.prod(in_shape) != math.prod(self.shape):
            raise ShapeError(
                f"{in_shape} has {math.prod(in_shape)} values, {self.shape} has "
                f"{math.prod(self.shape)}",
                ("shape",),
            )
        return self.shape

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(shape=(2, 2, 3)), (12,)), Example(cls(shape=(6,)), (1, 2, 3))]


@dataclass(frozen=True, kw_only=True)
class ZeroPad2d(Layer, kind="zero_pad2d"):
    """Zeros around each map: (C, H, W) -> (C, top + H + bottom, left + W + right).

    Option: ``padding``, a number, [vertical, horizontal] or [top, bottom, left, right].
    """

    formula: ClassVar[str] = r"y = x \;\text{with zeros around it}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x} = \delta \;\text{without its border}",
    }

    padding: Natural | tuple[Natural, Natural] | tuple[Natural, Natural, Natural, Natural]

    def _sides(self) -> tuple[int, int, int, int]:
        if isinstance(self.padding, tuple) and len(self.padding) == 4:
            return self.padding
        vertical, horizontal = as_pair(self.padding)
        return (vertical, vertical, horizontal, horizontal)

    def out_shape(self, in_shape: Shape) -> Shape:
        require_image(in_shape)
        top, bottom, left, right = self._sides()
        return (in_shape[0], top + in_shape[1] + bottom, left + in_shape[2] + right)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        top, bottom, left, right = self._sides()
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0))), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        top, _, left, _ = self._sides()
        _, h, w, _ = cache
        return np.ascontiguousarray(dy[:, top : top + h, left : left + w]), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(padding=1), (2, 2, 3)),
            Example(cls(padding=(0, 2)), (1, 3, 2)),
            Example(cls(padding=(1, 0, 2, 3)), (2, 2, 2), batch=1),
        ]
