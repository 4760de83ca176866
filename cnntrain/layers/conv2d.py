"""Two-dimensional convolution, as one matrix product per row of the map or per channel group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.activations import Relu
from cnntrain.layers.base import Context, Example, Param, View, WeightedLayer
from cnntrain.layers.conv_forms import FORMS, FORMULAS, Algorithm, Form, fastest
from cnntrain.layers.initializers import Constant
from cnntrain.native import conv2d as compiled
from cnntrain.native import current, tiles, twinned
from cnntrain.ops.stable import positive_part
from cnntrain.ops.sums import column_sums, long_product, row_sums
from cnntrain.ops.windows import (
    Axis,
    Padding,
    add_columns,
    is_one_to_one,
    lower_columns,
    lower_rows,
    padded_rows,
    patches,
    place,
    scatter,
)
from cnntrain.types import Array, Arrays, Count, CountPair, Params, Shape, as_pair

LONG_ROW = 128  # OW*N; with shorter rows, one large product beats many small ones (measured)
MANY_CHANNELS = 32  # from here on, adding columns of outputs beats copying inputs (measured)


@twinned(compiled.conv2d_forward)
def conv2d_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis,
    groups: int = 1, relu: bool = False,
) -> Array:  # fmt: skip
    """z[f, oh, ow] = Σ_{c,i,j} W[f, c, i, j] · padded a[c, oh·s + i·d, ow·s + j·d] + b[f].

    With ``relu``, max(z, 0). A cross-correlation (Goodfellow, Bengio & Courville 2016, eq. 9.6),
    as in other libraries.
    """
    if not works_by_rows(vertical, horizontal, groups, a.shape[-1]):
        z = _columns_times(lower_columns(a, vertical, horizontal), W, groups)
    elif adds_outputs(W.shape, horizontal):
        z = _taps_added(a, W, vertical, horizontal)
    else:
        z = _rows_times(lower_rows(a, vertical, horizontal), W, vertical)
    if b is not None:
        z += b[:, :, None, None]  # (F, OH, OW, N) + (F, 1, 1, 1)
    return positive_part(z) if relu else z


def works_by_rows(vertical: Axis, horizontal: Axis, groups: int, samples: int) -> bool:
    """Whether to multiply row by row, where windows share rows; decided from the shapes alone.

    Grouped, dilated and 1x1 kernels share no rows, and short rows (a single sample, as in
    stochastic gradient descent) mean many small products: there one product takes the whole map.
    """
    shares = groups == 1 and vertical.dilation == 1 and (vertical.size, horizontal.size) != (1, 1)
    return shares and horizontal.out * samples >= LONG_ROW


def adds_outputs(W_shape: Shape, horizontal: Axis) -> bool:
    """Whether to add up outputs (many channels) instead of copying inputs KW times (few)."""
    return horizontal.stride == 1 and W_shape[1] >= MANY_CHANNELS


def _taps_added(a: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """Multiply whole rows by every column of the kernel, then add the products, shifted."""
    f, c, kh, kw = W.shape
    rows = padded_rows(a, vertical.before, vertical.after)  # (H + padding, C, 1, W, N)
    W_taps = W.transpose(3, 0, 2, 1).reshape(kw * f, kh * c)
    taps = W_taps @ patches(rows, vertical)  # (OH, KW*F, W*N) = (KW*F, KH*C) @ (OH, KH*C, W*N)
    z = np.empty((f, vertical.out, horizontal.out, a.shape[-1]), a.dtype)
    moves = [(j, inputs, outputs) for j, outputs, inputs in horizontal.taps]
    add_columns(taps.reshape(vertical.out, kw, f, *a.shape[2:]), z.transpose(1, 0, 2, 3), moves)
    return z


def _rows_times(rows: Array, W: Array, vertical: Axis) -> Array:
    ow, n = rows.shape[3:]
    z = np.empty((len(W), vertical.out, ow * n), rows.dtype)
    W_rows = W.transpose(0, 2, 1, 3).reshape(len(W), -1)  # (F, KH*C*KW)
    # (OH, F, OW*N) = (F, KH*C*KW) @ (OH, KH*C*KW, OW*N), written straight into (F, OH, OW*N)
    np.matmul(W_rows, patches(rows, vertical), out=z.transpose(1, 0, 2))
    return z.reshape(len(W), vertical.out, ow, n)


def _columns_times(columns: Array, W: Array, groups: int) -> Array:
    out = columns.shape[3:]
    per_group = columns.reshape(groups, -1, int(np.prod(out)))  # (G, C/G*KH*KW, OH*OW*N)
    W_groups = W.reshape(groups, len(W) // groups, -1)  # (G, F/G, C/G*KH*KW)
    return (W_groups @ per_group).reshape(len(W), *out)


@twinned(compiled.conv2d_dW)
def conv2d_dW(
    delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis, groups: int = 1
) -> Array:
    """∂C/∂W[f, c, i, j] = Σ_{n,oh,ow} δ[f, oh, ow] · padded a[c, oh·s + i·d, ow·s + j·d]."""
    f, c, kh, kw = W_shape
    if works_by_rows(vertical, horizontal, groups, delta.shape[-1]):
        lowered = lower_rows(a, vertical, horizontal)  # (H', C, KW, OW, N)
        delta_rows = delta.reshape(f, vertical.out, -1).transpose(1, 2, 0)  # (OH, OW*N, F)
        # (OH, KH*C*KW, F) = (OH, KH*C*KW, OW*N) @ (OH, OW*N, F): the long side first, because the
        # product copies its second matrix once for every few rows of the first
        per_row = long_product(patches(lowered, vertical), delta_rows)
        dW = column_sums(per_row.reshape(1, vertical.out, -1)).astype(delta.dtype)
        return dW.reshape(kh, c, kw, f).transpose(3, 1, 0, 2)
    delta_groups = delta.reshape(groups, f // groups, -1)  # (G, F/G, OH*OW*N)
    columns = lower_columns(a, vertical, horizontal)  # (C, KH, KW, OH, OW, N)
    columns = columns.reshape(groups, c * kh * kw, -1)  # (G, C/G*KH*KW, OH*OW*N)
    return long_product(delta_groups, columns.transpose(0, 2, 1)).reshape(W_shape)


@twinned(compiled.conv2d_db)
def conv2d_db(delta: Array) -> Array:
    """∂C/∂b[f] = Σ_{n,oh,ow} δ[f, oh, ow]."""
    return row_sums(delta.reshape(len(delta), -1))[:, None].astype(delta.dtype)  # (F, 1)


def conv2d_da_rows(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a = δ, padded, convolved with the kernel rotated by 180°, row by row.

    Every row of ∂C/∂a is one product with the KH rows of δ that its kernel covers; the KW columns
    of the product are then added at their positions. Vertical stride 1 only.
    """
    f, c, kh, kw = W.shape
    before, after = kh - 1 - vertical.before, kh - 1 - vertical.after
    rows = padded_rows(delta, before, after)  # (OH + padding, F, 1, OW, N)
    flipped = W[:, :, ::-1].transpose(3, 1, 2, 0).reshape(kw * c, kh * f)
    full = Axis(vertical.out, kh, 1, before, after)
    taps = flipped @ patches(rows, full)  # (H, KW*C, OW*N) = (KW*C, KH*F) @ (H, KH*F, OW*N)
    da = np.empty((c, vertical.length, horizontal.length, delta.shape[-1]), delta.dtype)
    by_row = da.transpose(1, 0, 2, 3)
    add_columns(taps.reshape(vertical.length, kw, c, *delta.shape[2:]), by_row, horizontal.taps)
    return da


def conv2d_da_scatter(
    delta: Array, W: Array, vertical: Axis, horizontal: Axis, groups: int = 1
) -> Array:
    """∂C/∂a by adding Wᵀ δ, tap by tap, to the inputs that each tap read."""
    f, c, kh, kw = W.shape
    W_groups = W.reshape(groups, f // groups, -1).transpose(0, 2, 1)  # (G, C/G*KH*KW, F/G)
    taps = W_groups @ delta.reshape(groups, f // groups, -1)  # (G, C/G*KH*KW, OH*OW*N)
    in_shape = (groups * c, vertical.length, horizontal.length)
    if is_one_to_one(vertical, horizontal):
        return taps.reshape(*in_shape, -1)
    return scatter(
        taps.reshape(groups * c, kh, kw, *delta.shape[1:]), in_shape, vertical, horizontal
    )


@twinned(compiled.conv2d_da)
def conv2d_da(delta: Array, W: Array, vertical: Axis, horizontal: Axis, groups: int = 1) -> Array:
    """∂C/∂a by the faster of two equivalent methods, chosen from the shapes alone."""
    padding = max(vertical.before, vertical.after)
    by_rows = vertical.stride == vertical.dilation == groups == 1 and padding < vertical.size
    if by_rows and (vertical.size, horizontal.size) != (1, 1):
        return conv2d_da_rows(delta, W, vertical, horizontal)
    return conv2d_da_scatter(delta, W, vertical, horizontal, groups)


class Cache(NamedTuple):
    """Values of the forward pass that the backward pass needs."""

    a: Array
    vertical: Axis
    horizontal: Axis
    positive: Array | None = None  # max(z, 0), where that is written in the place of z


@dataclass(frozen=True, kw_only=True)
class Conv2d(WeightedLayer, kind="conv2d"):
    """z[f] = Σ_c W[f, c] ⋆ a[c] + b[f].

    (C, H, W) -> (F, OH, OW) with OH = floor((H + padding - dilation·(KH - 1) - 1) / stride) + 1,
    OW alike; W (F, C/groups, KH, KW) he_normal, b (F, 1) zeros. Options: ``filters`` is F;
    ``kernel``, ``stride`` and ``dilation`` a number or [vertical, horizontal]; ``padding`` the same
    (zeros on both sides), or ``valid`` (none), or ``same`` (OH = ceil(H / stride), an odd row or
    column at the end); ``groups``, the number of independent groups of channels and filters (C:
    depth-wise convolution); ``algorithm``, ``direct`` (the sum as it stands), ``winograd`` (3x3 and
    5x5 kernels with stride 1) or ``fourier`` (5x5), the same numbers out of fewer products, rounded
    otherwise, or ``auto`` (what is fastest on the compiled engine: winograd for 3x3, C and F
    multiples of 16, OH, OW >= 8; fourier for 5x5, C, F >= 16, unless the map is tiny);
    ``activation: KIND`` appends that layer; ``bias``, ``init``, ``trainable``, ``lr_mult``,
    ``decay_mult`` as for every layer with weights. Raises ``ShapeError`` if the input is not an
    image, the kernel does not fit, the number of groups does not divide both channels and filters,
    or the algorithm does not fit the kernel.
    Sources: LeCun et al. 1998, "Gradient-based learning applied to document recognition"; Lavin &
    Gray 2016, "Fast algorithms for convolutional neural networks" (winograd); Mathieu et al. 2014,
    "Fast training of convolutional networks through FFTs" (fourier).
    """

    has_relu: ClassVar[bool] = False  # whether a = max(z, 0) is written in the place of z

    formula: ClassVar[str] = r"z_f = \sum_c W_{f,c} \star a_c + b_f"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial a_c} = \sum_f \delta_f * \operatorname{rot180}(W_{f,c})",
        "W": r"\frac{\partial C}{\partial W_{f,c}} = \sum_n a_c \star \delta_f",
        "b": r"\frac{\partial C}{\partial b_f} = \sum_{n,oh,ow} \delta_f",
    }
    other_forms: ClassVar[Mapping[str, str]] = FORMULAS
    new_dx: ClassVar[bool] = True

    filters: Count
    kernel: CountPair
    stride: CountPair = 1
    padding: Padding = "valid"
    dilation: CountPair = 1
    groups: Count = 1
    algorithm: Algorithm = "auto"

    def form(self, in_shape: Shape) -> Form | None:
        """The form that is taken, None for the sum over taps: the engine and the shape decide."""
        if self.algorithm != "auto":
            return FORMS.get(self.algorithm)
        if current().isa is None:
            return None
        return fastest(in_shape[0], self.filters, self.groups, *self.axes(in_shape))

    def held_numbers(self, in_shape: Shape) -> int:
        form = self.form(in_shape)
        if form is None:
            return super().held_numbers(in_shape)
        size = as_pair(self.kernel)[0]
        return tiles.held_numbers(in_shape[0], self.filters, form.weights_form(size))

    def axes(self, in_shape: Shape) -> tuple[Axis, Axis]:
        """The windows along height and width."""
        kernel, stride, dilation = map(as_pair, (self.kernel, self.stride, self.dilation))
        return place(in_shape, kernel, stride, self.padding, dilation)

    def view(self, in_shape: Shape) -> tuple[View, View]:
        vertical, horizontal = self.axes(in_shape)
        return View.of(vertical), View.of(horizontal)

    def out_shape(self, in_shape: Shape) -> Shape:
        vertical, horizontal = self.axes(in_shape)
        if in_shape[0] % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"{self.groups} groups must divide both the {in_shape[0]} channels and the "
                f"{self.filters} filters",
                ("groups",),
            )
        form = FORMS.get(self.algorithm)
        if form and not form.fits(vertical, horizontal, self.groups):
            raise ShapeError(
                f"algorithm: {self.algorithm} needs {form.KERNELS}, stride 1, dilation 1 and one "
                "group; leave it out, and it is used where it is faster",
                ("algorithm",),
            )
        return (self.filters, vertical.out, horizontal.out)

    def params(self, in_shape: Shape) -> dict[str, Param]:
        kh, kw = as_pair(self.kernel)
        c, f = in_shape[0] // self.groups, self.filters // self.groups
        shape_W = (self.filters, c, kh, kw)
        return self.declare(shape_W, (self.filters, 1), c * kh * kw, f * kh * kw)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Any]:
        axes, W, b = self.axes(x.shape[:3]), params["W"], params.get("b")
        if form := self.form(x.shape[:3]):
            z = form.forward(x, W, b, *axes, self.has_relu)
        else:
            z = conv2d_forward(x, W, b, *axes, self.groups, self.has_relu)
        return z, Cache(x, *axes, z if self.has_relu else None)

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        a, vertical, horizontal, positive = cache
        W = params["W"]
        if positive is not None:
            dy = Relu().delta(dy, positive)
        if form := self.form(a.shape[:3]):
            grads = {"W": form.dW(dy, a, W.shape, vertical, horizontal)}
            da = form.da(dy, W, vertical, horizontal) if need_dx else None
        else:
            grads = {"W": conv2d_dW(dy, a, W.shape, vertical, horizontal, self.groups)}
            da = conv2d_da(dy, W, vertical, horizontal, self.groups) if need_dx else None
        if "b" in params:
            grads["b"] = conv2d_db(dy)
        return da, grads

    def flops(self, in_shape: Shape) -> int:
        kh, kw = as_pair(self.kernel)
        z_shape = Conv2d.out_shape(self, in_shape)  # also where it is pooled in the same pass
        return 2 * in_shape[0] // self.groups * kh * kw * int(np.prod(z_shape))

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(filters=3, kernel=3, init={"b": Constant(value=0.5)}), (2, 5, 6)),
            Example(cls(filters=2, kernel=(2, 3), stride=(2, 1), padding=(1, 2)), (3, 5, 4)),
            Example(cls(filters=2, kernel=(5, 4), stride=2, padding="same"), (1, 7, 6), batch=1),
            Example(cls(filters=2, kernel=(3, 4), bias=False), (2, 3, 4)),
            Example(cls(filters=3, kernel=1), (2, 3, 2)),
            Example(cls(filters=2, kernel=2, stride=3), (1, 6, 5)),
            Example(cls(filters=2, kernel=2, dilation=(2, 1), padding=1), (2, 5, 4)),
            Example(cls(filters=2, kernel=(1, 3), dilation=(1, 2)), (2, 3, 6)),
            Example(cls(filters=4, kernel=2, groups=2, stride=2), (4, 4, 5)),
            Example(cls(filters=6, kernel=3, groups=3, dilation=2, padding="same"), (3, 5, 5)),
            Example(cls(filters=2, kernel=3, padding="same", stride=(1, 2)), (3, 3, 4)),
            Example(cls(filters=2, kernel=2, padding=2), (1, 3, 2)),
            *cls._of_tiles(),
            *cls._of_short_rows(),
            *cls._of_long_rows(),
        ]

    @classmethod
    def _of_tiles(cls) -> list[Example]:
        return [
            Example(cls(filters=3, kernel=3, padding=1, algorithm="winograd"), (2, 4, 5)),
            Example(cls(filters=2, kernel=3, padding=(0, 2), algorithm="winograd"), (3, 5, 2), 17),
            Example(cls(filters=1, kernel=3, algorithm="winograd", bias=False), (1, 6, 19), 5),
            Example(cls(filters=3, kernel=5, padding="same", algorithm="winograd"), (2, 5, 4)),
            Example(cls(filters=2, kernel=5, padding=(0, 4), algorithm="winograd"), (3, 9, 2), 17),
            Example(cls(filters=1, kernel=3, padding=1, algorithm="winograd"), (32, 8, 8), 1),
            Example(cls(filters=1, kernel=3, padding=1, algorithm="winograd"), (16, 8, 9), 1),
            Example(cls(filters=32, kernel=3, padding=1, algorithm="winograd"), (1, 8, 8), 1),
            Example(cls(filters=3, kernel=5, padding="same", algorithm="fourier"), (2, 5, 4)),
            Example(cls(filters=2, kernel=5, padding=(0, 4), algorithm="fourier"), (3, 9, 2), 17),
            Example(cls(filters=3, kernel=5, padding=1, algorithm="fourier"), (2, 7, 9)),
        ]

    @classmethod
    def _of_short_rows(cls) -> list[Example]:
        return [
            Example(cls(filters=3, kernel=3, padding=(1, 2)), (2, 6, 3), batch=1),
            Example(cls(filters=4, kernel=(2, 1), groups=2), (4, 5, 4), batch=1),
            Example(cls(filters=2, kernel=2, dilation=(2, 1), padding=1), (1, 5, 4), batch=1),
        ]

    @classmethod
    def _of_long_rows(cls) -> list[Example]:
        w = LONG_ROW // 2
        return [
            Example(cls(filters=2, kernel=3, padding="same"), (1, 3, w)),
            Example(cls(filters=1, kernel=(2, 3), stride=(2, 1), padding=1), (2, 3, w)),
            Example(cls(filters=1, kernel=2, padding="same"), (MANY_CHANNELS, 2, w)),
        ]


class Conv2dRelu(Conv2d):
    """a = max(z, 0) of a convolution, written out at once (``network/fuse.py``)."""

    has_relu: ClassVar[bool] = True
