"""The sums that the page can write out itself, layer by layer, and the data they need."""

from typing import Any

import numpy as np

from cnntrain.layers.activations import Activation, LogSoftmax, Softmax
from cnntrain.layers.batch_norm import BatchNorm
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.global_pooling import GlobalAvgPool2d
from cnntrain.layers.joining import Add
from cnntrain.layers.normalization import SampleNorm
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.layers.shaping import Flatten, Reshape
from cnntrain.ops.windows import Axis
from cnntrain.types import Array
from cnntrain.views.trace.activation_recipes import activation_lines
from cnntrain.views.trace.layer_recipes import layer_recipe
from cnntrain.views.trace.recipe import encoded
from cnntrain.views.trace.trace import LayerTrace

Rule = dict[str, Any]


def page_rule(layer: LayerTrace) -> tuple[Rule, Array | None]:
    """(how the values of a layer are computed, the slopes f' of an elementwise layer).

    ``{"as": "other"}``: the page shows only formula and values.
    """
    match layer.watched.layer:
        case Softmax() | LogSoftmax() | BatchNorm() | SampleNorm():
            return _by_recipe(layer), None
        case Activation():
            return _elementwise(layer.watched.layer), _slopes(layer)
        case Dropout():
            return {"as": "mask"}, _slopes(layer)
        case _:
            return _rule(layer), None


def _elementwise(inner: Activation) -> Rule:
    found = activation_lines(inner)
    if found is None:
        return {"as": "elementwise", "lines": None}
    lines, slope, constants = found
    return {
        "as": "elementwise",
        "lines": encoded(lines),
        "slope": encoded(slope),
        "constants": constants,
    }


def _rule(layer: LayerTrace) -> Rule:
    inner, cache = layer.watched.layer, layer.watched.cache
    match inner:
        case Dense():
            return {"as": "dense"}
        case Conv2d():
            axes = _axes(cache.vertical, cache.horizontal)
            return {"as": "conv", "axes": axes, "groups": inner.groups}
        case MaxPool2d():
            return {"as": "max", "axes": _axes(cache.vertical, cache.horizontal)}
        case AvgPool2d():
            top, bottom, left, right = inner.counted()
            counted = ((top, bottom), (left, right))
            return {"as": "mean", "axes": _axes(*cache), "counted": counted}
        case GlobalAvgPool2d():
            return {"as": "global_mean"}
        case Flatten() | Reshape():
            return {"as": "same"}
        case Add():
            return {"as": "add"}
        case _:
            return {"as": "other"}


def _by_recipe(layer: LayerTrace) -> Rule:
    """Which entries depend on each other, and the lines that compute one of them."""
    inner = layer.watched.layer
    forward, backward = (layer_recipe(layer, 0, backward) for backward in (False, True))
    if forward is None or backward is None:
        return {"as": "other"}
    members = "channel" if isinstance(inner, BatchNorm) else "column"
    rule: Rule = {"as": "recipe", "members": members, "constants": {}}
    if isinstance(inner, BatchNorm | SampleNorm):
        rule["constants"] = {"ε": inner.epsilon}
    if isinstance(inner, SampleNorm):
        rule |= {"members": "group", "groups": inner.parts()}
    return rule | {"forward": encoded(forward.lines), "backward": encoded(backward.lines)}


def _axes(vertical: Axis, horizontal: Axis) -> list[dict[str, int]]:
    """Tap i of output o reads input o·stride + i·dilation - before."""
    return [
        {
            "length": axis.length,
            "size": axis.size,
            "stride": axis.stride,
            "before": axis.before,
            "dilation": axis.dilation,
            "out": axis.out,
        }
        for axis in (vertical, horizontal)
    ]


def _slopes(layer: LayerTrace) -> Array:
    """f'(z) of every value, from the layer's own backward function."""
    watched = layer.watched
    slopes, _ = watched.layer.backward(
        watched.params_used, watched.cache, np.ones_like(layer.delta)
    )
    return np.asarray(slopes)
