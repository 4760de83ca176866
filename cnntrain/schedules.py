"""Schedules: the factor on the learning rate, a pure function of the step number.

Steps count from 0. A warm-up stands in front of any schedule; what follows counts its steps from
the end of the warm-up.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from cnntrain.errors import ConfigError
from cnntrain.registry import Registered
from cnntrain.types import NonNegative, Positive


@dataclass(frozen=True)
class Clock:
    """How long the training is, in steps."""

    steps_per_epoch: int
    total_steps: int


@dataclass(frozen=True, kw_only=True)
class Schedule(Registered, family="schedule"):
    """η(step) = lr · factor(step). ``warmup_epochs``: linear warm-up from 0, in epochs."""

    warmup_epochs: NonNegative = 0.0

    sees_end: ClassVar[bool] = False  # whether the factor depends on the length of the training

    def warmup_steps(self, clock: Clock) -> int:
        return round(self.warmup_epochs * clock.steps_per_epoch)

    def check(self, clock: Clock) -> None:
        """Raise ``ConfigError`` if the training ends before the warm-up does."""
        warmup = self.warmup_steps(clock)
        if warmup and warmup >= clock.total_steps:
            raise ConfigError(
                f"schedule: the warm-up takes {warmup} steps, but training ends after "
                f"{clock.total_steps}; shorten 'warmup_epochs' or train longer"
            )

    def factor(self, step: int, clock: Clock) -> float:
        """The factor on lr in ``step``."""
        warmup = self.warmup_steps(clock)
        return (step + 1) / warmup if step < warmup else self.decay(step - warmup, warmup, clock)

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        """The factor ``step`` steps after the warm-up."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule, kind="constant"):
    """1."""

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Step(Schedule, kind="step"):
    """gamma^floor(step / every). Options: ``every_epochs``, ``gamma``."""

    every_epochs: Positive
    gamma: Positive = 0.1

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return float(self.gamma ** math.floor(step / (self.every_epochs * clock.steps_per_epoch)))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule, kind="cosine"):
    """final + (1 - final)·½(1 + cos(π·step/steps)), over the steps left after the warm-up.

    Option: ``final``, the factor at the end, default 0. Source: Loshchilov & Hutter 2017, eq. 5,
    without restarts.
    """

    final: NonNegative = 0.0

    sees_end: ClassVar[bool] = True

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        share = step / max(1, clock.total_steps - warmup)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
