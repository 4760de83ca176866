"""Initializers: (shape, fan_in, fan_out, generator) -> array.

fan_in and fan_out are the numbers of connections: J and K for a dense layer, C*KH*KW and F*KH*KW
for a convolution.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge

from cnntrain.errors import ShapeError
from cnntrain.ops.draws import normal, uniform
from cnntrain.registry import Registered
from cnntrain.types import Array, NonNegative, Positive, Shape


class Initializer(Registered, family="initializer"):
    """Base of all initializers; ``init: {W: he_normal}`` in a layer's options."""

    arithmetic: ClassVar[tuple[str, ...]] = ("draw",)

    @classmethod
    def expand_choice(cls, value: Any) -> Any:
        """A number or a nested list is short for ``literal``."""
        if isinstance(value, int | float | tuple) and not isinstance(value, bool):
            return {"literal": {"values": value}}
        return super().expand_choice(value)

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """A float64 array of ``shape``, which the network casts to its own precision."""
        raise NotImplementedError


def _scaled_normal(shape: Shape, variance: float, rng: np.random.Generator) -> Array:
    return normal(rng, shape) * math.sqrt(variance)


def _scaled_uniform(shape: Shape, variance: float, rng: np.random.Generator) -> Array:
    limit = math.sqrt(3.0 * variance)  # U(-a, a) has variance a²/3
    return uniform(rng, -limit, limit, shape)


@dataclass(frozen=True, kw_only=True)
class HeNormal(Initializer, kind="he_normal"):
    """N(0, 2/fan_in), not truncated. He et al. 2015, eq. 10. Intended for ReLU."""

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
    """N(mean, std²). Options: ``mean``, ``std``, the standard deviation."""

    mean: float = 0.0
    std: NonNegative = 0.01

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return self.mean + self.std * normal(rng, shape)


@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer, kind="uniform"):
    """U(-limit, limit). Option: ``limit``."""

    limit: Positive = 0.05

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return uniform(rng, -self.limit, self.limit, shape)


@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer, kind="zeros"):
    """All zeros."""

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer, kind="constant"):
    """All ``value``. With a constant W, the units of a hidden layer never become different."""

    value: float

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True, kw_only=True)
class Literal(Initializer, kind="literal"):
    """The values given in the config, as a nested list with the shape of the array.

    Option: ``values``. A single number fills the array; axes of length 1 may be omitted (``b`` is
    a plain list).
    """

    values: Any

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        values = self._array()
        if values.ndim == 0:
            return np.full(shape, values)
        if np.squeeze(values).shape != tuple(size for size in shape if size != 1):
            raise ShapeError(f"literal values have shape {values.shape}; the array has {shape}")
        return values.reshape(shape)

    def _array(self) -> Array:
        problem = ShapeError("literal values must be numbers in a regular nested list")
        try:
            values = np.asarray(self.values)
        except ValueError:
            raise problem from None
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise problem
        return values.astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Initializer, kind="truncated_normal"):
    """N(mean, std²), redrawn where it is more than ``limit`` standard deviations from the mean.

    Options: ``mean``, ``std``, ``limit``.
    """

    mean: float = 0.0
    std: NonNegative = 0.01
    limit: Annotated[float, Ge(0.1)] = 2.0  # smaller limits would reject nearly every draw

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        drawn = normal(rng, shape)
        while (outside := np.abs(drawn) > self.limit).any():
            drawn[outside] = normal(rng, np.count_nonzero(outside))
        return self.mean + self.std * drawn


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Initializer, kind="orthogonal"):
    """Orthonormal rows (or columns, if there are fewer columns than rows), times ``gain``.

    A filter counts as one row. Source: Saxe, McClelland & Ganguli 2014, section 3; from the QR
    decomposition of a normal matrix with a positive diagonal of R, as in Mezzadri 2007.
    """

    gain: Positive = 1.0

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        rows, columns = shape[0], math.prod(shape[1:])
        short, long = sorted((rows, columns))
        q = orthonormal_rows(normal(rng, (long, short)).T)
        return self.gain * (q.T if rows >= columns else q).reshape(shape)


def orthonormal_rows(a: Array) -> Array:
    """The rows made orthogonal to those before them, and of length 1: modified Gram-Schmidt.

    LAPACK is faster, but its bits depend on the CPU. Sums along a row have one order.
    """
    q = np.array(a, order="C")
    for k, row in enumerate(q):
        row /= np.sqrt((row * row).sum())
        rest = q[k + 1 :]
        rest -= (rest * row).sum(axis=1, keepdims=True) * row
    return q


@dataclass(frozen=True, kw_only=True)
class Identity(Initializer, kind="identity"):
    """Unit k passes on input k: ``gain`` on the diagonal, 0 elsewhere; for kernels, at the centre.

    Filter k of a convolution passes on channel k mod C, so that every filter of a depth-wise
    convolution passes on its own channel.
    """

    gain: float = 1.0

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        drawn = np.zeros(shape)
        middle = tuple(size // 2 for size in shape[2:])
        units = 0 if len(shape) < 2 else shape[0] if middle else min(shape)
        for k in range(units):
            drawn[(k, k % shape[1], *middle)] = self.gain
        return drawn


@dataclass(frozen=True, kw_only=True)
class Bilinear(Initializer, kind="bilinear"):
    """The kernel of bilinear interpolation, for upsampling by ``conv_transpose2d``; as in Caffe.

    Weight (i, j) is (1 - |i/f - c|) (1 - |j/f - c|) with f = ceil(K/2), c = (2f - 1 - f mod 2)/2f,
    in kernel (k, k mod second axis) of every k; all other kernels are 0.
    """

    def draw(self, shape: Shape, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        if len(shape) != 4:
            raise ShapeError(f"bilinear is for kernels, not for an array of shape {shape}")
        drawn = np.zeros(shape)
        kernel = np.multiply.outer(*(_triangle(size) for size in shape[2:]))
        for k in range(shape[0]):
            drawn[k, k % shape[1]] = kernel
        return drawn


def _triangle(size: int) -> Array:
    half = math.ceil(size / 2)
    center = (2 * half - 1 - half % 2) / (2 * half)
    return 1 - np.abs(np.arange(size) / half - center)
