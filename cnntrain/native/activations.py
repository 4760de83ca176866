"""Compiled twins of ``layers/activations.py``: f and δ of every kind, each one pass over memory."""

from collections.abc import Callable
from typing import Any

from cnntrain.native.engine import empty, kernel, solid
from cnntrain.types import Array


def elementwise(name: str, z: Array, p: float = 1.0, q: float = 1.0) -> Array:
    """The values of a kernel of one array, with the options p and q of the layer."""
    out = empty(z.shape, z.dtype)
    kernel(name, z)(out, solid(z), z.size, p, q)
    return out


def of_two(name: str, d: Array, z: Array, p: float = 1.0, q: float = 1.0) -> Array:
    """The same of two arrays of one shape."""
    if d.shape != z.shape:
        raise ValueError(f"{name}: {d.shape} and {z.shape} differ")
    out = empty(z.shape, z.dtype)
    kernel(name, z)(out, solid(d), solid(z), z.size, *(p, q))
    return out


def f(name: str, *options: str) -> Callable[[Any, Array], Array]:
    """a = f(z) by the kernel ``name``, which takes these options of the layer as p and q."""

    def run(layer: Any, z: Array) -> Array:
        return elementwise(name, z, *(getattr(layer, option) for option in options))

    return run


def delta(name: str, *options: str) -> Callable[[Any, Array, Array], Array]:
    """δ from ∂C/∂a and what was kept, in the same way."""

    def run(layer: Any, da: Array, kept: Array) -> Array:
        return of_two(name, da, kept, *(getattr(layer, option) for option in options))

    return run


def gelu(layer: Any, z: Array) -> Array:
    """GELU in one of its two forms."""
    return elementwise("gelu_tanh" if layer.approximation == "tanh" else "gelu", z)


def gelu_delta(layer: Any, da: Array, kept: Array) -> Array:
    """Its δ."""
    return of_two("gelu_tanh_delta" if layer.approximation == "tanh" else "gelu_delta", da, kept)
