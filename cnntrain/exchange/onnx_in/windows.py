"""Convolution and pooling."""

from typing import Any, cast

from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.conv_transpose2d import ConvTranspose2d
from cnntrain.layers.global_pooling import GlobalAvgPool2d, GlobalMaxPool2d
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.types import Array

Pair = tuple[int, int]


def shortest(values: tuple[int, ...]) -> Any:
    """An option with as few numbers as say the same."""
    if len(values) == 4:
        top, bottom, left, right = values
        return values if (top, left) != (bottom, right) else shortest((top, left))
    return values[0] if values[0] == values[1] else values


def image(draft: Draft, op: Op) -> Value:
    """The first input, which must be maps."""
    value = draft.value(op)
    if len(value.shape) != 3:
        op.refuse(f"it reads {value.shape}; only two-dimensional maps (C, H, W) are supported")
    return value


def pair(op: Op, name: str, default: Pair = (1, 1)) -> Pair:
    """An attribute of two positive integers."""
    found = tuple(op.attribute(name) or default)
    if len(found) != 2 or min(found) < 1:
        op.refuse(f"{name} = {list(found)}; it must be two positive numbers")
    return found


def sides(op: Op, value: Value, size: Pair, stride: Pair, dilation: Pair) -> Any:
    """The padding, as a layer's option: [top, bottom, left, right] or shorter."""
    auto, given = op.attribute("auto_pad", "NOTSET"), op.attribute("pads")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        found = _same(value, size, stride, dilation, at_end=auto == "SAME_UPPER")
    elif auto == "VALID" or given is None:
        found = (0, 0, 0, 0)
    elif auto != "NOTSET" or len(given) != 4 or min(given) < 0:
        op.refuse(f"auto_pad = {auto} with pads = {given} is not supported")
    else:
        top, left, bottom, right = given
        found = (top, bottom, left, right)
    return shortest(found)


def _same(
    value: Value, size: Pair, stride: Pair, dilation: Pair, at_end: bool
) -> tuple[int, int, int, int]:
    """So that there are ceil(length / stride) outputs; an odd zero at the end or the beginning."""
    found: list[int] = []
    for length, k, s, d in zip(value.shape[1:], size, stride, dilation, strict=True):
        total = max(0, (-(-length // s) - 1) * s + (k - 1) * d + 1 - length)
        less, more = total // 2, total - total // 2
        found += (less, more) if at_end else (more, less)
    return cast("tuple[int, int, int, int]", tuple(found))


def weights(draft: Draft, op: Op) -> Array:
    """W of a convolution; its shape must be that of ``kernel_shape``."""
    W = draft.numbers(op, 1)
    if W.ndim != 4 or tuple(op.attribute("kernel_shape") or W.shape[2:]) != W.shape[2:]:
        op.refuse(f"weights {W.shape} do not have the shape (F, C, KH, KW) of its kernel_shape")
    return W


def bias(draft: Draft, op: Op, k: int, units: int) -> dict[str, Array]:
    """b as a column, if it is given."""
    if draft.optional(op, k) is None:
        return {}
    return {"b": draft.numbers(op, k, (units,))[:, None]}


@reads("Conv")
def conv(draft: Draft, op: Op) -> Value:
    value, W = image(draft, op), weights(draft, op)
    stride, dilation = pair(op, "strides"), pair(op, "dilations")
    b = bias(draft, op, 2, len(W))
    layer = Conv2d(
        filters=len(W),
        kernel=shortest(W.shape[2:]),
        stride=shortest(stride),
        dilation=shortest(dilation),
        padding=sides(op, value, W.shape[2:], stride, dilation),
        groups=op.attribute("group", 1),
        bias=bool(b),
    )
    return draft.add(op, layer, value, W=W, **b)


@reads("ConvTranspose")
def conv_transpose(draft: Draft, op: Op) -> Value:
    """Our padding is symmetric: a smaller one at the end is additional output."""
    op.expect(group=1, dilations=[1, 1])
    value, W, stride = image(draft, op), weights(draft, op), pair(op, "strides")
    extra = tuple(op.attribute("output_padding") or (0, 0))
    before, after = _pads_of_transposed(op, value, W.shape[2:], stride, extra)
    more = tuple(b - a + e for b, a, e in zip(before, after, extra, strict=True))
    if min(before) < 0 or min(more) < 0:
        op.refuse(f"pads {before} at the beginning and {after} at the end are not supported")
    b = bias(draft, op, 2, W.shape[1])
    layer = ConvTranspose2d(
        filters=W.shape[1],
        kernel=shortest(W.shape[2:]),
        stride=shortest(stride),
        padding=shortest(before),
        output_padding=shortest(more),
        bias=bool(b),
    )
    return draft.add(op, layer, value, W=W, **b)


def _pads_of_transposed(
    op: Op, value: Value, size: Pair, stride: Pair, extra: tuple[int, ...]
) -> tuple[Pair, Pair]:
    """(at the beginnings, at the ends), also where the shape of the output is given instead."""
    auto, wanted = op.attribute("auto_pad", "NOTSET"), op.attribute("output_shape")
    given = op.attribute("pads") or [0] * 4
    if auto == "NOTSET" and wanted is None:
        return (given[0], given[1]), (given[2], given[3])
    if auto == "VALID":
        return (0, 0), (0, 0)
    if auto != "NOTSET":
        wanted = [length * s for length, s in zip(value.shape[1:], stride, strict=True)]
    starts, ends = [], []
    for length, k, s, more, out in zip(
        value.shape[1:], size, stride, extra, wanted[-2:], strict=True
    ):
        total = (length - 1) * s + k + more - out
        less = total // 2
        starts.append(total - less if auto != "SAME_UPPER" else less)
        ends.append(total - starts[-1])
    return (starts[0], starts[1]), (ends[0], ends[1])


def options_of_windows(op: Op, value: Value) -> dict[str, Any]:
    """The options of a pooling layer for the windows of an operator."""
    size = pair(op, "kernel_shape", (0, 0))
    stride, dilation = pair(op, "strides"), pair(op, "dilations")
    return {
        "size": shortest(size),
        "stride": shortest(stride),
        "dilation": shortest(dilation),
        "padding": sides(op, value, size, stride, dilation),
    }


@reads("MaxPool", "AveragePool")
def pool(draft: Draft, op: Op) -> Value:
    op.expect(storage_order=0)
    value = image(draft, op)
    options = options_of_windows(op, value) | {"ceil": bool(op.attribute("ceil_mode", 0))}
    if op.kind == "MaxPool":
        return draft.add(op, MaxPool2d(**options), value)
    counted = bool(op.attribute("count_include_pad", 0))
    plain = options["padding"] == 0
    return draft.add(op, AvgPool2d(**options, count_padding=counted or plain), value)


@reads("GlobalAveragePool", "GlobalMaxPool")
def global_pool(draft: Draft, op: Op) -> Value:
    return global_pooled(draft, op, op.kind == "GlobalMaxPool", keeps_axes=True)


def global_pooled(draft: Draft, op: Op, largest: bool, keeps_axes: bool) -> Value:
    """One number per map; ONNX keeps height and width as axes of length 1."""
    value = image(draft, op)
    made = draft.add(op, GlobalMaxPool2d() if largest else GlobalAvgPool2d(), value)
    return made.in_shape((*made.own, 1, 1)) if keeps_axes else made


@reads("ReduceMean", "ReduceMax")
def reduced(draft: Draft, op: Op) -> Value:
    """Only over height and width of maps, which is global pooling."""
    op.expect(noop_with_empty_axes=0)
    value = image(draft, op)
    given = draft.optional(op, 1)
    axes = op.attribute("axes") if given is None else given.tolist()
    if sorted(axis % (len(value.shape) + 1) for axis in axes or ()) != [2, 3]:
        op.refuse(f"axes = {axes}; only height and width (2 and 3) together are supported")
    keeps = bool(op.attribute("keepdims", 1))
    return global_pooled(draft, op, op.kind == "ReduceMax", keeps)
