"""Lion: every entry moves by the same amount, in the direction given by a momentum's sign."""

from dataclasses import dataclass

import numpy as np

from cnntrain.native.update import Rule
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer, kind="lion"):
    """W ← W - η sign(β₁ m + (1-β₁) g); then m ← β₂ m + (1-β₂) g.

    Options: ``lr`` (a third to a tenth of Adam's), ``beta1``, ``beta2``, ``weight_decay``.
    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.
    """

    lr: Positive = 0.0001
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99

    def active_slots(self) -> tuple[str, ...]:
        return ("mean",)

    def rule(self) -> tuple[str, ...]:
        return (
            rf"\Delta W = -\eta \operatorname{{sign}}({self.beta1:g} m + {1 - self.beta1:g} g)",
            rf"m \leftarrow {self.beta2:g} m + {1 - self.beta2:g} g",
        )

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        mean = state["mean"]
        direction = np.sign(self.beta1 * mean + (1 - self.beta1) * dW)
        mean *= self.beta2
        mean += (1 - self.beta2) * dW
        return direction * -lr

    def compiled(self, lr: float, step: int) -> Rule:
        return "lion", (-lr, self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2)
