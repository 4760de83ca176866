"""A convolution and the max-pooling by 2 behind it in one pass over a map (``network/fuse.py``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnntrain.layers.base import Context
from cnntrain.layers.conv2d import Cache, Conv2d, conv2d_forward
from cnntrain.layers.pooling import (
    MaxPool2d,
    max_pool2d_backward,
    max_pool2d_forward,
    windows_of,
)
from cnntrain.native import conv2d as compiled
from cnntrain.native import twinned
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Arrays, Params, Shape


@twinned(compiled.conv2d_pool_forward)
def conv2d_pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis],
    groups: int = 1,
) -> tuple[Array, Sequence[Array]]:  # fmt: skip
    """(max of every four neighbours of z, which of them it is)."""
    vertical, horizontal = axes
    return max_pool2d_forward(conv2d_forward(a, W, b, vertical, horizontal, groups), *pool_axes)


@dataclass(frozen=True, kw_only=True)
class Conv2dMaxPool(Conv2d):
    """The largest of every four neighbours of z; z itself is never written."""

    pool: MaxPool2d

    def pool_axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        """The windows on z."""
        return windows_of(self.pool, Conv2d.out_shape(self, in_shape))

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self.pool_axes(in_shape)
        return (self.filters, vertical.out, horizontal.out)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Any]:
        axes, pool_axes = self.axes(x.shape[:3]), self.pool_axes(x.shape[:3])
        W, b = params["W"], params.get("b")
        if form := self.form(x.shape[:3]):
            y, winners = form.pool_forward(x, W, b, axes, pool_axes)
        else:
            y, winners = conv2d_pool_forward(x, W, b, axes, pool_axes, self.groups)
        return y, (Cache(x, *axes), winners, pool_axes)

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        before, winners, pool_axes = cache
        delta = max_pool2d_backward(dy, winners, *pool_axes)
        return super().backward(params, before, delta, need_dx)
