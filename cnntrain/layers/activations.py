"""Activations a = f(z): one value of z gives one of a, except softmax, which couples channels.

Each is a pair: f, and its derivative written with whatever of z and a makes it cheapest.
"""

from dataclasses import dataclass

import numpy as np

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.ops import stable
from cnntrain.types import Array, Arrays, NonNegative, Params, Shape


class Activation(Layer):
    """Base: any shape -> the same; backward is δ_z = δ_a ⊙ f'(z)."""

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def f(self, z: Array) -> Array:
        """a = f(z)."""
        raise NotImplementedError

    def delta(self, da: Array, a: Array) -> Array:
        """δ = ∂C/∂z from ∂C/∂a and a = f(z)."""
        raise NotImplementedError

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array]:
        a = self.f(x)
        return a, a

    def backward(
        self, params: Arrays, cache: Array, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return self.delta(dy, cache), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (3, 2, 2)), Example(cls(), (5,), batch=3)]


@dataclass(frozen=True, kw_only=True)
class Identity(Activation, kind="identity"):
    """a = z; f' = 1. The linear unit of seeds 001 and 003."""

    def f(self, z: Array) -> Array:
        return z

    def delta(self, da: Array, a: Array) -> Array:
        return da


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation, kind="sigmoid"):
    """a = 1 / (1 + e^-z); f' = a (1 - a). Never overflows."""

    def f(self, z: Array) -> Array:
        return stable.sigmoid(z)

    def delta(self, da: Array, a: Array) -> Array:
        return da * (a * (1 - a))


@dataclass(frozen=True, kw_only=True)
class Tanh(Activation, kind="tanh"):
    """a = tanh z; f' = 1 - a²."""

    def f(self, z: Array) -> Array:
        return np.tanh(z)

    def delta(self, da: Array, a: Array) -> Array:
        return da * (1 - a * a)


@dataclass(frozen=True, kw_only=True)
class Relu(Activation, kind="relu"):
    """a = max(z, 0); f' = 1 for z > 0, else 0 (also at 0). Nair & Hinton 2010."""

    def f(self, z: Array) -> Array:
        return np.maximum(z, 0)

    def delta(self, da: Array, a: Array) -> Array:
        return da * (a > 0)


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation, kind="leaky_relu"):
    """a = z for z > 0, else slope·z; f' = 1 or slope (slope at 0). Maas et al. 2013.

    Option: ``slope`` >= 0, default 0.01.
    """

    slope: NonNegative = 0.01

    def f(self, z: Array) -> Array:
        return np.where(z > 0, z, z * self.slope)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array]:
        return self.f(x), x  # the sign of a is lost when slope is 0, that of z is not

    def delta(self, da: Array, a: Array) -> Array:
        return np.where(a > 0, da, da * self.slope)


@dataclass(frozen=True, kw_only=True)
class Softmax(Activation, kind="softmax"):
    """a_k = e^(z_k) / Σ_j e^(z_j) over channels or units; δ_k = a_k (∂C/∂a_k - Σ_j a_j ∂C/∂a_j).

    For classification leave it out: the loss ``cross_entropy`` takes logits and contains it.
    """

    def f(self, z: Array) -> Array:
        return stable.softmax(z)

    def delta(self, da: Array, a: Array) -> Array:
        return a * (da - (a * da).sum(axis=0, keepdims=True))

    def flops(self, in_shape: Shape) -> int:
        return 5 * super().flops(in_shape)
