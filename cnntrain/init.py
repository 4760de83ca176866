"""Initialisers: (shape, fan_in, fan_out, generator) -> array.

fan_in and fan_out count the connections of one unit: J and K for a dense layer, C*KH*KW and
F*KH*KW for a convolution.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.registry import Registered
from cnntrain.types import Array, NonNegative, Positive, Shape


class Initializer(Registered, family="initialiser"):
    """Base of the family; ``init: {W: he_normal}`` in a layer's options."""

    @classmethod
    def expand_choice(cls, value: Any) -> Any:
        """A number or a nested list stands for the literal values."""
        if isinstance(value, int | float | tuple) and not isinstance(value, bool):
            return {"literal": {"values": value}}
        return super().expand_choice(value)

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """A float64 array of ``shape``; the network casts it to its own precision."""
        raise NotImplementedError


def _scaled_normal(shape: Shape, variance: float, rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape) * math.sqrt(variance)


def _scaled_uniform(shape: Shape, variance: float, rng: np.random.Generator) -> Array:
    limit = math.sqrt(3.0 * variance)  # U(-a, a) has variance a²/3
    return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True, kw_only=True)
class HeNormal(Initializer, kind="he_normal"):
    """N(0, 2/fan_in), not truncated. He et al. 2015, eq. 10. Made for ReLU."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_normal(shape, 2.0 / fan_in, rng)


@dataclass(frozen=True, kw_only=True)
class HeUniform(Initializer, kind="he_uniform"):
    """U(-a, a) with a = sqrt(6/fan_in): the variance of He et al. 2015, eq. 10."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_uniform(shape, 2.0 / fan_in, rng)


@dataclass(frozen=True, kw_only=True)
class GlorotNormal(Initializer, kind="glorot_normal"):
    """N(0, 2/(fan_in + fan_out)), not truncated. Glorot & Bengio 2010, eq. 12."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_normal(shape, 2.0 / (fan_in + fan_out), rng)


@dataclass(frozen=True, kw_only=True)
class GlorotUniform(Initializer, kind="glorot_uniform"):
    """U(-a, a) with a = sqrt(6/(fan_in + fan_out)). Glorot & Bengio 2010, eq. 16."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_uniform(shape, 2.0 / (fan_in + fan_out), rng)


@dataclass(frozen=True, kw_only=True)
class LecunNormal(Initializer, kind="lecun_normal"):
    """N(0, 1/fan_in), not truncated. LeCun et al. 1998, "Efficient BackProp", eq. 16."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_normal(shape, 1.0 / fan_in, rng)


@dataclass(frozen=True, kw_only=True)
class LecunUniform(Initializer, kind="lecun_uniform"):
    """U(-a, a) with a = sqrt(3/fan_in). LeCun et al. 1998; Caffe's "xavier"."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return _scaled_uniform(shape, 1.0 / fan_in, rng)


@dataclass(frozen=True, kw_only=True)
class Normal(Initializer, kind="normal"):
    """N(mean, std²)."""

    mean: float = 0.0
    std: NonNegative = 0.01

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.normal(self.mean, self.std, shape)


@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer, kind="uniform"):
    """U(-limit, limit)."""

    limit: Positive = 0.05

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer, kind="zeros"):
    """All 0."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer, kind="constant"):
    """All ``value``. For the W of a hidden layer this keeps its units equal for ever (seed 001)."""

    value: float

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True, kw_only=True)
class Literal(Initializer, kind="literal"):
    """The values written in the config: a nested list of the array's shape.

    One number fills the array; axes of length 1 may be left out (``b`` is a plain list).
    """

    values: Any

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        try:
            values = np.asarray(self.values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ShapeError("literal values must be numbers in a regular nested list") from None
        if values.ndim == 0:
            return np.full(shape, values)
        if np.squeeze(values).shape != tuple(size for size in shape if size != 1):
            raise ShapeError(f"literal values have shape {values.shape}; the array has {shape}")
        return values.reshape(shape)
