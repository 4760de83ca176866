"""From maps to a vector."""

import math
from dataclasses import dataclass

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.types import Array, Arrays, Params, Shape


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer, kind="flatten"):
    """(C, H, W) -> (C*H*W,), channel by channel, row by row. Copies nothing."""

    def out_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        return x.reshape(-1, x.shape[-1]), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return dy.reshape(cache), {}

    def flops(self, in_shape: Shape) -> int:
        return 0

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (2, 3, 4)), Example(cls(), (5,), batch=1)]
