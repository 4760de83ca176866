"""Layers that join several inputs, for residual and branching networks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Layer
from cnntrain.native import joining as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import added
from cnntrain.types import Array, Arrays, Params, Shape


@twinned(compiled.joined)
def joined(parts: tuple[Array, ...]) -> Array:
    """The parts behind each other along the first axis."""
    return np.concatenate(parts)


class Joining(Layer):
    """Base: x is a tuple of arrays, and so is ∂C/∂x."""

    joins: ClassVar[bool] = True

    def flops(self, in_shape: tuple[Shape, ...]) -> int:
        return sum(math.prod(shape) for shape in in_shape[1:])


@dataclass(frozen=True, kw_only=True)
class Add(Joining, kind="add"):
    """y = Σ of all inputs, which have the same shape; each receives ∂C/∂y. He et al. 2016."""

    formula: ClassVar[str] = r"y = \sum_i x_i"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x_i} = \delta",
    }

    def out_shape(self, in_shape: tuple[Shape, ...]) -> Shape:
        if len(in_shape) < 2 or len(set(in_shape)) != 1:
            shapes = " and ".join(map(str, in_shape))
            raise ShapeError(f"needs two or more inputs of the same shape, but got {shapes}")
        return in_shape[0]

    def forward(self, params: Arrays, x: tuple[Array, ...], ctx: Context) -> tuple[Array, int]:
        total = added(x[0], x[1])
        for more in x[2:]:
            total = added(total, more)
        return total, len(x)

    def backward(
        self, params: Arrays, cache: int, dy: Array, need_dx: bool = True
    ) -> tuple[tuple[Array, ...], Params]:
        return (dy,) * cache, {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), ((2, 2, 3),) * 2), Example(cls(), ((4,),) * 3, batch=3)]


@dataclass(frozen=True, kw_only=True)
class Concat(Joining, kind="concat"):
    """Concatenation of all inputs along the channels (or units).

    (C₁, H, W), (C₂, H, W), ... -> (C₁ + C₂ + ..., H, W). ∂C/∂y is split in the same way.
    """

    formula: ClassVar[str] = r"y = [x_1, x_2, \dots]"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x_i} = \text{its channels of}\; \delta",
    }

    def out_shape(self, in_shape: tuple[Shape, ...]) -> Shape:
        if len(in_shape) < 2 or len({shape[1:] for shape in in_shape}) != 1:
            shapes = " and ".join(map(str, in_shape))
            raise ShapeError(
                f"needs two or more inputs that differ only in their channels, but got {shapes}"
            )
        return (sum(shape[0] for shape in in_shape), *in_shape[0][1:])

    def forward(
        self, params: Arrays, x: tuple[Array, ...], ctx: Context
    ) -> tuple[Array, list[int]]:
        edges = np.cumsum([len(part) for part in x])[:-1]
        return joined(x), edges.tolist()

    def backward(
        self, params: Arrays, cache: list[int], dy: Array, need_dx: bool = True
    ) -> tuple[tuple[Array, ...], Params]:
        return tuple(np.split(dy, cache)), {}

    def flops(self, in_shape: tuple[Shape, ...]) -> int:
        return 0

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(), ((1, 2, 3), (2, 2, 3))),
            Example(cls(), ((2,), (1,), (3,)), batch=1),
        ]
