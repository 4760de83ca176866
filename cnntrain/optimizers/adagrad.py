"""Adagrad: the larger an entry's past gradients, the smaller its steps."""

from dataclasses import dataclass

import numpy as np

from cnntrain.native.update import Rule
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer, kind="adagrad"):
    """G ← G + g²; W ← W - η g / (√G + ε).

    Option: ``epsilon`` ε. Source: Duchi, Hazan & Singer 2011, the diagonal variant; ε outside the
    root, as in PyTorch, whose G starts at 0 too.
    """

    epsilon: Positive = 1e-10

    def active_slots(self) -> tuple[str, ...]:
        return ("squares",)

    def rule(self) -> tuple[str, ...]:
        return (
            r"G \leftarrow G + g^2",
            rf"\Delta W = -\eta \frac{{g}}{{\sqrt{{G}} + {self.epsilon:g}}}",
        )

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        state["squares"] += dW * dW
        return dW / (np.sqrt(state["squares"]) + self.epsilon) * -lr

    def compiled(self, lr: float, step: int) -> Rule:
        return "adagrad", (-lr, 0.0, 0.0, self.epsilon)
