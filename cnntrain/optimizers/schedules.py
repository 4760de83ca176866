"""Schedules: the factor on the learning rate, a pure function of the step number.

Steps count from 0. A warm-up may precede any schedule, which then counts its steps from the end of
the warm-up. Durations are in epochs or steps, as their names say.

The position of a step is computed with integers and fractions: in floating point 0.07 epochs of 100
steps are 7.000000000000001, and a restart may come a step late.
"""

import fractions
import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from cnntrain.errors import ConfigError
from cnntrain.ops.exact import exp, power, sin
from cnntrain.registry import Registered
from cnntrain.types import Count, Fraction, NonNegative, Positive

SMALL_DENOMINATOR = 1_000_000


@lru_cache(maxsize=1024)
def rational(x: float) -> fractions.Fraction:
    """The fraction that x was written as: 0.07 is 7/100, and 1.6666666666666667 is 5/3.

    That is the simplest one with x as its nearest float, or else the decimal number.
    """
    simple = fractions.Fraction(x).limit_denominator(SMALL_DENOMINATOR)
    return simple if float(simple) == x else fractions.Fraction(str(float(x)))


@dataclass(frozen=True)
class Clock:
    """The length of the training in steps, and how often a plateau has lowered the rate so far."""

    steps_per_epoch: int
    total_steps: int
    drops: int = 0


@dataclass(frozen=True, kw_only=True)
class Schedule(Registered, family="schedule"):
    """η(step) = lr · factor(step).

    ``warmup_epochs``: length of the warm-up; ``warmup``: ``linear`` from 0, or ``exponential``
    from ``warmup_start`` times the full rate.
    """

    warmup_epochs: NonNegative = 0.0
    warmup: Literal["linear", "exponential"] = "linear"
    warmup_start: Positive = 0.01

    arithmetic: ClassVar[tuple[str, ...]] = ("decay",)
    sees_end: ClassVar[bool] = False  # whether the factor depends on the length of the training

    def warmup_steps(self, clock: Clock) -> int:
        if not self.warmup_epochs:
            return 0
        return round(rational(self.warmup_epochs) * clock.steps_per_epoch)

    def check(self, clock: Clock) -> None:
        """Raise ``ConfigError`` if the training ends before the warm-up does."""
        warmup = self.warmup_steps(clock)
        if warmup and warmup >= clock.total_steps:
            raise ConfigError(
                f"the warm-up takes {warmup} steps, but training ends after "
                f"{clock.total_steps}; shorten 'warmup_epochs' or train longer",
                ("schedule",),
            )

    def factor(self, step: int, clock: Clock) -> float:
        """The factor on lr in ``step``."""
        warmup = self.warmup_steps(clock)
        if step >= warmup:
            return self.decay(step - warmup, warmup, clock)
        share = (step + 1) / warmup
        return share if self.warmup == "linear" else power(self.warmup_start, 1 - share)

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        """The factor ``step`` steps after the warm-up, which took ``warmup`` steps."""
        raise NotImplementedError

    def curve(self, clock: Clock) -> str:
        """``decay`` in LaTeX with its values, as a function of t, the steps since the warm-up."""
        raise NotImplementedError

    def warmup_curve(self, clock: Clock) -> str:
        """The factor during the warm-up, in LaTeX; "" if there is none."""
        steps = self.warmup_steps(clock)
        share = rf"\frac{{t + 1}}{{{steps}}}"
        if not steps or self.warmup == "linear":
            return share if steps else ""
        return rf"{self.warmup_start:g}^{{1 - {share}}}"

    def drops_after(self, stale_epochs: int, drops: int) -> int:
        """The number of drops so far, if the best epoch is ``stale_epochs`` epochs ago."""
        return drops


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule, kind="constant"):
    """The factor 1 at every step."""

    def curve(self, clock: Clock) -> str:
        return "1"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Step(Schedule, kind="step"):
    """gamma^floor(step / every). Options: ``every_epochs`` or ``every_steps``; ``gamma``.

    Caffe's "step" with ``every_steps``.
    """

    every_epochs: Positive | None = None
    every_steps: Count | None = None
    gamma: Positive = 0.1

    def __post_init__(self) -> None:
        if (self.every_epochs is None) == (self.every_steps is None):
            raise ValueError("give 'every_epochs' or 'every_steps'")

    def curve(self, clock: Clock) -> str:
        every = self.every_steps or (self.every_epochs or 1) * clock.steps_per_epoch
        return rf"{self.gamma:g}^{{\lfloor t / {every:g} \rfloor}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        every = self.every_steps or rational(self.every_epochs or 1) * clock.steps_per_epoch
        return power(self.gamma, step // every)


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule, kind="multistep"):
    """gamma^(number of milestones passed). Options: ``at_epochs`` or ``at_steps``; ``gamma``."""

    at_epochs: tuple[Positive, ...] = ()
    at_steps: tuple[Count, ...] = ()
    gamma: Positive = 0.1

    def __post_init__(self) -> None:
        if bool(self.at_epochs) == bool(self.at_steps):
            raise ValueError("give 'at_epochs' or 'at_steps'")

    def curve(self, clock: Clock) -> str:
        steps = self.at_steps or [epoch * clock.steps_per_epoch for epoch in self.at_epochs]
        passed = ", ".join(f"{step:g}" for step in steps)
        return rf"{self.gamma:g}^{{\text{{how many of {passed} are}} \;\le\; t}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        epochs = (rational(epoch) for epoch in self.at_epochs)
        steps = self.at_steps or [epoch * clock.steps_per_epoch for epoch in epochs]
        return power(self.gamma, sum(step >= milestone for milestone in steps))


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule, kind="exponential"):
    """gamma^epochs, updated in every step. Option: ``gamma``, the factor per epoch."""

    gamma: Positive = 0.95

    def curve(self, clock: Clock) -> str:
        return rf"{self.gamma:g}^{{t / {clock.steps_per_epoch}}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return power(self.gamma, step / clock.steps_per_epoch)


@dataclass(frozen=True, kw_only=True)
class Inv(Schedule, kind="inv"):
    """(1 + gamma·step)^-power, Caffe's "inv"; LeNet: gamma 1e-4, power 0.75.

    Options: ``gamma``, ``power``; steps since the warm-up.
    """

    gamma: Positive = 1e-4
    power: Positive = 0.75

    def curve(self, clock: Clock) -> str:
        return rf"(1 + {self.gamma:g} t)^{{-{self.power:g}}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return power(1 + self.gamma * step, -self.power)


@dataclass(frozen=True, kw_only=True)
class Poly(Schedule, kind="poly"):
    """(1 - step/steps)^power, over the steps left after the warm-up; Caffe's "poly".

    Option: ``power``.
    """

    power: Positive = 1.0

    sees_end: ClassVar[bool] = True

    def curve(self, clock: Clock) -> str:
        return rf"(1 - \frac{{t}}{{{_rest(self, clock)}}})^{{{self.power:g}}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return power(_left(step, warmup, clock), self.power)


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Schedule, kind="sigmoid"):
    """1 / (1 + e^(-gamma·(step - center_steps))), Caffe's "sigmoid"; falls if gamma is negative.

    Options: ``gamma``, per step; ``center_steps``, the step at which the factor is ½.
    """

    gamma: float
    center_steps: Count

    def curve(self, clock: Clock) -> str:
        return rf"\frac{{1}}{{1 + e^{{{-self.gamma:g} (t - {self.center_steps})}}}}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        x = self.gamma * (step - self.center_steps)
        e = float(exp(-abs(x)))
        return (1 if x >= 0 else e) / (1 + e)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule, kind="cosine"):
    """final + (1 - final)·½(1 + cos(π·share)), share = fraction of the steps after the warm-up.

    ``final``: the factor at the end. ``restarts``: number of warm restarts, each cycle ``stretch``
    times as long as the previous one. Source: Loshchilov & Hutter 2017, eq. 5.
    """

    final: NonNegative = 0.0
    restarts: Annotated[int, Ge(0), Le(1000)] = 0
    stretch: Positive = 1.0

    sees_end: ClassVar[bool] = True

    def curve(self, clock: Clock) -> str:
        wave = rf"\frac{{1}}{{2}} (1 + \cos(\pi \frac{{t}}{{{_rest(self, clock)}}}))"
        if self.restarts:
            wave = r"\frac{1}{2} (1 + \cos(\pi \cdot \text{share of the cycle}))"
            wave += (
                rf" \;\text{{in {self.restarts + 1} cycles, each {self.stretch:g} times the last}}"
            )
        return f"{self.final:g} + {1 - self.final:g} \\cdot {wave}" if self.final else wave

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        left = self._left_of_cycle(step, max(1, clock.total_steps - warmup))
        return self.final + (1 - self.final) * half_wave(left)

    def _left_of_cycle(self, step: int, rest: int) -> float:
        """Which share of its cycle is left at ``step`` of ``rest``."""
        ends = cycle_ends(self.restarts, self.stretch)
        at = step * ends[-1]  # in units of which ``rest`` make one of those of ``ends``
        cycle = min(bisect_right(ends, at // rest), self.restarts)
        length = ends[cycle] - (ends[cycle - 1] if cycle else 0)
        return max(0.0, (ends[cycle] * rest - at) / (length * rest))


@lru_cache(maxsize=8)
def cycle_ends(restarts: int, stretch: float) -> tuple[int, ...]:
    """Where the cycles end, in units that make all of them whole numbers.

    With stretch = p/q and r restarts the lengths are pᵏ qʳ⁻ᵏ.
    """
    p, q = rational(stretch).as_integer_ratio()
    return tuple(accumulate(p**k * q ** (restarts - k) for k in range(restarts + 1)))


def half_wave(x: float) -> float:
    """½ (1 - cos(π x)), which rises from 0 to 1 with x, as sin²(½π x): exact also near 0."""
    sine = float(sin(0.5 * math.pi * x))
    return sine * sine


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule, kind="one_cycle"):
    """From 1/start up to 1, reached after the fraction ``peak``, then down to 1/(start·end).

    Both phases follow a cosine. Options: ``peak``, ``start``, ``end``. Source: Smith & Topin 2018,
    in the two-phase form with the defaults of PyTorch.
    """

    peak: Fraction = 0.3
    start: Positive = 25.0
    end: Positive = 1e4

    sees_end: ClassVar[bool] = True

    def curve(self, clock: Clock) -> str:
        top = self.peak * _rest(self, clock)
        return (
            rf"\text{{from {1 / self.start:g} up to 1 at}} \; t = {top:g}, \;\text{{then down to "
            rf"{1 / (self.start * self.end):g} at}} \; t = {_rest(self, clock)}, "
            r"\;\text{by cosines}"
        )

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        share = _share(step, warmup, clock)
        low, floor = 1 / self.start, 1 / (self.start * self.end)
        if share < self.peak:
            return low + (1 - low) * half_wave(share / self.peak)
        left = _left(step, warmup, clock) / (1 - self.peak)
        return floor + (1 - floor) * half_wave(min(1.0, left))


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule, kind="plateau"):
    """gamma^drops: lowered after every ``patience_epochs`` epochs without improvement.

    The metric is the one named by ``train.monitor``. The count restarts after each improvement and
    each drop. Options: ``gamma``, the factor per drop; ``least``, a lower bound of the factor;
    ``patience_epochs``.
    """

    gamma: Positive = 0.1
    least: NonNegative = 0.0
    patience_epochs: Count = 10

    def curve(self, clock: Clock) -> str:
        factor = rf"{self.gamma:g}^{{\text{{drops}}}}"
        return rf"\max({self.least:g}, {factor})" if self.least else factor

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        return max(self.least, power(self.gamma, clock.drops))

    def drops_after(self, stale_epochs: int, drops: int) -> int:
        return drops + (stale_epochs > 0 and stale_epochs % self.patience_epochs == 0)


@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear(Schedule, kind="piecewise_linear"):
    """Linear interpolation between ``points`` [epoch, factor]; constant before and after them."""

    points: tuple[tuple[NonNegative, NonNegative], ...]

    def __post_init__(self) -> None:
        epochs = [epoch for epoch, _ in self.points]
        if not epochs or epochs != sorted(set(epochs)):
            raise ValueError("'points' must be [epoch, factor] pairs in order of increasing epoch")

    def curve(self, clock: Clock) -> str:
        points = ", ".join(
            f"({epoch * clock.steps_per_epoch:g}, {factor:g})" for epoch, factor in self.points
        )
        return rf"\text{{straight lines between (t, factor) =}} \; {points}"

    def decay(self, step: int, warmup: int, clock: Clock) -> float:
        epoch = fractions.Fraction(step, clock.steps_per_epoch)
        points = [(rational(x), y) for x, y in self.points]
        before = [point for point in points if point[0] <= epoch]
        after = [point for point in points if point[0] > epoch]
        if not before or not after:
            return (before or after)[-1 if before else 0][1]
        (x0, y0), (x1, y1) = before[-1], after[0]
        return y0 * float((x1 - epoch) / (x1 - x0)) + y1 * float((epoch - x0) / (x1 - x0))


def _rest(schedule: Schedule, clock: Clock) -> int:
    """The steps left after the warm-up."""
    return max(1, clock.total_steps - schedule.warmup_steps(clock))


def _share(step: int, warmup: int, clock: Clock) -> float:
    """The fraction of the steps after the warm-up that is done, in [0, 1]."""
    return min(1.0, step / max(1, clock.total_steps - warmup))


def _left(step: int, warmup: int, clock: Clock) -> float:
    """Which share of them is left: 1 - ``_share``, but exact also near 0."""
    rest = max(1, clock.total_steps - warmup)
    return max(0, rest - step) / rest
