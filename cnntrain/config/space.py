"""``--set lr=log(1e-4,1e-1)``: ranges and choices of keys, from which the trials of a sweep draw.

    log(a, b)       between a and b, every power of ten as likely as the next
    uniform(a, b)   between a and b
    int(a, b)       whole numbers from a to b
    choice(x, ...)  one of these values, of any type

A third number, ``log(1e-4, 1e-1, 4)``, is the count of points of a grid.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.config.document import parse_value
from cnntrain.config.read import inline
from cnntrain.errors import ConfigError
from cnntrain.registry import did_you_mean
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array

RANGE = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
KINDS = ("log", "uniform", "int", "choice")
DIGITS = 4  # of drawn numbers, so that they can be read and typed again
MOST_POINTS = 10_000  # of a grid


@dataclass(frozen=True)
class Dimension:
    """The values of one key: a range of numbers from ``low`` to ``high``, or ``values``.

    ``points``: how many of a range a grid takes; None if that was not said.
    """

    key: str
    kind: str
    text: str
    low: float = 0.0
    high: float = 0.0
    points: int | None = None
    values: tuple[Any, ...] = ()

    def at(self, share: float) -> Any:
        """The value below which lies this share, 0..1, of all values."""
        if self.kind == "choice":
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        if self.kind == "int":
            return int(min(self.low + math.floor(share * (self.high - self.low + 1)), self.high))
        if self.kind == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """With so many digits as can be read; inside the range."""
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def grid(self) -> list[Any]:
        """All values that a grid takes, in order."""
        if self.kind == "choice":
            return list(self.values)
        if self.kind == "int" and self.points is None:
            return list(range(int(self.low), int(self.high) + 1))
        if self.points is None:
            raise ConfigError(
                f"--set {self.key}={self.text}: a grid needs to know how many points of this "
                f"range; write {self.kind}({self.low:g},{self.high:g},4), or use choice(...)"
            )
        shares = np.linspace(0, 1, self.points)
        return list(dict.fromkeys(self.at(share) for share in shares))

    def holds(self, value: Any) -> bool:
        """Whether a trial can have had this value."""
        if self.kind == "choice":
            return value in self.values
        kinds = (int,) if self.kind == "int" else (int, float)
        return type(value) in kinds and self.low <= value <= self.high

    def extremes(self) -> Sequence[Any]:
        """Values of which each must be allowed for all to be."""
        return self.values or (self.at(0.0), self.at(1.0))


Values = dict[str, Any]


def split_settings(settings: Sequence[str]) -> tuple[list[str], list[Dimension]]:
    """(settings that are the same in every trial, the dimensions); ``ConfigError`` if none is."""
    fixed, space = [], []
    for setting in settings:
        key, _, text = setting.partition("=")
        if (found := RANGE.fullmatch(text.strip())) is None:
            fixed.append(setting)
        else:
            space.append(_dimension(key, text.strip(), found[1], found[2]))
    if not space:
        raise ConfigError("nothing to vary; give a range, such as --set 'lr=log(1e-4,1e-1)'")
    twice = [a.key for a, b in itertools.combinations(space, 2) if a.key == b.key]
    if twice:
        raise ConfigError(f"--set {twice[0]}: this key has two ranges; remove one")
    return fixed, space


def _dimension(key: str, text: str, kind: str, inside: str) -> Dimension:
    where = f"--set {key}={text}"
    if not key:
        raise ConfigError(f"{where}: write it as key=range, such as lr=log(1e-4,1e-1)")
    if kind not in KINDS:
        raise ConfigError(f"{where}: unknown range {kind!r}{did_you_mean(kind, KINDS)}")
    given: Any = parse_value(f"[{inside}]", where)
    if kind == "choice":
        if not given:
            raise ConfigError(f"{where}: name at least one value, such as choice(16,32)")
        return Dimension(key, kind, text, values=tuple(given))
    low, high, points = _range(where, kind, given)
    return Dimension(key, kind, text, low, high, points)


def _range(where: str, kind: str, given: Sequence[Any]) -> tuple[float, float, int | None]:
    """(low, high, points of a grid), if they make sense."""
    numbers = [v for v in given if type(v) in (int, float) and math.isfinite(v)]
    if len(numbers) != len(given) or len(given) not in (2, 3):
        raise ConfigError(f"{where}: write two numbers, such as {kind}(1,10)")
    low, high, *rest = numbers
    if low >= high:
        raise ConfigError(f"{where}: {low:g} is not less than {high:g}")
    if kind == "log" and low <= 0:
        raise ConfigError(f"{where}: log needs numbers above 0")
    if kind == "int" and not all(type(v) is int for v in (low, high)):
        raise ConfigError(f"{where}: int needs whole numbers")
    if rest and not (type(rest[0]) is int and 2 <= rest[0] <= MOST_POINTS):
        raise ConfigError(f"{where}: the third number counts the points of a grid; write 2 or more")
    return low, high, rest[0] if rest else None


def drawn(space: Sequence[Dimension], seed: int, trial: int) -> Values:
    """The values of one trial of a random search: a function of the seed and of its number."""
    shares: Array = np.array(
        [stream(seed, Purpose.SWEEP, trial, k).random() for k in range(len(space))]
    )
    return {dim.key: dim.at(share) for dim, share in zip(space, shares.tolist(), strict=True)}


def grid(space: Sequence[Dimension]) -> list[Values]:
    """All combinations; the last key varies fastest."""
    axes = [dim.grid() for dim in space]
    count = math.prod(map(len, axes))
    if count > MOST_POINTS:
        raise ConfigError(f"the grid has {count:,} points; the most are {MOST_POINTS:,}")
    keys = [dim.key for dim in space]
    return [dict(zip(keys, point, strict=True)) for point in itertools.product(*axes)]


def probes(space: Sequence[Dimension]) -> Iterator[Values]:
    """A few combinations in which every extreme value occurs, to be checked before any trial."""
    usual = {dim.key: dim.extremes()[0] for dim in space}
    yield usual
    for dim in space:
        for value in dim.extremes()[1:]:
            yield {**usual, dim.key: value}


def as_settings(values: Values) -> list[str]:
    """The values as ``--set`` takes them."""
    return [f"{key}={inline(value)}" for key, value in values.items()]
