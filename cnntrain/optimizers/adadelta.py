"""Adadelta: step sizes derived from past steps and past gradients."""

from dataclasses import dataclass

import numpy as np

from cnntrain.native.update import Rule
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Adadelta(Optimizer, kind="adadelta"):
    """E ← ρ E + (1-ρ) g²; d = √(D + ε) / √(E + ε) · g; D ← ρ D + (1-ρ) d²; W ← W - η d.

    Options: ``lr`` η (1 in the paper), ``rho`` ρ, ``epsilon`` ε inside both roots.
    Source: Zeiler 2012, algorithm 1.
    """

    lr: Positive = 1.0
    rho: Fraction = 0.9
    epsilon: Positive = 1e-6

    def active_slots(self) -> tuple[str, ...]:
        return ("squares", "steps")

    def rule(self) -> tuple[str, ...]:
        rho, epsilon = f"{self.rho:g}", f"{self.epsilon:g}"
        rest = f"{1 - self.rho:g}"
        return (
            rf"E \leftarrow {rho} E + {rest} g^2",
            rf"d = g \frac{{\sqrt{{D + {epsilon}}}}}{{\sqrt{{E + {epsilon}}}}}",
            rf"D \leftarrow {rho} D + {rest} d^2",
            r"\Delta W = -\eta d",
        )

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        squares, steps = state["squares"], state["steps"]
        squares *= self.rho
        squares += (1 - self.rho) * (dW * dW)
        d = np.sqrt((steps + self.epsilon) / (squares + self.epsilon)) * dW
        steps *= self.rho
        steps += (1 - self.rho) * (d * d)
        return d * -lr

    def compiled(self, lr: float, step: int) -> Rule:
        return "adadelta", (-lr, self.rho, 1 - self.rho, self.epsilon)
