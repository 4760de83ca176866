"""Exponentials that never overflow: the argument of exp is always <= 0."""

import numpy as np

from cnntrain.types import Array


def sigmoid(z: Array) -> Array:
    """σ(z) = 1 / (1 + e^-z), elementwise, exact at both ends."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def softmax(z: Array) -> Array:
    """a_k = e^(z_k) / Σ_j e^(z_j) along axis 0."""
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def log_softmax(z: Array) -> Array:
    """z_k - log Σ_j e^(z_j) along axis 0."""
    shifted = z - z.max(axis=0, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))


def softplus(z: Array) -> Array:
    """log(1 + e^z), elementwise."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
