"""Batch normalization, with statistics of the whole mini-batch, however it is split into shards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cnntrain.layers.activations import Relu
from cnntrain.layers.base import Context, Example, Param, ParametricLayer, Steps, WholeBatchLayer
from cnntrain.layers.initializers import Constant, Zeros
from cnntrain.native import batch_norm as compiled
from cnntrain.native import twinned
from cnntrain.ops.stable import positive_part
from cnntrain.ops.sums import divided, exact_sums, mean_in_two, row_dots, row_sums
from cnntrain.types import Array, Arrays, Fraction, Params, Positive, Shape


class Moments(NamedTuple):
    """Mean and variance of each channel or unit, over all samples and positions of the batch."""

    mean: Array
    variance: Array  # biased: Σ (x - mean)² / m
    m: float


class Standard(NamedTuple):
    """What makes x̂ of x: the mean, in two parts of the precision of x, and 1/σ; each (C, 1)."""

    near: Array
    rest: Array
    inverse: Array

    def of(self, x: Array) -> Array:
        """x̂ = (x - mean)/σ."""
        x_hat: Array = ((x - self.near) - self.rest) * self.inverse
        return x_hat


def per_channel(array: Array) -> Array:
    """(C, H, W, N) or (J, N) -> (C, everything else)."""
    return array.reshape(len(array), -1)


@twinned(compiled.deviations)
def deviations(squares: Array, m: float, epsilon: float, dtype: np.dtype) -> tuple[Array, Array]:
    """(variance, 1/σ), σ = √(variance + ε)."""
    variance: Array = (squares / m).astype(dtype)
    return variance, 1 / np.sqrt(variance + dtype.type(epsilon))


@twinned(compiled.running_average)
def running_average(average: Array, found: Array, keep: float, factor: float = 1.0) -> Array:
    """keep · average + (1 - keep) · (factor · found)."""
    return keep * average + (1 - keep) * (found * factor)


@twinned(compiled.squares_around)
def squares_around(x: Array, near: Array, rest: Array) -> Array:
    """Σ (x - mean)², (C, 1) in float64: a second pass, accurate even for means far from 0."""
    around = (x - near) - rest
    return row_dots(around, around)[:, None]


@twinned(compiled.batch_norm_forward)
def batch_norm_forward(
    x: Array, standard: Standard, gamma: Array, beta: Array,
    relu: bool = False, other: Array | None = None,
) -> Array:  # fmt: skip
    """y = γ x̂ + β, or y + other, or the positive part of either. What is kept is x, not x̂: these
    maps are large, and each pass counts."""
    y = standard.of(x)
    y *= gamma
    y += beta
    if other is not None:
        y += other
    return positive_part(y) if relu else y


class Coming(NamedTuple):
    """What δ = ∂C/∂y of the normalization is made of: (dy + more) [a > 0]."""

    dy: Array
    more: Array | None = None
    a: Array | None = None  # of a ReLU behind a sum
    is_own: bool = False  # whether compiled kernels may write over ``dy``


@twinned(compiled.batch_norm_sums)
def batch_norm_sums(
    coming: Coming, x: Array, standard: Standard, affine: tuple[Array, Array], relu: bool = False
) -> tuple[Array, Array, Array]:
    """(δ, Σ δ, Σ δ x̂): also ∂C/∂β and ∂C/∂γ, (C, 1) in float64; with a ReLU behind, the sums are
    of what comes through it."""
    delta = coming.dy if coming.more is None else coming.dy + coming.more
    if coming.a is not None:
        delta = Relu().delta(delta, coming.a)
    through = _through_relu(delta, standard.of(x), *affine) if relu else delta
    return delta, row_sums(through)[:, None], row_dots(through, standard.of(x))[:, None]


@twinned(compiled.batch_norm_dx)
def batch_norm_dx(
    dy: Array, x: Array, standard: Standard, affine: tuple[Array, Array],
    means: tuple[Array, Array], relu: bool = False, in_place: bool = False,
) -> Array:  # fmt: skip
    """∂C/∂x = γ/σ (dy - mean(dy) - x̂ mean(dy x̂)), the means over the whole batch, affine (γ, β).
    ``in_place``: whether compiled kernels write it over ``dy``."""
    dx = standard.of(x)
    if relu:
        dy = _through_relu(dy, dx, *affine)
    mean_dy, mean_dy_x_hat = means
    dx *= -mean_dy_x_hat
    dx += dy
    dx -= mean_dy
    dx *= affine[0] * standard.inverse
    return dx


def _through_relu(da: Array, x_hat: Array, gamma: Array, beta: Array) -> Array:
    """∂C/∂y from ∂C/∂max(y, 0)."""
    delta: Array = da * (gamma * x_hat + beta > 0)
    return delta


class Cache(NamedTuple):
    """Values that the backward pass needs; ``moments`` is None in evaluation."""

    x: Array
    standard: Standard
    moments: Moments | None
    a: Array | None = None  # of a ReLU behind a sum


@dataclass(frozen=True, kw_only=True)
class BatchNorm(ParametricLayer, WholeBatchLayer, kind="batch_norm"):
    """y = γ (x - mean) / √(variance + ε) + β, per channel or unit.

    Any shape -> the same; gamma (C, 1) ones, beta (C, 1) zeros; running statistics mean (C, 1)
    zeros and variance (C, 1) ones. In training, mean and (biased) variance are those of the whole
    mini-batch, over samples and positions; running ← momentum·running + (1 - momentum)·batch, the
    running variance from the unbiased one (m - 1), as in PyTorch. Evaluation uses the running
    statistics instead. Options: ``momentum`` (0.9; PyTorch's 0.1 is 1 - 0.9), ``epsilon``,
    and ``init``, ``trainable``, ``lr_mult``, ``decay_mult`` for gamma and beta.
    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """

    formula: ClassVar[str] = (
        r"y = \gamma \hat{x} + \beta, \; \hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}"
    )
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\frac{\partial C}{\partial x} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} (\delta - "
            r"\operatorname{mean}(\delta) - \hat{x} \operatorname{mean}(\delta \hat{x}))"
        ),
        "gamma": r"\frac{\partial C}{\partial \gamma} = \sum \delta \hat{x}",
        "beta": r"\frac{\partial C}{\partial \beta} = \sum \delta",
    }

    momentum: Fraction = 0.9
    epsilon: Positive = 1e-5

    arithmetic: ClassVar[tuple[str, ...]] = ("_forward", "_backward")
    letters: ClassVar[tuple[str, ...]] = ("gamma", "beta")
    overwrites_dy: ClassVar[bool] = True
    new_dx: ClassVar[bool] = True
    relu: ClassVar[bool] = False  # whether max(y, 0) is worked out in the same pass

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def params(self, in_shape: Shape) -> dict[str, Param]:
        shape = (in_shape[0], 1)
        ones, zeros = Constant(value=1.0), Zeros()
        learned = {"gamma": Param(shape, 1, 1, ones), "beta": Param(shape, 1, 1, zeros)}
        running = {"mean": zeros, "variance": ones}
        return self.tuned(learned) | {
            letter: Param(shape, 1, 1, init, trainable=False, is_buffer=True)
            for letter, init in running.items()
        }

    def forward_steps(self, params: Arrays, x: Any, ctx: Context) -> Steps[tuple[Array, Cache]]:
        return self._forward(params, x, ctx, self.relu)

    def _forward(
        self, params: Arrays, x: Array, ctx: Context, relu: bool, other: Array | None = None
    ) -> Steps[tuple[Array, Cache]]:
        flat, beside = per_channel(x), None if other is None else per_channel(other)
        if ctx.training:
            standard, moments = yield from _of_batch(flat, self.epsilon)
        else:
            standard, moments = _running(params, self.epsilon), None
        affine = (params["gamma"], params["beta"])
        y = batch_norm_forward(flat, standard, *affine, relu, beside)
        return y.reshape(x.shape), Cache(flat, standard, moments)

    def backward_steps(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        (dx, _), grads = yield from self._backward(params, cache, (dy, None))
        return dx, grads

    def backward_in_place(
        self, params: Arrays, cache: Cache, dy: tuple[Array, Array | None], need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        (dx, _), grads = yield from self._backward(params, cache, dy, is_own=True)
        return dx, grads

    def _backward(
        self,
        params: Arrays,
        cache: Cache,
        parts: tuple[Array, Array | None],
        is_own: bool = False,
    ) -> Steps[tuple[tuple[Array, Array], Params]]:
        """∂C/∂x and δ; ``is_own``: δ may take the memory of the first part, and ∂C/∂x that of δ,
        unless δ is the gradient of another input too."""
        dy, more = parts
        x, standard, moments, a = cache
        dtype, affine = dy.dtype, (params["gamma"], params["beta"])
        more, a = (None if part is None else per_channel(part) for part in (more, a))
        coming = Coming(per_channel(dy), more, a, is_own)
        flat, d_beta, d_gamma = batch_norm_sums(coming, x, standard, affine, self.relu)
        grads = {"gamma": divided(d_gamma, 1, dtype), "beta": divided(d_beta, 1, dtype)}
        delta = flat.reshape(dy.shape)
        if moments is None:
            if self.relu:
                flat = _through_relu(flat, standard.of(x), *affine)
            return ((affine[0] * standard.inverse * flat).reshape(dy.shape), delta), grads
        totals = yield {"beta": d_beta, "gamma": d_gamma}
        mean_dy, mean_dy_x_hat = (
            divided(totals[key], moments.m, dtype) for key in ("beta", "gamma")
        )
        means, in_place = (mean_dy, mean_dy_x_hat), is_own and not self.joins
        dx = batch_norm_dx(flat, x, standard, affine, means, relu=self.relu, in_place=in_place)
        return (dx.reshape(dy.shape), delta), grads

    def buffers(self, params: Arrays, cache: Cache) -> Params:
        if cache.moments is None:
            return {}
        mean, variance, m = cache.moments
        unbiased = m / max(m - 1, 1)
        return {
            "mean": running_average(params["mean"], mean, self.momentum),
            "variance": running_average(params["variance"], variance, self.momentum, unbiased),
        }

    def flops(self, in_shape: Shape) -> int:
        return 8 * super().flops(in_shape)

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (3,), batch=5), Example(cls(momentum=0.5), (2, 3, 2), batch=3)]


class BatchNormRelu(BatchNorm):
    """Batch normalization and the ReLU behind it in one pass over a map (``network/fuse.py``)."""

    relu: ClassVar[bool] = True


class BatchNormAdd(BatchNorm):
    """y + other of inputs (x, other), as at the end of a residual block (``network/fuse.py``)."""

    joins: ClassVar[bool] = True
    new_dx: ClassVar[bool] = False  # δ, which is that of ``other`` too, may be dy itself
    relu_of_sum: ClassVar[bool] = False

    def forward_steps(self, params: Arrays, x: Any, ctx: Context) -> Steps[tuple[Array, Cache]]:
        y, cache = yield from self._forward(params, x[0], ctx, self.relu_of_sum, x[1])
        return y, cache._replace(a=y if self.relu_of_sum else None)

    def backward_steps(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        return self._backward(params, cache, (dy, None))

    def backward_in_place(
        self, params: Arrays, cache: Cache, dy: tuple[Array, Array | None], need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        return self._backward(params, cache, dy, is_own=True)

    def flops(self, in_shape: Any) -> int:
        return super().flops(in_shape[0])

    def out_shape(self, in_shape: Any) -> Shape:
        return super().out_shape(in_shape[0])


class BatchNormAddRelu(BatchNormAdd):
    """max(y + other, 0)."""

    new_dx: ClassVar[bool] = True
    relu_of_sum: ClassVar[bool] = True


def _of_batch(x: Array, epsilon: float) -> Steps[tuple[Standard, Moments]]:
    """What standardizes the whole batch, in two passes: accurate even for means far from 0."""
    count = np.array(x.shape[1], dtype=np.float64)
    first = yield {"m": count, "sum": exact_sums(x[..., None])[..., 0]}
    m = float(first["m"])
    near, rest = mean_in_two(first["sum"], m, x.dtype)
    second = yield {"squares": squares_around(x, near, rest)}
    variance, inverse = deviations(second["squares"], m, epsilon, x.dtype)
    return Standard(near, rest, inverse), Moments(near, variance, m)


def _running(params: Arrays, epsilon: float) -> Standard:
    """What standardizes in evaluation: the running statistics."""
    mean, variance = params["mean"], params["variance"]
    return Standard(mean, np.zeros_like(mean), 1 / np.sqrt(variance + mean.dtype.type(epsilon)))
