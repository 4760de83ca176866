"""The optimizer interface: an update rule for one array, with its state in named slots."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from cnntrain.native.update import Rule
from cnntrain.registry import Registered
from cnntrain.types import Array, NonNegative, Params, Positive


@dataclass(frozen=True, kw_only=True)
class Optimizer(Registered, family="optimizer"):
    """W ← W + change(∂C/∂W). ``lr`` is η, the learning rate before the schedule.

    ``weight_decay``: decoupled, W ← W - η·weight_decay·W besides the update; for weights only.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("change",)

    lr: Positive = 0.01
    weight_decay: NonNegative = 0.0

    def active_slots(self) -> tuple[str, ...]:
        """Names of the optimizer state arrays, each shaped like W and starting at 0."""
        return ()

    def rule(self) -> tuple[str, ...]:
        """The formulas of ``change`` in LaTeX, with option values filled in; g is ∂C/∂W."""
        raise NotImplementedError

    def change(self, dW: Array, state: Params, lr: float, step: int) -> Array:
        """ΔW for gradient dW at ``step`` (from 0); updates ``state`` in place."""
        raise NotImplementedError

    @classmethod
    @cache
    def has_own_rule(cls) -> bool:
        """Whether the compiled rule is that of this ``change``, not of one that it overrides."""
        compiles, changes = (
            next(k for k, base in enumerate(cls.__mro__) if name in vars(base))
            for name in ("compiled", "change")
        )
        return compiles <= changes

    def compiled(self, lr: float, step: int) -> Rule | None:
        """The compiled rule that does the same as ``change``, and its constants; None: NumPy."""
        return None
