"""An ONNX model as items of a config, arrays, and what its inputs and outputs mean."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.data.normalize import Normalization, Normalizer, statistics_shape
from cnntrain.errors import DataError
from cnntrain.exchange.about import About, from_texts
from cnntrain.exchange.extras import file_content
from cnntrain.exchange.onnx_in.composed import LAYERS
from cnntrain.exchange.onnx_in.draft import Draft
from cnntrain.exchange.onnx_in.fusing import fused
from cnntrain.exchange.onnx_in.graph import Graph, Op, read_graph
from cnntrain.exchange.onnx_in.patterns import ACTIVATIONS
from cnntrain.exchange.onnx_in.reading import read_op
from cnntrain.losses import Loss
from cnntrain.network.graph import AT_INPUT, Item
from cnntrain.types import Array, Params, Shape

DEFAULT_LOSSES = {
    "softmax": "cross_entropy",
    "log_softmax": "cross_entropy",
    "sigmoid": "binary_cross_entropy",
}


@dataclass(frozen=True)
class Imported:
    """A network that was read. ``normalize``: the kind of its normalization, None if it has none
    (``normalizer`` is then that of no normalization)."""

    in_shape: Shape
    items: tuple[Item, ...]
    params: Params
    out_shape: Shape
    loss: str
    about: About
    normalize: Normalization | None
    normalizer: Normalizer


def read_onnx(path: Path, output: str | None = None, loss: str | None = None) -> Imported:
    """Read a model up to its first real-valued output, or the one that is named.

    A last layer that the ``loss`` contains is left out; without one, the last layer chooses it.
    ``DataError`` names the node that cannot be read.
    """
    content = file_content(path)
    try:
        graph = fused(read_graph(content, path.parent, output), (*ACTIVATIONS, *LAYERS))
        draft = Draft(graph)
        for op in graph.ops:
            read_op(draft, op)
        return _imported(graph, draft, str(path), loss)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _imported(graph: Graph, draft: Draft, where: str, loss: str | None) -> Imported:
    if graph.output not in draft.values:
        raise DataError(f"the output {graph.output!r} does not depend on the input")
    end = draft.values[graph.output]
    about = _about(graph, where)
    last = draft.layers[end.at].layer.kind if end.at != AT_INPUT else ""
    chosen = loss or about.loss or DEFAULT_LOSSES.get(last) or _loss_for(end.shape)
    if last in Loss.kinds[chosen].contains:
        end = replace(end, at=draft.layers[end.at].inputs[0])
    at = draft.settled(Op("output", graph.output, (), ()), end)
    if at == AT_INPUT:
        raise DataError("the model has no layers to be trained or examined")
    items, names = draft.network(at)
    kind, normalizer = _normalizer(draft)
    return Imported(
        in_shape=draft.in_shape,
        items=tuple(items),
        params=_named(draft, names),
        out_shape=end.shape,
        loss=chosen,
        about=about,
        normalize=kind,
        normalizer=normalizer,
    )


def _loss_for(shape: Shape) -> str:
    """Several outputs are taken for classes; a regression must be told."""
    return "cross_entropy" if len(shape) == 1 and shape[0] > 1 else "squared_error"


def _named(draft: Draft, names: Mapping[int, str]) -> Params:
    return {
        f"{name}.{letter}": array
        for k, name in names.items()
        if k != AT_INPUT
        for letter, array in draft.layers[k].params.items()
    }


def _normalizer(draft: Draft) -> tuple[Normalization | None, Normalizer]:
    """The normalization with as few numbers as say the same."""
    shape = draft.in_shape
    if draft.shift is None or draft.scale is None:
        ones = statistics_shape("none", shape)
        return None, Normalizer(np.zeros(ones), np.ones(ones))
    kinds: tuple[Normalization, ...] = ("unit", "per_channel", "per_feature")
    for kind in kinds:
        parts = [
            _reduced(array, statistics_shape(kind, shape)) for array in (draft.shift, draft.scale)
        ]
        if parts[0] is not None and parts[1] is not None:
            return kind, Normalizer(parts[0], parts[1])
    raise AssertionError("every array has the shape of a sample")


def _reduced(array: Array, shape: Shape) -> Array | None:
    """The array in a shape with axes of length 1 if it is constant along these, else None."""
    first = array[tuple(slice(0, size) for size in shape)]
    return first if (array == first).all() else None


def _about(graph: Graph, where: str) -> About:
    """Our metadata; of scikit-learn, the names of the classes."""
    about = from_texts(graph.metadata, where)
    labels = [
        str(label)
        for op in graph.ops
        for name in ("classlabels_int64s", "classlabels_strings")
        for label in op.attributes.get(name, ())
    ]
    return replace(about, classes=tuple(labels)) if labels and about.classes is None else about


def as_arrays(params: Params, dtype: "np.dtype[Any]") -> Params:
    """The arrays in the precision of a plan."""
    return {name: np.ascontiguousarray(array, dtype) for name, array in params.items()}
