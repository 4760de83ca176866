"""Adam and its variants: momentum divided by a running root mean square, both bias-corrected.

All use ε outside the root, after the bias correction: m̂ / (√v̂ + ε), the formula of algorithm 1
of Kingma & Ba 2015 (not the "epsilon hat" of its section 2), as in PyTorch.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from cnntrain.native.update import Rule
from cnntrain.ops.exact import exp, log, power
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, NonNegative, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer, kind="adam"):
    """m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; W ← W - η m̂ / (√v̂ + ε).

    m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ), t counts updates from 1. Options: ``lr``, ``beta1``, ``beta2``,
    ``epsilon``. Source: Kingma & Ba 2015, algorithm 1.
    """

    compiled_rule: ClassVar[str] = "adam"

    lr: Positive = 0.001
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8

    def active_slots(self) -> tuple[str, ...]:
        return ("mean", "square")

    def rule(self) -> tuple[str, ...]:
        return (
            rf"m \leftarrow {self.beta1:g} m + {1 - self.beta1:g} g",
            rf"v \leftarrow {self.beta2:g} v + {1 - self.beta2:g} g^2",
            *self._corrected(),
            rf"\Delta W = -\eta \frac{{\hat{{m}}}}{{\sqrt{{\hat{{v}}}} + {self.epsilon:g}}}",
        )

    def _corrected(self) -> tuple[str, ...]:
        """m̂ and v̂, in LaTeX."""
        return (
            rf"\hat{{m}} = \frac{{m}}{{1 - {self.beta1:g}^t}}",
            rf"\hat{{v}} = \frac{{v}}{{1 - {self.beta2:g}^t}}",
        )

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        mean, square = self._moments(dW, state)
        correction = math.sqrt(1 - power(self.beta2, step + 1))
        root = np.sqrt(self._bound(square, state))
        root += self.epsilon * correction  # √v̂ + ε, both scaled by the correction: saves a pass
        change = self._numerator(mean, dW, step, -lr * correction)
        change /= root
        return change

    def _moments(self, dW: Array, state: Params) -> tuple[Array, Array]:
        mean, square = state["mean"], state["square"]
        mean *= self.beta1
        mean += (1 - self.beta1) * dW
        dW_squared = dW * dW
        dW_squared *= 1 - self.beta2
        square *= self.beta2
        square += dW_squared
        return mean, square

    def _bound(self, square: Array, state: Params) -> Array:  # state is used by amsgrad
        return square

    def _numerator(self, mean: Array, dW: Array, step: int, factor: float) -> Array:
        """factor · m̂; dW is used by nadam."""
        return mean * self._factors(factor, step)[0]

    def compiled(self, lr: float, step: int) -> Rule:
        correction = math.sqrt(1 - power(self.beta2, step + 1))
        of_mean, of_gradient = self._factors(-lr * correction, step)
        moments = (self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2)
        return self.compiled_rule, (of_mean, *moments, self.epsilon * correction, of_gradient)

    def _factors(self, factor: float, step: int) -> tuple[float, float]:
        """Of m and of g in factor · m̂."""
        return factor / (1 - power(self.beta1, step + 1)), 0.0


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam, kind="adamw"):
    """Adam with decoupled weight decay by default: an additional W ← W - η·weight_decay·W.

    Applies to weights, not to biases. Source: Loshchilov & Hutter 2019, algorithm 2, with the
    learning rate as a factor of the decay, as in PyTorch.
    """

    weight_decay: NonNegative = 0.01


@dataclass(frozen=True, kw_only=True)
class Amsgrad(Adam, kind="amsgrad"):
    """Adam with u ← max(u, v) instead of v, so that step sizes never grow.

    Source: Reddi, Kale & Kumar 2018, algorithm 2; with bias correction of u, as in PyTorch.
    """

    compiled_rule: ClassVar[str] = "amsgrad"

    def _corrected(self) -> tuple[str, ...]:
        mean, square = super()._corrected()
        return (mean, r"u \leftarrow \max(u, v)", square.replace("{v}{", "{u}{"))

    def active_slots(self) -> tuple[str, ...]:
        return ("mean", "square", "largest_square")

    def _bound(self, square: Array, state: Params) -> Array:
        return np.maximum(state["largest_square"], square, out=state["largest_square"])


@dataclass(frozen=True, kw_only=True)
class Nadam(Adam, kind="nadam"):
    """Adam with Nesterov momentum: m̂ = μ' m / (1 - Π' μ) + (1 - μ) g / (1 - Π μ).

    μ = μ_t and μ' = μ_{t+1} with μ_t = β₁ (1 - ½·0.96^(t·momentum_decay)); Π μ is the product up to
    t, Π' μ up to t+1.
    Option: ``momentum_decay``. Source: Dozat 2016, as implemented in PyTorch.
    """

    compiled_rule: ClassVar[str] = "nadam"

    lr: Positive = 0.002
    momentum_decay: Positive = 0.004

    def _corrected(self) -> tuple[str, ...]:
        mean = (
            rf"\mu_t = {self.beta1:g} (1 - \frac{{1}}{{2}} 0.96^{{{self.momentum_decay:g} t}})",
            r"\hat{m} = \frac{\mu_{t+1} m}{1 - \prod_{i \le t+1} \mu_i}"
            r" + \frac{(1 - \mu_t) g}{1 - \prod_{i \le t} \mu_i}",
        )
        return (*mean, super()._corrected()[1])

    def _numerator(self, mean: Array, dW: Array, step: int, factor: float) -> Array:
        of_mean, of_gradient = self._factors(factor, step)
        ahead = mean * of_mean
        ahead += dW * of_gradient
        return ahead

    def _factors(self, factor: float, step: int) -> tuple[float, float]:
        mu, mu_next, product = momentum_schedule(self.beta1, self.momentum_decay, step + 1)
        return factor * mu_next / (1 - product * mu_next), factor * (1 - mu) / (1 - product)


@lru_cache(maxsize=2)
def momentum_schedule(beta1: float, decay: float, t: int) -> tuple[float, float, float]:
    """(μ_t, μ_{t+1}, Π_{i≤t} μ_i)."""
    mus = beta1 * (1 - 0.5 * exp(np.arange(1, t + 2) * (decay * log(0.96))))
    return float(mus[-2]), float(mus[-1]), float(np.prod(mus[:-1]))
