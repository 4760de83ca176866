"""Global pooling: each feature map is reduced to one number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.layers.pooling import max_pool2d_backward, max_pool2d_forward
from cnntrain.native import pooling as compiled
from cnntrain.native import twinned
from cnntrain.ops.shapes import require_image
from cnntrain.ops.sums import divided, exact_sums
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Arrays, Params, Shape

Winners = tuple[Sequence[Array], Axis, Axis]


@twinned(compiled.global_avg_dx)
def global_avg_dx(dy: Array, shape: Shape) -> Array:
    """∂C/∂x of ``shape`` (C, H, W, N): δ / (H·W) at every place."""
    share = dy / dy.dtype.type(shape[1] * shape[2])
    return np.ascontiguousarray(np.broadcast_to(share[:, None, None], shape))


@dataclass(frozen=True, kw_only=True)
class GlobalAvgPool2d(Layer, kind="global_avg_pool2d"):
    """y[c] = the mean of map c: (C, H, W) -> (C,). Lin, Chen & Yan 2014, section 3.2."""

    formula: ClassVar[str] = r"y_c = \frac{1}{H W} \sum_{h,w} x_c"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x_c} = \frac{\delta_c}{H W}",
    }

    def view(self, in_shape: Shape) -> None:
        return None

    def out_shape(self, in_shape: Shape) -> Shape:
        return _channels(in_shape)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Shape]:
        c, h, w, n = x.shape
        sums = exact_sums(x.reshape(c, h * w, n))[:, 0]  # (C, N)
        return divided(sums, h * w, x.dtype), x.shape

    def backward(
        self, params: Arrays, cache: Shape, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return global_avg_dx(dy, cache), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (2, 3, 4)), Example(cls(), (3, 1, 1), batch=1)]


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool2d(Layer, kind="global_max_pool2d"):
    """y[c] = the maximum of map c; ties go to the first: (C, H, W) -> (C,)."""

    formula: ClassVar[str] = r"y_c = \max_{h,w} x_c"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial x_c} = \delta_c \;\text{at the maximum, else}\; 0",
    }

    def view(self, in_shape: Shape) -> None:
        return None

    takes_largest: ClassVar[bool] = True

    def out_shape(self, in_shape: Shape) -> Shape:
        return _channels(in_shape)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Winners]:
        vertical, horizontal = (Axis(length, length) for length in x.shape[1:3])
        y, winners = max_pool2d_forward(x, vertical, horizontal)
        return y[:, 0, 0], (winners, vertical, horizontal)

    def backward(
        self, params: Arrays, cache: Winners, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return max_pool2d_backward(dy[:, None, None], *cache), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (2, 3, 4)), Example(cls(), (3, 1, 1), batch=1)]


def _channels(in_shape: Shape) -> Shape:
    require_image(in_shape)
    return in_shape[:1]
