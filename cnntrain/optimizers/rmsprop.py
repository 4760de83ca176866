"""RMSProp: each gradient entry divided by its running root mean square."""

from dataclasses import dataclass

import numpy as np

from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Rmsprop(Optimizer, kind="rmsprop"):
    """E ← ρ E + (1-ρ) g²; W ← W - η g / (√E + ε), or / √(E + ε).

    Options: ``rho`` ρ; ``epsilon`` ε; ``centered``: m ← ρ m + (1-ρ) g, and E - m² replaces E (a
    running variance; Graves 2013, eq. 38-41); ``momentum`` μ: v ← μ v + the quotient, W ← W - η v;
    ``epsilon_inside``, whether ε is inside the root (as in TensorFlow) or outside (default, as in
    PyTorch).
    Source: Tieleman & Hinton 2012, lecture 6.5.
    """

    rho: Fraction = 0.99
    epsilon: Positive = 1e-8
    epsilon_inside: bool = False
    centered: bool = False
    momentum: Fraction = 0.0

    def active_slots(self) -> tuple[str, ...]:
        means = ("means",) if self.centered else ()
        velocity = ("velocity",) if self.momentum else ()
        return ("squares", *means, *velocity)

    def rule(self) -> tuple[str, ...]:
        rho, rest, epsilon = f"{self.rho:g}", f"{1 - self.rho:g}", f"{self.epsilon:g}"
        means = (rf"m \leftarrow {rho} m + {rest} g",) if self.centered else ()
        square = "E - m^2" if self.centered else "E"
        root = (
            rf"\sqrt{{{square} + {epsilon}}}"
            if self.epsilon_inside
            else rf"\sqrt{{{square}}} + {epsilon}"
        )
        quotient = rf"\frac{{g}}{{{root}}}"
        steps = (
            (rf"v \leftarrow {self.momentum:g} v + {quotient}", r"\Delta W = -\eta v")
            if self.momentum
            else (rf"\Delta W = -\eta {quotient}",)
        )
        return (rf"E \leftarrow {rho} E + {rest} g^2", *means, *steps)

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        squares = state["squares"]
        squares *= self.rho
        squares += (1 - self.rho) * (dW * dW)
        variance = squares - self._squared_mean(dW, state) if self.centered else squares
        quotient = dW / self._root(variance)
        if not self.momentum:
            return quotient * -lr
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity += quotient
        return velocity * -lr

    def _squared_mean(self, dW: Array, state: Params) -> Array:
        means = state["means"]
        means *= self.rho
        means += (1 - self.rho) * dW
        return means * means

    def _root(self, variance: Array) -> Array:
        if self.epsilon_inside:
            return np.sqrt(variance + self.epsilon)
        return np.sqrt(variance) + self.epsilon
