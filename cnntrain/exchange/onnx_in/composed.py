"""Layers that are no operator of ONNX, as ``cnntrain export`` writes them: found, and read."""

from collections.abc import Iterator

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.fusing import Finder, Rule, one_for
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.exchange.onnx_in.reading import reads
from cnntrain.exchange.onnx_in.windows import image, options_of_windows, shortest
from cnntrain.layers.adaptive_pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d
from cnntrain.layers.lrn import Lrn
from cnntrain.layers.pooling import AvgPool2d
from cnntrain.types import Array, Shape, as_sides

# the operators that stand for them here
ADAPTIVE_AVG, ADAPTIVE_MAX = "cnntrain.AdaptiveAveragePool", "cnntrain.AdaptiveMaxPool"
COUNTED, SPATIAL_LRN = "cnntrain.CountedPool", "cnntrain.SpatialLRN"


# --- adaptive pooling ------------------------------------------------------------------------


def means_by_matrices(find: Finder, op: Op) -> Op | None:
    """V x Hᵀ with constants V and Hᵀ."""
    rows = find.maker(op.inputs[0], "MatMul") if op.kind == "MatMul" else None
    if rows is None or not {rows.inputs[0], op.inputs[1]} <= find.constants.keys():
        return None
    return one_for(op, ADAPTIVE_AVG, rows.inputs[1], rows.inputs[0], op.inputs[1])


@reads(ADAPTIVE_AVG)
def adaptive_avg_pool(draft: Draft, op: Op) -> Value:
    value = image(draft, op)
    found = draft.numbers(op, 1), draft.numbers(op, 2).T
    layer = AdaptiveAvgPool2d(size=shortest((len(found[0]), len(found[1]))))
    means = layer.matrices(value.shape, np.dtype(np.float32))
    if not all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(found, means, strict=True)):
        op.refuse("its matrices do not take the means of windows that cover the map")
    return draft.add(op, layer, value)


def largest_of_slices(find: Finder, op: Op) -> Op | None:
    """The maxima of slices side by side, in the shape of maps."""
    joined = find.maker(op.inputs[0], "Concat") if op.kind == "Reshape" else None
    if joined is None or joined.attributes.get("axis") != 2:
        return None
    rows = [find.makers(name, "GlobalMaxPool", "Slice") for name in joined.inputs]
    slices = [row[-1].inputs for row in rows if row]
    read = {x for x, *_ in slices}
    if len(slices) < len(rows) or len(read) != 1:
        return None
    starts, ends, axes = (
        [find.constants[given[k]].tolist() for given in slices] for k in (1, 2, 3)
    )
    if any(each != [2, 3] for each in axes) or any(len(given) > 4 for given in slices):
        return None
    return one_for(op, ADAPTIVE_MAX, *read, op.inputs[1], starts=starts, ends=ends)


@reads(ADAPTIVE_MAX)
def adaptive_max_pool(draft: Draft, op: Op) -> Value:
    value, shape = image(draft, op), draft.constant(op, 1).tolist()
    layer = AdaptiveMaxPool2d(size=shortest(tuple(shape[2:])))
    windows = layer.windows(value.shape)
    starts = [[span.start for span in window] for window in windows]
    ends = [[span.stop for span in window] for window in windows]
    if (op.attribute("starts"), op.attribute("ends")) != (starts, ends):
        op.refuse("its slices are not the windows that cover the map")
    return draft.add(op, layer, value)


# --- means over our number of inputs ---------------------------------------------------------


def sums_over_counts(find: Finder, op: Op) -> Op | None:
    """The sums of windows of each map, by a kernel of ones, over constants."""
    sums = find.maker(op.inputs[0], "Conv") if op.kind == "Div" else None
    if sums is None or len(sums.inputs) != 2 or op.inputs[1] not in find.constants:
        return None
    W = find.constants[sums.inputs[1]]
    if W.shape[1] != 1 or sums.attributes.get("group", 1) != len(W) or (W != 1).any():
        return None
    size = {"kernel_shape": list(W.shape[2:])}
    return one_for(op, COUNTED, sums.inputs[0], op.inputs[1], **{**sums.attributes, **size})


@reads(COUNTED)
def counted_pool(draft: Draft, op: Op) -> Value:
    value, counts = image(draft, op), draft.numbers(op, 1)
    op.expect(group=value.shape[0])
    for layer in _poolings(options_of_windows(op, value)):
        if _divides_by(layer, value.shape, counts):
            return draft.add(op, layer, value)
    return op.refuse("it divides by other numbers than those of the inputs in each window")


def _poolings(options: dict[str, object]) -> Iterator[AvgPool2d]:
    """All ways to count: padding or not, and with ``ceil`` some of it as beyond the padding."""
    top, bottom, left, right = as_sides(options.pop("padding"))  # type: ignore[arg-type]
    for down, across in np.ndindex(bottom + 1, right + 1):
        padding = shortest((top, bottom - down, left, right - across))
        for counted in (True, False):
            yield AvgPool2d(
                **options,  # type: ignore[arg-type]
                padding=padding,
                ceil=down + across > 0,
                count_padding=counted,
            )


def _divides_by(layer: AvgPool2d, in_shape: Shape, counts: Array) -> bool:
    try:
        axes = layer.axes(in_shape)
    except ShapeError:
        return False
    return np.array_equal(layer.counts(*axes, like=counts)[..., 0], counts)


# --- local response normalization ------------------------------------------------------------


def over_power_of_neighbours(find: Finder, op: Op) -> Op | None:
    """x / (k + α · mean of x² around)^β."""
    row = find.makers(op.inputs[1], "Pow", "Add", "Mul", "AveragePool", "Mul")
    if op.kind != "Div" or not row:
        return None
    power, plus, times, mean, squares = row
    beta, k, alpha = (find.number(each.inputs[1]) for each in (power, plus, times))
    size = mean.attributes["kernel_shape"][0]
    around = {"kernel_shape": [size] * 2, "pads": [size // 2] * 4, "count_include_pad": 1}
    if squares.inputs != (op.inputs[0],) * 2 or mean.attributes != around or size % 2 == 0:
        return None
    return one_for(op, SPATIAL_LRN, op.inputs[0], size=size, alpha=alpha, beta=beta, k=k)


@reads(SPATIAL_LRN)
def spatial_lrn(draft: Draft, op: Op) -> Value:
    size, alpha, beta, k = (op.attribute(name) for name in ("size", "alpha", "beta", "k"))
    layer = Lrn(across="space", size=size, alpha=alpha, beta=beta, k=k)
    return draft.add(op, layer, image(draft, op))


LAYERS: tuple[Rule, ...] = (
    means_by_matrices,
    largest_of_slices,
    sums_over_counts,
    over_power_of_neighbours,
)
