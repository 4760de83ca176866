"""Forward and backward of the layers whose outputs depend on many inputs in a non-linear way."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnntrain.layers import Layer
from cnntrain.layers.activations import LogSoftmax, Softmax
from cnntrain.layers.batch_norm import BatchNorm
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.normalization import SampleNorm
from cnntrain.types import Array
from cnntrain.views.languages import say
from cnntrain.views.trace.recipe import Recipe
from cnntrain.views.trace.trace import LayerTrace

Lines = tuple[tuple[str, str], ...]
Members = Callable[[Array], Array]  # of an array: the entries that depend on each other, in a row

STANDARD: Lines = (
    ("μ", "mean(x)"),
    ("σ2", "mean((x - μ) ** 2)"),
    ("σ", "sqrt(σ2 + ε)"),
    ("x_hat", "(x[k] - μ) / σ"),
)
NORM: Lines = (*STANDARD, ("y", "γ[k] * x_hat + β[k]"))
NORM_BACK: Lines = (
    *STANDARD,
    ("x_hats", "(x - μ) / σ"),
    ("d", "γ * δ"),
    ("d_k", "d[k]"),
    ("mean_d", "mean(d)"),
    ("mean_dx", "mean(d * x_hats)"),
    ("dx", "(d_k - mean_d - x_hat * mean_dx) / σ"),
)
SOFTMAX: Lines = (("e", "exp(z[k] - c)"), ("S", "sum(exp(z - c))"), ("a", "e / S"))
SOFTMAX_BACK: Lines = (("s", "sum(a * da)"), ("dz", "a[k] * (da[k] - s)"))
LOG_SOFTMAX: Lines = (("S", "sum(exp(z - c))"), ("a", "z[k] - c - log(S)"))
LOG_SOFTMAX_BACK: Lines = (("s", "sum(da)"), ("p", "exp(a[k])"), ("dz", "da[k] - p * s"))
MASK: Lines = (("M", "kept / (1 - rate)"), ("y", "x[k] * M"))
MASK_BACK: Lines = (("M", "kept / (1 - rate)"), ("dx", "δ[k] * M"))


def layer_recipe(layer: LayerTrace, at: int, backward: bool) -> Recipe | None:
    """How an output, or ∂C/∂x, at a flat position is computed; None: a plain sum says it."""
    inner = layer.watched.layer
    match inner:
        case BatchNorm() if layer.watched.cache.moments is not None:
            return _norm(layer, at, backward, inner.epsilon, _of_channel(layer.delta.shape, at))
        case SampleNorm():
            return _norm(layer, at, backward, inner.epsilon, _of_group(inner, layer, at))
        case Softmax():
            return _softmax(layer, at, SOFTMAX_BACK if backward else SOFTMAX)
        case LogSoftmax():
            return _softmax(layer, at, LOG_SOFTMAX_BACK if backward else LOG_SOFTMAX)
        case Dropout() if layer.watched.cache is not None:
            return _dropout(layer, at, backward)
    return None


def _norm(
    layer: LayerTrace, at: int, backward: bool, epsilon: float, members: tuple[Members, int]
) -> Recipe:
    row, k = members
    x, shape = layer.reads[0].array, layer.delta.shape
    given: dict[str, Any] = {"k": k, "ε": epsilon, "x": row(x), "δ": row(layer.delta)}
    for letter, name in (("gamma", "γ"), ("beta", "β")):
        array = next(q.array for q in layer.params if q.letter == letter)
        if array.ndim < len(shape):
            array = array[..., None]
        elif len(shape) == 4:  # (C, 1) of batch_norm
            array = array[..., None, None]
        given[name] = row(np.broadcast_to(array.reshape(_aligned(array, shape)), shape))
    return Recipe(NORM_BACK if backward else NORM, given)


def _aligned(array: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of γ with axes of length 1 up to the rank of the batch."""
    sizes = array.shape[: len(shape)]
    return (*sizes, *(1,) * (len(shape) - len(sizes)))


def _of_channel(shape: tuple[int, ...], at: int) -> tuple[Members, int]:
    """Everything in the channel of the entry, over all samples and positions."""
    each = int(np.prod(shape[1:]))
    channel, k = divmod(at, each)
    return lambda array: array.reshape(len(array), -1)[channel].astype(np.float64), k


def _of_group(inner: SampleNorm, layer: LayerTrace, at: int) -> tuple[Members, int]:
    """The group of channels of the entry, within its sample."""
    samples, groups = layer.delta.shape[-1], inner.parts()
    place, sample = divmod(at, samples)
    each = layer.delta.size // samples // groups
    group, k = divmod(place, each)
    return lambda a: a.reshape(groups, each, samples)[group, :, sample].astype(np.float64), k


def _softmax(layer: LayerTrace, at: int, lines: Lines) -> Recipe:
    shape = layer.delta.shape
    each = int(np.prod(shape[1:]))
    k, column = divmod(at, each)

    def values(array: Array) -> Array:
        return array.reshape(len(array), -1)[:, column].astype(np.float64)

    z, a, da = map(values, (layer.reads[0].array, layer.gives.array, layer.delta))
    return Recipe(lines, {"k": k, "z": z, "a": a, "da": da, "c": float(z.max())})


def _dropout(layer: LayerTrace, at: int, backward: bool) -> Recipe:
    inner: Layer = layer.watched.layer
    assert isinstance(inner, Dropout)
    kept = np.broadcast_to(layer.watched.cache, layer.delta.shape).flat[at]
    given = {"k": at, "kept": float(kept), "rate": inner.rate}
    given |= {"x": layer.reads[0].array.ravel(), "δ": layer.delta.ravel()}  # type: ignore[dict-item]
    told = say("trace.kept" if kept else "trace.dropped")
    return Recipe(MASK_BACK if backward else MASK, given, told)
