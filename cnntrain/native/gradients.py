"""What stands between gradients and their use, compiled: penalties, clipping, norms of weights."""

import math
from collections.abc import Sequence

import numpy as np

from cnntrain.native.engine import kernel
from cnntrain.types import Array


def add_penalties(
    gradients: Sequence[Array], weights: Sequence[Array], factors: Sequence[tuple[float, float]]
) -> list[bool]:
    """g += l2 W + l1 sign(W) in place, by the factors (l2, l1) of every array.

    Returns whether each gradient is finite.
    """
    if [g.shape for g in gradients] != [W.shape for W in weights] or len(factors) != len(weights):
        raise ValueError("gradients, weights and factors do not belong together")
    if not weights:
        return []
    finite = np.zeros(len(weights))
    lists = (tuple(gradients), tuple(weights))
    kernel("add_penalties", weights[0])(*lists, np.array(factors, np.float64), finite)
    return [bool(is_finite) for is_finite in finite]


def clipped(gradients: Sequence[Array], value: float | None, norm: float | None) -> list[Array]:
    """Copies with every number bounded by ``value``, then all scaled down to ``norm`` together."""
    copies = [np.array(g, order="C") for g in gradients]
    if copies:
        kernel("clip_arrays", copies[0])(tuple(copies), value or 0.0, norm or 0.0)
    return copies


def limit_norms(W: Array, largest: float, unit_axis: int = 0) -> None:
    """Scale the weights of every unit down to this Euclidean norm, if they exceed it."""
    if not W.flags.c_contiguous:
        raise ValueError("weights must be contiguous to be changed in place")
    units = W.shape[unit_axis]
    sizes = (math.prod(W.shape[:unit_axis]), units, math.prod(W.shape[unit_axis + 1 :]))
    kernel("limit_norms", W)(W, largest, float(np.finfo(W.dtype).tiny), *sizes)
