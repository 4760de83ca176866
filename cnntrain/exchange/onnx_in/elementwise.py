"""Activations, and arithmetic with constants and between values."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.layers import Layer
from cnntrain.layers import activations as act
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.joining import Add, Concat
from cnntrain.layers.prelu import Prelu
from cnntrain.layers.shaping import Flatten, Reshape
from cnntrain.network.graph import AT_INPUT
from cnntrain.types import Array

ACTIVATIONS: dict[str, Callable[[Op], Layer]] = {
    "Sigmoid": lambda op: act.Sigmoid(),
    "Tanh": lambda op: act.Tanh(),
    "Relu": lambda op: act.Relu(),
    "Softplus": lambda op: act.Softplus(),
    "Softsign": lambda op: act.Softsign(),
    "Mish": lambda op: act.Mish(),
    "Swish": lambda op: act.Silu(),
    "HardSwish": lambda op: act.HardSwish(),
    "LeakyRelu": lambda op: act.LeakyRelu(slope=op.attribute("alpha", 0.01)),
    "Elu": lambda op: act.Elu(alpha=op.attribute("alpha", 1.0)),
    "Celu": lambda op: act.Celu(alpha=op.attribute("alpha", 1.0)),
    "ThresholdedRelu": lambda op: act.ThresholdedRelu(threshold=op.attribute("alpha", 1.0)),
    "HardSigmoid": lambda op: act.HardSigmoid(
        slope=op.attribute("alpha", 0.2), shift=op.attribute("beta", 0.5)
    ),
}


@reads(*ACTIVATIONS)
def activation(draft: Draft, op: Op) -> Value:
    if op.kind == "Swish":
        op.expect(alpha=1.0)
    return draft.elementwise(op, ACTIVATIONS[op.kind](op), draft.value(op))


@reads("Selu")
def selu(draft: Draft, op: Op) -> Value:
    alpha, gamma = op.attribute("alpha", act.Selu.ALPHA), op.attribute("gamma", act.Selu.SCALE)
    if not np.allclose((alpha, gamma), (act.Selu.ALPHA, act.Selu.SCALE), rtol=1e-5):
        op.refuse(f"alpha = {alpha:g}, gamma = {gamma:g} are not those of Klambauer et al. 2017")
    return draft.elementwise(op, act.Selu(), draft.value(op))


@reads("Gelu")
def gelu(draft: Draft, op: Op) -> Value:
    kind: Any = op.attribute("approximate", "none")
    return draft.elementwise(op, act.Gelu(approximation=kind), draft.value(op))


@reads("Clip")
def clip(draft: Draft, op: Op) -> Value:
    """Limits are attributes in old opsets, and inputs from 11 on."""
    low, high = (
        op.attribute(name) if draft.optional(op, k) is None else float(draft.constant(op, k).item())
        for k, name in ((1, "min"), (2, "max"))
    )
    value = draft.value(op)
    if low == 0 and (high is None or high > 3e38):
        return draft.elementwise(op, act.Relu(), value)
    if low == 0 and high == 6:
        return draft.elementwise(op, act.Relu6(), value)
    if low is None or high is None or not low < high:
        op.refuse(f"limits {low} and {high}; both must be given, the first one the smaller")
    return draft.elementwise(op, act.HardTanh(low=low, high=high), value)


@reads("PRelu")
def prelu(draft: Draft, op: Op) -> Value:
    value, slope = draft.value(op), draft.numbers(op, 1)
    per_channel = _of_channels(value.constant(_aligned(op, slope, value)))
    if per_channel is None:
        op.refuse(f"slopes {slope.shape}; one per channel is supported")
    if slope.size == 1:
        return draft.elementwise(op, Prelu(shared=True), value, slope=slope.reshape(1))
    return draft.elementwise(op, Prelu(), value, slope=per_channel)


@reads("Softmax", "LogSoftmax")
def softmax(draft: Draft, op: Op) -> Value:
    """Over the channels; up to opset 12 over all axes from ``axis`` on."""
    value, modern = draft.value(op), draft.graph.opset >= 13
    axis = op.attribute("axis", -1 if modern else 1) % (len(value.shape) + 1)
    if axis != 1 or (not modern and any(size != 1 for size in value.shape[1:])):
        op.refuse(f"axis = {axis}; only the channels (axis 1) are supported")
    layer = act.Softmax() if op.kind == "Softmax" else act.LogSoftmax()
    return draft.add(op, layer, value)


@reads("Identity", "ai.onnx.ml.ZipMap")
def identity(draft: Draft, op: Op) -> Value | Array:
    """The same value; ZipMap gives probabilities by the names of the classes."""
    for name in ("classlabels_int64s", "classlabels_strings"):
        op.attribute(name)
    return draft.constants[op.inputs[0]] if op.inputs[0] in draft.constants else draft.value(op)


@reads("Dropout")
def dropout(draft: Draft, op: Op) -> Value:
    rate = op.attribute("ratio", 0.5)
    for name in ("seed", "is_test"):
        op.attribute(name)
    given = draft.optional(op, 1)
    return draft.elementwise(
        op, Dropout(rate=float(rate if given is None else given.item())), draft.value(op)
    )


# --- arithmetic ------------------------------------------------------------------------------


@reads("Add", "Sum", "Sub", "Mul", "Div")
def arithmetic(draft: Draft, op: Op) -> Value:
    """The sum of values, or a value with a constant, which is x · factor + shift."""
    values = [k for k, name in enumerate(op.inputs) if name in draft.values]
    if len(values) == len(op.inputs) >= 2:
        return _joined(draft, op)
    if len(op.inputs) != 2 or len(values) != 1:
        op.refuse("it must read one value and one constant, or add up several values")
    (k,) = values
    value, constant = draft.value(op, k), draft.numbers(op, 1 - k)
    array = value.constant(_aligned(op, constant, value)).astype(np.float64)
    if k == 1 and op.kind in ("Sub", "Div"):
        if op.kind == "Div":
            op.refuse("a constant over a value is not supported")
        return _affine(draft, op, k, -np.ones_like(array), array)
    if op.kind == "Div" and not array.all():
        op.refuse("it divides by 0")
    factor = {"Mul": array, "Div": 1 / array if op.kind == "Div" else array}.get(op.kind)
    if factor is not None:
        return _affine(draft, op, k, factor, np.zeros_like(array))
    shift = -array if op.kind == "Sub" else array
    return _affine(draft, op, k, np.ones_like(array), shift)


def _joined(draft: Draft, op: Op) -> Value:
    values = [draft.value(op, k) for k in range(len(op.inputs))]
    if op.kind not in ("Add", "Sum"):
        op.refuse("it reads two values; only their sum is supported")
    if len({value.shape for value in values}) > 1:
        op.refuse(f"values of different shapes: {[value.shape for value in values]}")
    return draft.join(op, Add(), values)


@reads("Concat")
def concat(draft: Draft, op: Op) -> Value | Array:
    """Along the channels; of constants, which are shapes, along their only axis."""
    axis = op.attribute("axis", 1)
    if all(name in draft.constants for name in op.inputs):
        return np.concatenate([draft.constant(op, k) for k in range(len(op.inputs))], axis)
    values = [draft.value(op, k) for k in range(len(op.inputs))]
    if axis % (len(values[0].shape) + 1) != 1:
        op.refuse(f"axis = {axis}; only the channels (axis 1) can be joined")
    return draft.join(op, Concat(), values)


def _aligned(op: Op, constant: Array, value: Value) -> Array:
    """A constant as it broadcasts over one sample: an axis of the samples, of length 1, is off."""
    axis = op.attribute("axis") if op.attribute("broadcast") else None
    rank = len(value.shape) + 1
    if axis is not None:  # up to opset 6 the constant begins at this axis
        behind = rank - axis % rank - constant.ndim
        constant = constant.reshape(*constant.shape, *(1,) * max(behind, 0))
    if constant.ndim == rank and constant.shape[0] == 1:
        constant = constant[0]
    try:
        np.broadcast_to(constant, value.shape)
    except ValueError:
        op.refuse(f"the constant {constant.shape} does not fit a sample {value.shape}")
    return constant


def _of_channels(array: Array) -> Array | None:
    """(C,) if every channel has one number throughout, else None."""
    flat = array.reshape(len(array), -1)
    found: Array = flat[:, 0]
    return found if (flat == found[:, None]).all() else None


def _affine(draft: Draft, op: Op, k: int, factor: Array, shift: Array) -> Value:
    """Input k · factor + shift: part of the normalization or of the layer before, or a layer."""
    value, alone = draft.value(op, k), draft.readers[op.inputs[k]] == 1
    if value.at == AT_INPUT and alone and factor.all():
        return _normalization(draft, value, factor, shift)
    scale, offset = _of_channels(factor), _of_channels(shift)
    if scale is None or offset is None:
        op.refuse("its constant differs within a channel, which no layer does")
    if alone and _taken_by_layer(draft, value, scale, offset):
        return value
    return _depthwise(draft, op, value, scale, offset)


def _normalization(draft: Draft, value: Value, factor: Array, shift: Array) -> Value:
    """(x - a)/b, then · factor + shift, is (x - a + shift·b/factor) / (b/factor)."""
    a = np.zeros(draft.in_shape) if draft.shift is None else draft.shift
    b = np.ones(draft.in_shape) if draft.scale is None else draft.scale
    draft.scale = b / factor
    draft.shift = a - shift * draft.scale
    return value


def _taken_by_layer(draft: Draft, value: Value, scale: Array, offset: Array) -> bool:
    """A bias after a layer that has none; scale and bias after group normalization with neither."""
    made = draft.layers[value.at]
    plain, params = bool((scale == 1).all()), made.params
    if made.layer.kind in ("dense", "conv2d", "conv_transpose2d") and "b" not in params and plain:
        layer: Any = made.layer
        made.layer = replace(layer, bias=True)
        params["b"] = offset.astype(params["W"].dtype)[:, None]
        return True
    if made.layer.kind == "group_norm" and not params["beta"].any():
        shape, dtype = params["gamma"].shape, params["gamma"].dtype
        params["gamma"] = (params["gamma"] * scale.reshape(shape)).astype(dtype)
        params["beta"] = offset.reshape(shape).astype(dtype)
        return True
    return False


def _depthwise(draft: Draft, op: Op, value: Value, scale: Array, offset: Array) -> Value:
    """A 1x1 convolution of each channel by itself, whose numbers are not trained."""
    c = len(scale)
    layer = Conv2d(filters=c, kernel=1, groups=c, trainable=False)
    arrays = {
        "W": scale.astype(np.float32).reshape(c, 1, 1, 1),
        "b": offset.astype(np.float32)[:, None],
    }
    if len(value.own) == 3:
        return draft.elementwise(op, layer, value, **arrays)
    maps = draft.elementwise(op, Reshape(shape=(c, 1, 1)), value)
    maps = Value(maps.at, (c, 1, 1), (c, 1, 1))
    made = draft.elementwise(op, layer, maps, **arrays)
    flat = draft.elementwise(op, Flatten(), made)
    return Value(flat.at, value.own, value.shape, value.places)
