"""Compiled twins of ``layers/dense.py``."""

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def dense_forward(a: Array, W: Array, b: Array | None) -> Array:
    """z = W a + b: each number a chain of fused multiply-adds over the inputs."""
    (k, j), (rows, n) = W.shape, a.shape
    if rows != j or (b is not None and b.shape != (k, 1)):
        raise ValueError(f"W {W.shape}, a {a.shape} and b do not fit")
    z = empty((k, n), a.dtype)
    kernel("dense_forward", a)(z, solid(a), solid(W), solid(b), *(k, j, n))
    return z


def dense_backward(
    delta: Array, a: Array, W: Array, need_da: bool = True
) -> tuple[Array | None, Array, Array]:
    """(Wᵀ δ, δ aᵀ, Σ_n δ): the first chains over the units, the second over the samples."""
    (k, j), n = W.shape, delta.shape[1]
    if delta.shape != (k, n) or a.shape != (j, n):
        raise ValueError(f"delta {delta.shape}, a {a.shape} and W {W.shape} do not fit")
    delta, a = solid(delta), solid(a)
    dW, db = empty(W.shape, W.dtype), empty((k, 1), W.dtype)
    kernel("dense_dW", W)(dW, db, delta, a, *(k, j, n))
    if not need_da:
        return None, dW, db
    da = empty((j, n), W.dtype)
    kernel("dense_da", W)(da, delta, solid(W), *(k, j, n))
    return da, dW, db
