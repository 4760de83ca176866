"""RMSProp: each gradient entry divided by its running root mean square."""

from dataclasses import dataclass

import numpy as np

from cnntrain.native.update import Rule
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Rmsprop(Optimizer, kind="rmsprop"):
    """E ← ρ E + (1-ρ) g²; W ← W - η g / (√E + ε), or / √(E + ε).

    Options: ``rho`` ρ; ``epsilon`` ε; ``centered``: V ← ρ V + ρ (1-ρ) (g - m)², a running variance,
    replaces E, then m ← ρ m + (1-ρ) g (V is the E - m² of Graves 2013, eq. 38-41, but cannot fall
    below 0: West 1979, "Updating mean and variance estimates"); ``momentum`` μ: v ← μ v + the
    quotient, W ← W - η v; ``epsilon_inside``, whether ε is inside the root (as in
    TensorFlow) or outside (default, as in PyTorch).
    Source: Tieleman & Hinton 2012, lecture 6.5.
    """

    rho: Fraction = 0.99
    epsilon: Positive = 1e-8
    epsilon_inside: bool = False
    centered: bool = False
    momentum: Fraction = 0.0

    def active_slots(self) -> tuple[str, ...]:
        squares = ("variances", "means") if self.centered else ("squares",)
        velocity = ("velocity",) if self.momentum else ()
        return (*squares, *velocity)

    def rule(self) -> tuple[str, ...]:
        rho, rest, epsilon = f"{self.rho:g}", f"{1 - self.rho:g}", f"{self.epsilon:g}"
        square = "V" if self.centered else "E"
        running = (
            (
                rf"V \leftarrow {rho} V + {rho} \cdot {rest} (g - m)^2",
                rf"m \leftarrow {rho} m + {rest} g",
            )
            if self.centered
            else (rf"E \leftarrow {rho} E + {rest} g^2",)
        )
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
        return (*running, *steps)

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        squares = self._variance(dW, state) if self.centered else self._squares(dW, state)
        quotient = dW / self._root(squares)
        if not self.momentum:
            return quotient * -lr
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity += quotient
        return velocity * -lr

    def compiled(self, lr: float, step: int) -> Rule:
        name = "centered" if self.centered else "rmsprop"
        rho, rest = self.rho, 1 - self.rho
        constants = (-lr, rho, rest, self.epsilon, rho * rest, self.momentum)
        return f"{name}_inside" if self.epsilon_inside else name, constants

    def _squares(self, dW: Array, state: Params) -> Array:
        squares = state["squares"]
        squares *= self.rho
        squares += (1 - self.rho) * (dW * dW)
        return squares

    def _variance(self, dW: Array, state: Params) -> Array:
        variances, means = state["variances"], state["means"]
        apart = dW - means
        variances *= self.rho
        variances += self.rho * (1 - self.rho) * (apart * apart)
        means += (1 - self.rho) * apart
        return variances

    def _root(self, squares: Array) -> Array:
        if self.epsilon_inside:
            return np.sqrt(squares + self.epsilon)
        return np.sqrt(squares) + self.epsilon
