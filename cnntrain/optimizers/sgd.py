"""Gradient descent, optionally with momentum."""

from dataclasses import dataclass

from cnntrain.native.update import Rule
from cnntrain.optimizers.base import Optimizer
from cnntrain.types import Array, Fraction, Params


@dataclass(frozen=True, kw_only=True)
class Sgd(Optimizer, kind="sgd"):
    """W ← W - η ∂C/∂W; with momentum μ: v ← μ v + ∂C/∂W, W ← W - η v.

    With ``nesterov``: W ← W - η (∂C/∂W + μ v). Options: ``lr`` η > 0, ``momentum`` μ in [0, 1),
    ``nesterov``. Variant: η is not part of v (Sutskever et al. 2013 as implemented in PyTorch;
    Caffe includes η in v, which differs only when η changes).
    """

    momentum: Fraction = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum > 0, for example 0.9")

    def active_slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def rule(self) -> tuple[str, ...]:
        if not self.momentum:
            return (r"\Delta W = -\eta g",)
        ahead = f"(g + {self.momentum:g} v)" if self.nesterov else "v"
        return (rf"v \leftarrow {self.momentum:g} v + g", rf"\Delta W = -\eta {ahead}")

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        if not self.momentum:
            return dW * -lr
        v = state["velocity"]
        v *= self.momentum
        v += dW
        if self.nesterov:
            return (dW + self.momentum * v) * -lr
        return v * -lr

    def compiled(self, lr: float, step: int) -> Rule:
        name = "nesterov" if self.nesterov else "momentum" if self.momentum else "sgd"
        return name, (-lr, self.momentum)
