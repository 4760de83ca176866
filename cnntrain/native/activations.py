"""Compiled twins of ``layers/activations.py``: f and δ of every kind, each one pass over memory."""

from typing import Protocol

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


class WithSlope(Protocol):
    """A leaky ReLU."""

    @property
    def slope(self) -> float: ...


class WithAlpha(Protocol):
    """An ELU or CELU."""

    @property
    def alpha(self) -> float: ...


class WithScale(Protocol):
    """A SELU."""

    @property
    def ALPHA(self) -> float: ...
    @property
    def SCALE(self) -> float: ...


class WithApproximation(Protocol):
    """A GELU."""

    @property
    def approximation(self) -> str: ...


def sigmoid(layer: object, z: Array) -> Array:
    return elementwise("sigmoid_values", z)


def sigmoid_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("sigmoid_delta", da, kept)


def tanh(layer: object, z: Array) -> Array:
    return elementwise("tanh_values", z)


def tanh_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("tanh_delta", da, kept)


def relu(layer: object, z: Array) -> Array:
    return elementwise("relu", z)


def relu_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("relu_delta", da, kept)


def relu6(layer: object, z: Array) -> Array:
    return elementwise("relu6", z)


def relu6_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("relu6_delta", da, kept)


def leaky_relu(layer: WithSlope, z: Array) -> Array:
    return elementwise("leaky_relu", z, layer.slope)


def leaky_relu_delta(layer: WithSlope, da: Array, kept: Array) -> Array:
    return of_two("leaky_relu_delta", da, kept, layer.slope)


def elu(layer: WithAlpha, z: Array) -> Array:
    return elementwise("elu", z, layer.alpha)


def elu_delta(layer: WithAlpha, da: Array, kept: Array) -> Array:
    return of_two("elu_delta", da, kept, layer.alpha)


def selu(layer: WithScale, z: Array) -> Array:
    return elementwise("elu", z, layer.ALPHA, layer.SCALE)


def selu_delta(layer: WithScale, da: Array, kept: Array) -> Array:
    return of_two("elu_delta", da, kept, layer.ALPHA, layer.SCALE)


def celu(layer: WithAlpha, z: Array) -> Array:
    return elementwise("celu", z, layer.alpha)


def celu_delta(layer: WithAlpha, da: Array, kept: Array) -> Array:
    return of_two("celu_delta", da, kept, layer.alpha)


def gelu(layer: WithApproximation, z: Array) -> Array:
    return elementwise("gelu_tanh" if layer.approximation == "tanh" else "gelu", z)


def gelu_delta(layer: WithApproximation, da: Array, kept: Array) -> Array:
    name = "gelu_tanh_delta" if layer.approximation == "tanh" else "gelu_delta"
    return of_two(name, da, kept)


def silu(layer: object, z: Array) -> Array:
    return elementwise("silu", z)


def silu_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("silu_delta", da, kept)


def mish(layer: object, z: Array) -> Array:
    return elementwise("mish", z)


def mish_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("mish_delta", da, kept)


def softplus(layer: object, z: Array) -> Array:
    return elementwise("softplus_values", z)


def softplus_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("softplus_delta", da, kept)


def softsign(layer: object, z: Array) -> Array:
    return elementwise("softsign", z)


def softsign_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("softsign_delta", da, kept)


def hard_sigmoid(layer: object, z: Array) -> Array:
    return elementwise("hard_sigmoid", z)


def hard_sigmoid_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("hard_sigmoid_delta", da, kept)


def hard_swish(layer: object, z: Array) -> Array:
    return elementwise("hard_swish", z)


def hard_swish_delta(layer: object, da: Array, kept: Array) -> Array:
    return of_two("hard_swish_delta", da, kept)
