"""Small synthetic problems, to watch a network learn or fail."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source
from cnntrain.ops.draws import normal, uniform
from cnntrain.ops.exact import cos, sin
from cnntrain.rng import Purpose, stream
from cnntrain.types import NonNegative, Shape

MOST_SAMPLES = 1_000_000


def xor(n: int, noise: float, rng: np.random.Generator) -> Split:
    """Class 1 if the two coordinates, near ±1, have different signs."""
    corners = rng.integers(0, 2, (n, 2))
    x = 2.0 * corners - 1 + noise * normal(rng, (n, 2))
    return Split(x, corners[:, 0] ^ corners[:, 1])


def spirals(n: int, noise: float, rng: np.random.Generator) -> Split:
    """Two interleaved spiral arms of one and a half turns; the class is the arm."""
    arm = rng.integers(0, 2, n)
    t = np.sqrt(rng.random(n))  # the root distributes the points evenly along the arm
    angle = 3 * math.pi * t + math.pi * arm
    x = (t * np.array([cos(angle), sin(angle)])).T
    return Split(x + 0.2 * noise * normal(rng, (n, 2)), arm)


def sine(n: int, noise: float, rng: np.random.Generator) -> Split:
    """Regression of y = sin(πx) + noise for x in [-1, 1]."""
    x = uniform(rng, -1, 1, (n, 1))
    return Split(x, sin(math.pi * x) + noise * normal(rng, (n, 1)))


DRAW: dict[str, Callable[[int, float, np.random.Generator], Split]] = {
    "xor": xor,
    "spirals": spirals,
    "sine": sine,
}
SAMPLE_SHAPE: dict[str, Shape] = {"xor": (2,), "spirals": (2,), "sine": (1,)}
CLASSES = {"xor": ("equal", "different"), "spirals": ("first arm", "second arm"), "sine": None}


@dataclass(frozen=True, kw_only=True)
class Synthetic(Source, kind="synthetic"):
    """Samples drawn from a formula.

    Options: ``problem`` (xor, spirals: two classes in the plane; sine: regression), ``n`` and
    ``n_test`` samples, ``noise`` (standard deviation). Drawn from the config's seed.
    """

    problem: Literal["xor", "spirals", "sine"]
    n: Annotated[int, Ge(1), Le(MOST_SAMPLES)] = 400
    n_test: Annotated[int, Ge(1), Le(MOST_SAMPLES)] = 200
    noise: NonNegative = 0.1

    def sample_shape(self, find: Find) -> Shape:
        return SAMPLE_SHAPE[self.problem]

    def load(self, find: Find, seed: int) -> Dataset:
        train, test = (
            DRAW[self.problem](n, self.noise, stream(seed, Purpose.SYNTHETIC, split))
            for split, n in enumerate((self.n, self.n_test))
        )
        return Dataset(train, test, CLASSES[self.problem])
