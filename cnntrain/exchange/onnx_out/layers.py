"""Every kind of layer that is no activation in operators of ONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.exchange.onnx_out.mapping import Place, maps
from cnntrain.ops.windows import Axis
from cnntrain.types import as_pair


@maps("dropout", "spatial_dropout", "gaussian_noise")
def noise(p: Place) -> str:
    """There is none outside training."""
    return p.op("Identity")


@maps("add")
def add(p: Place) -> str:
    return p.op("Sum", *p.inputs)


@maps("concat")
def concat(p: Place) -> str:
    return p.op("Concat", *p.inputs, axis=1)


@maps("flatten")
def flatten(p: Place) -> str:
    return p.op("Flatten", axis=1)


@maps("reshape")
def reshape(p: Place) -> str:
    return p.op("Reshape", p.x, p.to.integers("shape", (-1, *p.node.out_shape)))


@maps("dense")
def dense(p: Place) -> str:
    return p.op("Gemm", p.x, p.array("W"), *p.flat("b"), transB=1)


def geometry(axes: Sequence[Axis]) -> dict[str, Any]:
    """The attributes of windows: explicit padding, all beginnings before all ends."""
    return {
        "kernel_shape": [axis.size for axis in axes],
        "strides": [axis.stride for axis in axes],
        "pads": [*(axis.before for axis in axes), *(axis.after for axis in axes)],
        "dilations": [axis.dilation for axis in axes],
    }


@maps("conv2d")
def conv2d(p: Place) -> str:
    windows = geometry(p.layer.axes(p.node.in_shape))
    return p.op("Conv", p.x, p.array("W"), *p.flat("b"), group=p.layer.groups, **windows)


@maps("conv_transpose2d")
def conv_transpose2d(p: Place) -> str:
    windows = geometry(p.layer.axes(p.node.in_shape))
    extra = list(as_pair(p.layer.output_padding))
    return p.op("ConvTranspose", p.x, p.array("W"), *p.flat("b"), output_padding=extra, **windows)


@maps("batch_norm")
def batch_norm(p: Place) -> str:
    arrays = p.flat("gamma", "beta", "mean", "variance")
    return p.op("BatchNormalization", p.x, *arrays, epsilon=p.layer.epsilon)


@maps("layer_norm")
def layer_norm(p: Place) -> str:
    arrays = (p.array("gamma"), p.array("beta"))
    return p.op("LayerNormalization", p.x, *arrays, axis=1, epsilon=p.layer.epsilon)


@maps("group_norm")
def group_norm(p: Place) -> str:
    """Each group is an instance of one channel: its numbers in one row."""
    groups, shape = p.layer.groups, p.node.out_shape
    rows = p.op("Reshape", p.x, p.to.integers("rows", (0, groups, -1)))
    ones, zeros = (p.to.constant(f"of_{k}", np.full(groups, float(k))) for k in (1, 0))
    alike = p.op("InstanceNormalization", rows, ones, zeros, epsilon=p.layer.epsilon)
    back = p.op("Reshape", alike, p.to.integers("shape", (-1, *shape)))
    return p.to.affine(back, p.params["gamma"], p.params["beta"])


@maps("lrn")
def lrn(p: Place) -> str:
    layer = p.layer
    if layer.across == "channels":
        options = {"alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
        return p.op("LRN", size=layer.size, **options)
    reach = [layer.size // 2] * 4
    squares, kernel = p.op("Mul", p.x, p.x), [layer.size] * 2
    mean = p.op("AveragePool", squares, kernel_shape=kernel, pads=reach, count_include_pad=1)
    scale = p.to.affine(mean, np.array(layer.alpha), np.array(layer.k))
    return p.op("Div", p.x, p.op("Pow", scale, p.to.constant("beta", layer.beta)))


@maps("prelu")
def prelu(p: Place) -> str:
    slope = p.array("slope", (-1, *(1,) * (len(p.node.out_shape) - 1)))
    return p.op("PRelu", p.x, slope)


@maps("max_pool2d")
def max_pool2d(p: Place) -> str:
    return p.op("MaxPool", **geometry(p.layer.axes(p.node.in_shape)))


@maps("avg_pool2d")
def avg_pool2d(p: Place) -> str:
    """AveragePool where it counts alike; else the sum, by a kernel of ones, over our number."""
    axes, channels = p.layer.axes(p.node.in_shape), p.node.in_shape[0]
    counts = p.layer.counts(*axes, like=np.zeros(0, np.float32))[..., 0]
    whole, windows = axes[0].size * axes[1].size, geometry(axes)
    without = np.outer(*(axis.counts() for axis in axes))
    is_known = p.to.opset >= 19 or windows.pop("dilations") == [1, 1]
    if is_known and ((counts == whole).all() or (counts == without).all()):
        counted = int((counts == whole).all())
        return p.op("AveragePool", count_include_pad=counted, **windows)
    ones = p.to.constant("ones", np.ones((channels, 1, axes[0].size, axes[1].size)))
    sums = p.op("Conv", p.x, ones, group=channels, **geometry(axes))
    return p.op("Div", sums, p.to.constant("counts", counts))


@maps("global_avg_pool2d", "global_max_pool2d")
def global_pool2d(p: Place) -> str:
    kind = "GlobalAveragePool" if p.layer.kind == "global_avg_pool2d" else "GlobalMaxPool"
    return p.op("Flatten", p.op(kind), axis=1)


@maps("upsample2d")
def upsample2d(p: Place) -> str:
    """``nearest`` copies; ``bilinear`` has half pixel centres: both are options of Resize."""
    copies = p.layer.mode == "nearest"
    scales = p.to.constant("scales", (1, 1, *as_pair(p.layer.factor)))
    return p.op(
        "Resize", p.x, "", scales,
        mode="nearest" if copies else "linear",
        coordinate_transformation_mode="asymmetric" if copies else "half_pixel",
        nearest_mode="floor",
    )  # fmt: skip


@maps("adaptive_avg_pool2d")
def adaptive_avg_pool2d(p: Place) -> str:
    """V x Hᵀ, whose rows take means."""
    down, across = p.layer.matrices(p.node.in_shape, np.dtype(np.float32))
    rows = p.op("MatMul", p.to.constant("vertical", down), p.x)
    return p.op("MatMul", rows, p.to.constant("horizontal", across.T))


@maps("adaptive_max_pool2d")
def adaptive_max_pool2d(p: Place) -> str:
    """The maximum of each window, row by row, side by side."""
    found = [
        p.op("GlobalMaxPool", p.op("Slice", p.x, *_bounds(p, k, window)))
        for k, window in enumerate(p.layer.windows(p.node.in_shape))
    ]
    side_by_side = p.op("Concat", *found, axis=2)
    return p.op("Reshape", side_by_side, p.to.integers("shape", (-1, *p.node.out_shape)))


def _bounds(p: Place, k: int, window: Sequence[slice]) -> list[str]:
    """Starts, ends and axes of a window."""
    return [
        p.to.integers(f"start{k}", [span.start for span in window]),
        p.to.integers(f"end{k}", [span.stop for span in window]),
        p.to.integers("axes", (2, 3)),
    ]


@maps("zero_pad2d", "pad2d")
def pad2d(p: Place) -> str:
    top, bottom, left, right = p.layer.sides()
    pads = p.to.integers("pads", (0, 0, top, left, 0, 0, bottom, right))
    if p.layer.kind == "zero_pad2d":
        return p.op("Pad", p.x, pads, mode="constant")
    return p.op("Pad", p.x, pads, p.to.constant("value", p.layer.value), mode=p.layer.mode)
