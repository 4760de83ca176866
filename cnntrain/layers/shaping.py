"""Layers that only give values another shape: flatten and reshape."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer
from cnntrain.types import Array, Arrays, Count, Params, Shape


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
