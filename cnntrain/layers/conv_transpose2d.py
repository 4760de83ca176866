"""Transposed convolution: the input gradient of a convolution, used as a forward pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Param, View, WeightedLayer
from cnntrain.layers.conv2d import conv2d_da, conv2d_db, conv2d_dW, conv2d_forward
from cnntrain.ops.shapes import require_image
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Arrays, Count, CountPair, NaturalPair, Params, Shape, as_pair


def conv_transpose2d_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis
) -> Array:
    """z = ∂C/∂input of a convolution whose δ is a: each value of a[c] adds its W[c, f] to z[f]."""
    z = conv2d_da(a, W, vertical, horizontal)
    if b is not None:
        z += b[:, :, None, None]
    return z


def conv_transpose2d_backward(
    delta: Array, a: Array, W: Array, vertical: Axis, horizontal: Axis
) -> tuple[Array, Array, Array]:
    """(∂C/∂a, ∂C/∂W, ∂C/∂b): the convolution of δ with W, and its gradient with δ and a swapped."""
    da = conv2d_forward(delta, W, None, vertical, horizontal)
    return da, conv2d_dW(a, delta, W.shape, vertical, horizontal), conv2d_db(delta)


class Cache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    a: Array
    vertical: Axis
    horizontal: Axis


@dataclass(frozen=True, kw_only=True)
class ConvTranspose2d(WeightedLayer, kind="conv_transpose2d"):
    """z[f] = b[f] + Σ_c copies of W[c, f], ``stride`` apart, each scaled by one value of a[c].

    (C, H, W) -> (F, OH, OW) with OH = (H - 1)·stride - 2·padding + KH + output_padding, OW alike;
    W (C, F, KH, KW) he_normal, b (F, 1) zeros. Options: ``filters`` is F; ``kernel``, ``stride``,
    ``padding`` (cut off on both sides) and ``output_padding`` (added at the end; less than the
    stride), each a number or [vertical, horizontal]; the rest as for every layer with weights.
    Source: Zeiler et al. 2010, "Deconvolutional networks"; defined as in PyTorch.
    """

    formula: ClassVar[str] = r"z_f = \sum_c a_c * W_{c,f} + b_f"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial a_c} = \sum_f W_{c,f} \star \delta_f",
        "W": r"\frac{\partial C}{\partial W_{c,f}} = \sum_n \delta_f \star a_c",
        "b": r"\frac{\partial C}{\partial b_f} = \sum_{n,oh,ow} \delta_f",
    }

    filters: Count
    kernel: CountPair
    stride: CountPair = 1
    padding: NaturalPair = 0
    output_padding: NaturalPair = 0

    def axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        """Windows of the convolution of which this is the gradient; they slide over the output."""
        require_image(in_shape)
        options = (self.kernel, self.stride, self.padding, self.output_padding)
        vertical, horizontal = (
            self._axis(*each) for each in zip(in_shape[1:], *map(as_pair, options), strict=True)
        )
        return vertical, horizontal

    @staticmethod
    def _axis(length: int, size: int, stride: int, pad: int, extra: int) -> Axis:
        out = (length - 1) * stride - 2 * pad + size + extra
        if out < 1:
            raise ShapeError(f"padding {pad} leaves no output; use less", ("padding",))
        if extra >= stride:
            raise ShapeError(
                f"output_padding {extra} must be less than the stride {stride}",
                ("output_padding",),
            )
        return Axis(out, size, stride, pad, pad)

    def view(self, in_shape: Shape) -> tuple[View, View]:
        """The inputs that may contribute to one output."""
        vertical, horizontal = (
            View(-(-axis.size // axis.stride), 1 / axis.stride) for axis in self.axes(in_shape)
        )
        return vertical, horizontal

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self.axes(in_shape)
        return (self.filters, vertical.length, horizontal.length)

    def params(self, in_shape: Shape) -> dict[str, Param]:
        kh, kw = as_pair(self.kernel)
        c, f = in_shape[0], self.filters
        return self.declare((c, f, kh, kw), (f, 1), c * kh * kw, f * kh * kw, unit_axis=1)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        axes = self.axes(x.shape[:3])
        return conv_transpose2d_forward(x, params["W"], params.get("b"), *axes), Cache(x, *axes)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        a, *axes = cache
        da, dW, db = conv_transpose2d_backward(dy, a, params["W"], *axes)
        return da, {"W": dW, "b": db} if "b" in params else {"W": dW}

    def flops(self, in_shape: Shape) -> int:
        return 2 * self.filters * int(np.prod(as_pair(self.kernel))) * int(np.prod(in_shape))

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(filters=3, kernel=3), (2, 3, 4)),
            Example(cls(filters=2, kernel=(3, 2), stride=2, padding=1), (2, 3, 2)),
            Example(cls(filters=1, kernel=3, stride=(3, 2), output_padding=(2, 1)), (2, 2, 3)),
            Example(cls(filters=2, kernel=2, stride=3, bias=False), (3, 2, 2), batch=1),
        ]
