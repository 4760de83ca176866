"""Compiled twins of ``losses/`` and of the softmax in ``ops/stable.py``.

Every loss is (Σ cost, δ): the costs are added up in double precision, as in ``sums.h``.
"""

import math

import numpy as np

from cnntrain.native.activations import elementwise
from cnntrain.native.engine import empty, kernel, solid
from cnntrain.native.program import recorder
from cnntrain.types import Array


def softmax(z: Array) -> Array:
    """a_k = e^(z_k) / Σ_j e^(z_j) along axis 0."""
    return _along_classes("softmax", z)


def log_softmax(z: Array) -> Array:
    """z_k - log Σ_j e^(z_j) along axis 0."""
    return _along_classes("log_softmax", z)


def _along_classes(name: str, z: Array) -> Array:
    out = empty(z.shape, z.dtype)
    kernel(name, z)(out, solid(z), len(z), math.prod(z.shape[1:]))
    return out


def softmax_delta(layer: object, da: Array, kept: Array) -> Array:
    """δ_k = a_k (∂C/∂a_k - Σ_j a_j ∂C/∂a_j)."""
    return _delta_along_classes(da, kept, of_log=False)


def log_softmax_delta(layer: object, da: Array, kept: Array) -> Array:
    """δ_k = ∂C/∂a_k - e^(a_k) Σ_j ∂C/∂a_j."""
    return _delta_along_classes(da, kept, of_log=True)


def _delta_along_classes(da: Array, kept: Array, of_log: bool) -> Array:
    if da.shape != kept.shape:
        raise ValueError(f"{da.shape} and {kept.shape} differ")
    out = empty(da.shape, da.dtype)
    sizes = (of_log, len(da), math.prod(da.shape[1:]))
    kernel("softmax_delta", da)(out, solid(da), solid(kept), *sizes)
    return out


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z)."""
    return elementwise("sigmoid_values", z)


def softplus(z: Array) -> Array:
    """log(1 + e^z)."""
    return elementwise("softplus_values", z)


def power(x: Array, exponent: float) -> Array:
    """x^exponent for x >= 0."""
    return elementwise("power_values", x, exponent)


def cross_entropy(z: Array, labels: Array) -> tuple[float, Array]:
    """(-Σ_n log softmax(z_n)[y_n], softmax(z) - one-hot(y))."""
    k, n = z.shape
    if labels.shape != (n,):
        raise ValueError(f"labels {labels.shape} do not fit outputs {z.shape}")
    delta, total, costs = empty(z.shape, z.dtype), np.zeros(1), empty((n,), z.dtype)
    whole = _noted_targets(labels, np.dtype(np.int64))
    kernel("cross_entropy", z)(delta, total, costs, solid(z), whole, *(k, n))
    return _cost(total), delta


def _noted_targets(y: Array, dtype: "np.dtype[np.generic]") -> Array:
    """Targets as a kernel reads them; a recorder has its own copy of them."""
    at_work = recorder()
    return at_work.note_targets(y, dtype) if at_work else solid(y.astype(dtype, copy=False))


def _cost(total: Array, factor: float = 1.0) -> float:
    if (at_work := recorder()) is not None:
        at_work.costs.append((total, factor))
    return factor * float(total[0])


def soft_cross_entropy(z: Array, t: Array) -> tuple[float, Array]:
    """(-Σ t log softmax(z), softmax(z) Σ_k t_k - t)."""
    return _soft(z, t, divergence=False)


def kl_divergence(z: Array, t: Array) -> tuple[float, Array]:
    """(Σ t (log t - log softmax(z)), softmax(z) Σ_k t_k - t)."""
    return _soft(z, t, divergence=True)


def _soft(z: Array, t: Array, divergence: bool) -> tuple[float, Array]:
    delta, total, costs, t = _prepared(z, t)
    sizes = (divergence, len(z), math.prod(z.shape[1:]))
    kernel("soft_cross_entropy", z)(delta, total, costs, solid(z), t, *sizes)
    return _cost(total), delta


def _prepared(z: Array, t: Array) -> tuple[Array, Array, Array, Array]:
    """(δ, total, room for the costs, targets) of a loss."""
    if z.shape != t.shape:
        raise ValueError(f"outputs {z.shape} and targets {t.shape} differ")
    targets = _noted_targets(t, z.dtype)
    return empty(z.shape, z.dtype), np.zeros(1), empty(z.shape, z.dtype), targets


def _elementwise(
    name: str, z: Array, t: Array, option: float = 1.0, factor: float = 1.0
) -> tuple[float, Array]:
    delta, total, costs, t = _prepared(z, t)
    kernel(name, z)(delta, total, costs, solid(z), t, *(z.size, option))
    return _cost(total, factor), delta


def squared_error(a: Array, y: Array) -> tuple[float, Array]:
    """(½ Σ (a - y)², a - y)."""
    return _elementwise("squared_error", a, y, factor=0.5)


def absolute_error(a: Array, y: Array) -> tuple[float, Array]:
    """(Σ |a - y|, sign(a - y))."""
    return _elementwise("absolute_error", a, y)


def huber(a: Array, y: Array, limit: float) -> tuple[float, Array]:
    """(Σ h(a - y), the error clipped to ±limit)."""
    return _elementwise("huber", a, y, limit)


def binary_cross_entropy(z: Array, t: Array) -> tuple[float, Array]:
    """(-Σ t log σ(z) + (1-t) log(1-σ(z)), σ(z) - t)."""
    return _elementwise("binary_cross_entropy", z, t)


def hinge(z: Array, sign: Array) -> tuple[float, Array]:
    """(Σ max(0, 1 - sign·z), -sign where the margin is less than 1)."""
    return _elementwise("hinge", z, sign)


def squared_hinge(z: Array, sign: Array) -> tuple[float, Array]:
    """(Σ max(0, 1 - sign·z)², -2 sign max(0, 1 - sign·z))."""
    return _elementwise("squared_hinge", z, sign)
