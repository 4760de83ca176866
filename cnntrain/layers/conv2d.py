"""Two-dimensional convolution by row lowering: one matrix product per output row."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cnntrain.init import Constant
from cnntrain.layers.base import Context, Example, Param, WeightedLayer
from cnntrain.ops.windows import Axis, Padding, lower_rows, patches, place, scatter
from cnntrain.types import Array, Arrays, Count, CountPair, Params, Shape, as_pair

ROTATED_KERNEL_MIN_CHANNELS = 32  # measured: below, the scatter is faster


def conv2d_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis
) -> tuple[Array, Array]:
    """(z, rows): z[f, oh, ow] = Σ_{c,i,j} W[f, c, i, j] · padded a[c, oh·s + i, ow·s + j] + b[f].

    A cross-correlation, as in seed 002 and every library. ``rows`` are the lowered inputs, which
    the gradient of W needs again.
    """
    rows = lower_rows(a, vertical, horizontal)  # (H', C, KW, OW, N)
    z = _rows_times(rows, W, vertical)
    if b is not None:
        z += b[:, :, None, None]  # (F, OH, OW, N) + (F, 1, 1, 1)
    return z, rows


def _rows_times(rows: Array, W: Array, vertical: Axis) -> Array:
    ow, n = rows.shape[3:]
    z = np.empty((len(W), vertical.out, ow * n), rows.dtype)
    W_rows = W.transpose(0, 2, 1, 3).reshape(len(W), -1)  # (F, KH*C*KW)
    # (OH, F, OW*N) = (F, KH*C*KW) @ (OH, KH*C*KW, OW*N), written straight into (F, OH, OW*N)
    np.matmul(W_rows, patches(rows, vertical), out=z.transpose(1, 0, 2))
    return z.reshape(len(W), vertical.out, ow, n)


def conv2d_dW(delta: Array, rows: Array, W_shape: Shape, vertical: Axis) -> Array:
    """∂C/∂W[f, c, i, j] = Σ_{n,oh,ow} δ[f, oh, ow] · padded a[c, oh·s + i, ow·s + j]."""
    f, c, kh, kw = W_shape
    delta_rows = delta.reshape(f, vertical.out, -1).transpose(1, 0, 2)  # (OH, F, OW*N)
    # (OH, F, KH*C*KW) = (OH, F, OW*N) @ (OH, OW*N, KH*C*KW)
    per_row = delta_rows @ patches(rows, vertical).transpose(0, 2, 1)
    return per_row.sum(axis=0).reshape(f, kh, c, kw).transpose(0, 2, 1, 3)


def conv2d_db(delta: Array) -> Array:
    """∂C/∂b[f] = Σ_{n,oh,ow} δ[f, oh, ow]."""
    db: Array = delta.reshape(len(delta), -1).sum(axis=1, keepdims=True)  # (F, 1)
    return db


def conv2d_da_rotated(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a = δ, padded, convolved with the kernel rotated by 180° (seed 002). Stride 1 only."""
    rotated = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, F, KH, KW)
    full_v, full_h = (
        Axis(ax.out, ax.size, 1, ax.size - 1 - ax.before, ax.size - 1 - ax.after)
        for ax in (vertical, horizontal)
    )
    return _rows_times(lower_rows(delta, full_v, full_h), rotated, full_v)


def conv2d_da_scatter(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a by adding Wᵀ δ, tap by tap, to the inputs that each tap has read. Any stride."""
    f, c, kh, kw = W.shape
    W_taps = W.transpose(2, 3, 1, 0).reshape(-1, f)  # (KH*KW*C, F)
    taps = W_taps @ delta.reshape(f, -1)  # (KH*KW*C, OH*OW*N) = (KH*KW*C, F) @ (F, OH*OW*N)
    in_shape = (c, vertical.length, horizontal.length)
    return scatter(taps.reshape(kh, kw, c, *delta.shape[1:]), in_shape, vertical, horizontal)


def rotated_kernel_is_faster(W_shape: Shape, vertical: Axis, horizontal: Axis) -> bool:
    """The rule, on shapes alone, by which ∂C/∂a is computed (DESIGN: measured on eight layers)."""
    fits = all(
        ax.stride == 1 and ax.before < ax.size and ax.after < ax.size
        for ax in (vertical, horizontal)
    )
    padded = vertical.before + vertical.after == vertical.size - 1
    return fits and padded and W_shape[1] >= ROTATED_KERNEL_MIN_CHANNELS


def conv2d_da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a by the faster of two equal ways."""
    rotated = rotated_kernel_is_faster(W.shape, vertical, horizontal)
    return (conv2d_da_rotated if rotated else conv2d_da_scatter)(delta, W, vertical, horizontal)


class Cache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    rows: Array
    vertical: Axis
    horizontal: Axis


@dataclass(frozen=True, kw_only=True)
class Conv2d(WeightedLayer, kind="conv2d"):
    """z[f] = Σ_c W[f, c] ⋆ a[c] + b[f].

    (C, H, W) -> (F, OH, OW) with OH = floor((H + padding - KH) / stride) + 1, OW alike;
    W (F, C, KH, KW) he_normal, b (F, 1) zeros. Options: ``filters`` is F; ``kernel`` and ``stride``
    a number or [vertical, horizontal]; ``padding`` the same (zeros on both sides), or ``valid``
    (none), or ``same`` (OH = ceil(H / stride), the odd row and column after);
    ``activation: KIND`` appends that layer; ``bias``, ``init``, ``trainable`` as for every layer
    with weights. Raises ``ShapeError`` if the input is no image or the kernel does not fit.
    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    """

    filters: Count
    kernel: CountPair
    stride: CountPair = 1
    padding: Padding = "valid"

    def _axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        return place(in_shape, as_pair(self.kernel), as_pair(self.stride), self.padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self._axes(in_shape)
        return (self.filters, vertical.out, horizontal.out)

    def params(self, in_shape: Shape) -> dict[str, Param]:
        kh, kw = as_pair(self.kernel)
        c = in_shape[0]
        shape_W = (self.filters, c, kh, kw)
        return self.declare(shape_W, (self.filters, 1), c * kh * kw, self.filters * kh * kw)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Cache]:
        vertical, horizontal = self._axes(x.shape[:3])
        z, rows = conv2d_forward(x, params["W"], params.get("b"), vertical, horizontal)
        return z, Cache(rows, vertical, horizontal)

    def backward(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        rows, vertical, horizontal = cache
        W = params["W"]
        grads = {"W": conv2d_dW(dy, rows, W.shape, vertical)}
        if "b" in params:
            grads["b"] = conv2d_db(dy)
        return conv2d_da(dy, W, vertical, horizontal) if need_dx else None, grads

    def flops(self, in_shape: Shape) -> int:
        kh, kw = as_pair(self.kernel)
        return 2 * in_shape[0] * kh * kw * int(np.prod(self.out_shape(in_shape)))

    @classmethod
    def examples(cls) -> list[Example]:
        rotated = cls(filters=2, kernel=3, padding="same")
        return [
            Example(cls(filters=3, kernel=3, init={"b": Constant(value=0.5)}), (2, 5, 6)),
            Example(cls(filters=2, kernel=(2, 3), stride=(2, 1), padding=(1, 2)), (3, 5, 4)),
            Example(cls(filters=2, kernel=(5, 4), stride=2, padding="same"), (1, 7, 6), batch=1),
            Example(cls(filters=2, kernel=(3, 4), bias=False), (2, 3, 4)),
            Example(cls(filters=3, kernel=1), (2, 3, 2)),
            Example(cls(filters=2, kernel=2, stride=3), (1, 6, 5)),
            Example(rotated, (ROTATED_KERNEL_MIN_CHANNELS, 3, 4)),
        ]
