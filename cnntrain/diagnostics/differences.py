"""Analytic derivatives against central differences, in float64.

    ∂C/∂w ≈ (C(w + h) - C(w - h)) / 2h

Small arrays are checked entry by entry, large ones at sampled entries and along random directions.
At a kink of C (ReLU at 0, a tie in a max-pool) there is no derivative, and closer to one than the
smallest step no quotient shows it: such a point is recognized by left and right slopes whose gap
shrinks less than h does, and is counted separately, provided that the analytic value lies among
them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.types import Array, Shape

ALL_ENTRIES_UP_TO = 100
SAMPLED_ENTRIES = 40
DIRECTIONS = 4
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # tried until one agrees; a nearby kink spoils large ones
DEFAULT_TOLERANCE = 1e-5
FLOOR = 1e-4  # derivatives below this are compared absolutely, as if they were this large


@dataclass(frozen=True)
class Verdict:
    """The result of checking one array."""

    name: str
    shape: Shape
    checked: int  # entries and directions
    kinks: int  # those of them without a derivative
    error: float  # the largest relative error of the others
    ok: bool


Cost = Callable[[], float]


def check_array(
    name: str,
    w: Array,
    dw: Array,
    cost: Cost,
    rng: np.random.Generator,
    tolerance: float,
    entries: int = SAMPLED_ENTRIES,
) -> Verdict:
    """Compare dw with the numerical derivative of ``cost``, which reads ``w`` at every call.

    ``entries``: number of entries of a large array that are compared individually.
    """
    if dw.shape != w.shape or not np.isfinite(dw).all():
        return Verdict(name, w.shape, checked=0, kinks=0, error=float("inf"), ok=False)
    found = [
        compare(w, direction, float(np.sum(dw * direction)), cost, tolerance)
        for direction in _directions(w, rng, entries)
    ]
    smooth = [derivative for derivative in found if not derivative.is_kink]
    ok = bool(smooth) and all(derivative.ok for derivative in smooth)
    worst = max((derivative.error for derivative in smooth), default=float("inf"))
    return Verdict(name, w.shape, len(found), len(found) - len(smooth), worst, ok)


def _directions(w: Array, rng: np.random.Generator, sampled: int) -> Iterator[Array]:
    """Unit vectors: all axes of a small array; some axes and some random ones of a large array."""
    small = w.size <= ALL_ENTRIES_UP_TO
    entries = range(w.size) if small else rng.choice(w.size, sampled, replace=False)
    for entry in entries:
        direction = np.zeros(w.size)
        direction[entry] = 1.0
        yield direction.reshape(w.shape)
    for _ in range(0 if small else DIRECTIONS):
        direction = rng.standard_normal(w.shape)
        yield direction / np.linalg.norm(direction)


@dataclass(frozen=True)
class Derivative:
    """One directional derivative: its relative error, whether that is acceptable, or a kink."""

    error: float
    ok: bool
    is_kink: bool = False


def compare(
    w: Array, direction: Array, analytic: float, cost: Cost, tolerance: float
) -> Derivative:
    """The analytic derivative against the numerical one, for the step with the best agreement."""
    slopes, errors, excused = [], [], False
    for h in STEPS:
        left, right, noise = one_sided_slopes(w, direction, h, cost)
        central = (left + right) / 2
        scale = max(abs(analytic), abs(central), FLOOR)
        errors.append(abs(analytic - central) / scale)
        if errors[-1] <= tolerance:
            return Derivative(errors[-1], ok=True)
        excused = excused or errors[-1] <= tolerance + noise / scale
        slopes.append((left, right, noise))
    is_kink = not excused and _is_kink(slopes, analytic, tolerance)
    return Derivative(min(errors), ok=excused, is_kink=is_kink)


def one_sided_slopes(
    w: Array, direction: Array, h: float, cost: Cost
) -> tuple[float, float, float]:
    """((C(w) - C(w - h))/h, (C(w + h) - C(w))/h, bound on their rounding error)."""
    original = w.copy()
    here = cost()
    w += h * direction
    ahead = cost()
    w[...] = original - h * direction
    behind = cost()
    w[...] = original
    noise = 8 * np.finfo(np.float64).eps * max(abs(here), abs(ahead), abs(behind)) / h
    return (here - behind) / h, (ahead - here) / h, noise


def _is_kink(
    slopes: Sequence[tuple[float, float, float]], analytic: float, tolerance: float
) -> bool:
    """Whether a kink lies within the smallest step: the slopes differ there, by more than
    curvature explains, and the analytic value is among those of the two smallest steps."""
    left, right, noise = slopes[-1]
    slack = noise + tolerance * max(abs(left), abs(right), FLOOR)
    near = [slope for left, right, _ in slopes[-2:] for slope in (left, right)]
    is_among = min(near) - slack <= analytic <= max(near) + slack
    return is_among and abs(right - left) > slack and _is_bent(slopes)


def _is_bent(slopes: Sequence[tuple[float, float, float]]) -> bool:
    """Whether the gap is ever twice what it would be by curvature, which makes it shrink with h.

    One step is not enough: of a kink at the distance d, a step little larger than d shows little.
    """
    gaps = [abs(right - left) for left, right, _ in slopes]
    return any(
        gap - noise > 2 * gaps[0] * h / STEPS[0]
        for gap, (_, _, noise), h in zip(gaps, slopes, STEPS, strict=True)
    )
