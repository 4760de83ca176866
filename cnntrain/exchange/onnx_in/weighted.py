"""Products with weights, and normalization."""

import math

import numpy as np

from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.layers.batch_norm import BatchNorm
from cnntrain.layers.dense import Dense
from cnntrain.layers.lrn import Lrn
from cnntrain.layers.normalization import GroupNorm, LayerNorm
from cnntrain.types import Array, Params


def product(draft: Draft, op: Op, value: Value, W: Array, b: Array | None) -> Value:
    """W x + b, W (K, J) with its columns in ONNX's order."""
    if value.places is not None and len(value.shape) == 1:
        ordered = np.empty_like(W)
        ordered[:, value.places] = W
        W, value = ordered, Value(value.at, value.own, value.shape)
    layer = Dense(units=len(W), bias=b is not None)
    arrays: Params = {"W": np.ascontiguousarray(W)}
    if b is not None:
        arrays["b"] = np.ascontiguousarray(b[:, None])
    return draft.add(op, layer, value, **arrays)


def vector(draft: Draft, op: Op) -> Value:
    """The first input, which must be one vector per sample."""
    value = draft.value(op)
    if len(value.shape) != 1:
        op.refuse(f"it reads {value.shape}; only vectors (J,) are supported")
    return value


@reads("Gemm")
def gemm(draft: Draft, op: Op) -> Value:
    """α A B + β C with A the samples."""
    op.expect(transA=0)
    op.attribute("broadcast")
    value, B = vector(draft, op), draft.numbers(op, 1)
    W = op.attribute("alpha", 1.0) * (B if op.attribute("transB", 0) else B.T)
    beta = op.attribute("beta", 1.0)
    if W.ndim != 2 or W.shape[1] != value.shape[0]:
        op.refuse(f"weights {B.shape} for samples {value.shape}")
    if draft.optional(op, 2) is None:
        return product(draft, op, value, W, None)
    C = draft.numbers(op, 2)
    if C.size not in (1, len(W)) or C.shape[-1:] not in ((), (1,), (len(W),)):
        op.refuse(f"input {op.inputs[2]!r} has the shape {C.shape}, not ({len(W)},)")
    return product(draft, op, value, W, np.broadcast_to(beta * C.reshape(-1), len(W)))


@reads("MatMul")
def matmul(draft: Draft, op: Op) -> Value:
    value, B = vector(draft, op), draft.numbers(op, 1)
    if B.ndim != 2 or B.shape[0] != value.shape[0]:
        op.refuse(f"weights {B.shape} for samples {value.shape}")
    return product(draft, op, value, B.T, None)


@reads("ai.onnx.ml.Scaler")
def scaler(draft: Draft, op: Op) -> Value:
    """(x - offset) · scale, the normalization of scikit-learn."""
    value = vector(draft, op)
    offset, scale = (np.array(op.attribute(name), np.float64) for name in ("offset", "scale"))
    fits = {offset.shape, scale.shape} <= {(1,), value.shape}
    if value.at != -1 or draft.scale is not None or not fits or not scale.all():
        op.refuse("only a scaling of the model's input is supported")
    draft.shift = np.broadcast_to(offset, value.shape)
    draft.scale = np.broadcast_to(1 / scale, value.shape)
    return value


@reads("BatchNormalization")
def batch_norm(draft: Draft, op: Op) -> Value:
    op.expect(training_mode=0, spatial=1)
    for name in ("is_test", "consumed_inputs"):  # of old opsets: in use, not in training
        op.attribute(name)
    value = draft.value(op)
    c = value.shape[0]
    gamma, beta, mean, variance = (draft.numbers(op, k, (c,))[:, None] for k in range(1, 5))
    if (variance < 0).any():
        op.refuse("its variance has negative values")
    momentum = op.attribute("momentum", 0.9)
    layer = BatchNorm(momentum=momentum, epsilon=op.attribute("epsilon", 1e-5))
    return draft.add(op, layer, value, gamma=gamma, beta=beta, mean=mean, variance=variance)


@reads("InstanceNormalization")
def instance_norm(draft: Draft, op: Op) -> Value:
    """Group normalization with groups of one channel; of (G, M), with G groups of the maps."""
    value, epsilon = draft.value(op), op.attribute("epsilon", 1e-5)
    groups = value.shape[0]
    scale, bias = (draft.numbers(op, k, (groups,)) for k in (1, 2))
    layer = GroupNorm(groups=groups, epsilon=epsilon)
    whole = value.own if value.places is None and value.own[0] % groups == 0 else value.shape
    shape = (whole[0], *(1,) * (len(whole) - 1))
    repeated = whole[0] // groups
    arrays = {
        "gamma": np.repeat(scale, repeated).reshape(shape),
        "beta": np.repeat(bias, repeated).reshape(shape),
    }
    if whole == value.own and value.places is None:
        return draft.elementwise(op, layer, value, **arrays)
    return draft.add(op, layer, value, **arrays)


@reads("GroupNormalization")
def group_norm(draft: Draft, op: Op) -> Value:
    """Scale and bias are those of the channels, as in opset 21; before, no exporter wrote it."""
    op.expect(stash_type=1)
    value, groups = draft.value(op), op.attribute("num_groups", 1)
    c, epsilon = value.shape[0], op.attribute("epsilon", 1e-5)
    shape = (c, *(1,) * (len(value.shape) - 1))
    gamma, beta = (draft.numbers(op, k, (c,)).reshape(shape) for k in (1, 2))
    layer = GroupNorm(groups=groups, epsilon=epsilon)
    return draft.add(op, layer, value, gamma=gamma, beta=beta)


@reads("LayerNormalization")
def layer_norm(draft: Draft, op: Op) -> Value:
    op.expect(stash_type=1)
    value, axis = draft.value(op), op.attribute("axis", -1)
    if axis % (len(value.shape) + 1) != 1:
        op.refuse(f"axis = {axis}; only the normalization of whole samples is supported (axis 1)")
    gamma = draft.numbers(op, 1, value.shape)
    beta = np.zeros_like(gamma)
    if draft.optional(op, 2) is not None:
        beta = draft.numbers(op, 2, value.shape)
    layer = LayerNorm(epsilon=op.attribute("epsilon", 1e-5))
    return draft.add(op, layer, value, gamma=gamma, beta=beta)


@reads("LRN")
def lrn(draft: Draft, op: Op) -> Value:
    alpha, beta = op.attribute("alpha", 1e-4), op.attribute("beta", 0.75)
    size, k = op.attribute("size", 1), op.attribute("bias", 1.0)
    if not (math.isfinite(alpha) and min(alpha, beta, k) > 0 and size >= 1):
        op.refuse(f"size = {size}, alpha = {alpha}, beta = {beta} and bias = {k} must be positive")
    return draft.add(op, Lrn(size=size, alpha=alpha, beta=beta, k=k), draft.value(op))
