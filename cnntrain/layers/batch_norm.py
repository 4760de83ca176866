"""Batch normalization, with statistics of the whole mini-batch, however it is split into shards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from cnntrain.layers.base import Context, Example, Param, ParametricLayer, Steps, WholeBatchLayer
from cnntrain.layers.initializers import Constant, Zeros
from cnntrain.native import batch_norm as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import centered, exact_sums, row_dots, row_sums
from cnntrain.types import Array, Arrays, Fraction, Params, Positive, Shape


class Moments(NamedTuple):
    """Mean and variance of each channel or unit, over all samples and positions of the batch."""

    mean: Array
    variance: Array  # biased: Σ (x - mean)² / m
    m: float


def per_channel(array: Array) -> Array:
    """(C, H, W, N) or (J, N) -> (C, everything else)."""
    return array.reshape(len(array), -1)


@twinned(compiled.batch_norm_forward)
def batch_norm_forward(
    around: Array, gamma: Array, beta: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, x̂, 1/σ): x̂ = (x - mean)/σ, σ = √(variance + ε), y = γ x̂ + β. Takes ``around``, the
    (C, M) array x - mean, over for x̂: these maps are large, and each pass over them counts."""
    inverse = 1 / np.sqrt(variance + around.dtype.type(epsilon))  # (C, 1)
    x_hat = np.multiply(around, inverse, out=around)
    y = gamma * x_hat
    y += beta
    return y, x_hat, inverse


def batch_norm_sums(dy: Array, x_hat: Array) -> tuple[Array, Array]:
    """(Σ dy, Σ dy x̂): ∂C/∂β and ∂C/∂γ, (C, 1) in float64."""
    return row_sums(dy)[:, None], row_dots(dy, x_hat)[:, None]


@twinned(compiled.batch_norm_dx)
def batch_norm_dx(
    dy: Array, x_hat: Array, scale: Array, mean_dy: Array, mean_dy_x_hat: Array
) -> Array:
    """∂C/∂x = γ/σ (dy - mean(dy) - x̂ mean(dy x̂)), the means over the whole batch."""
    dx = x_hat * -mean_dy_x_hat
    dx += dy
    dx -= mean_dy
    dx *= scale
    return dx


class Cache(NamedTuple):
    """Values that the backward pass needs; ``moments`` is None in evaluation."""

    x_hat: Array
    inverse: Array
    moments: Moments | None


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

    letters: ClassVar[tuple[str, ...]] = ("gamma", "beta")

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

    def forward_steps(self, params: Arrays, x: Array, ctx: Context) -> Steps[tuple[Array, Cache]]:
        flat = per_channel(x)
        if ctx.training:
            around, moments = yield from _batch_moments(flat)
            variance = moments.variance
        else:
            around, moments, variance = flat - params["mean"], None, params["variance"]
        y, x_hat, inverse = batch_norm_forward(
            around, params["gamma"], params["beta"], variance, self.epsilon
        )
        return y.reshape(x.shape), Cache(x_hat, inverse, moments)

    def backward_steps(
        self, params: Arrays, cache: Cache, dy: Array, need_dx: bool = True
    ) -> Steps[tuple[Array | None, Params]]:
        flat, scale = per_channel(dy), params["gamma"] * cache.inverse
        d_beta, d_gamma = batch_norm_sums(flat, cache.x_hat)
        grads = {"gamma": d_gamma.astype(dy.dtype), "beta": d_beta.astype(dy.dtype)}
        if cache.moments is None:
            return (scale * flat).reshape(dy.shape), grads
        totals = yield {"beta": d_beta, "gamma": d_gamma}
        mean_dy, mean_dy_x_hat = (
            (totals[letter] / cache.moments.m).astype(dy.dtype) for letter in ("beta", "gamma")
        )
        dx = batch_norm_dx(flat, cache.x_hat, scale, mean_dy, mean_dy_x_hat)
        return dx.reshape(dy.shape), grads

    def buffers(self, params: Arrays, cache: Cache) -> Params:
        if cache.moments is None:
            return {}
        mean, variance, m = cache.moments
        unbiased = variance * (m / max(m - 1, 1))
        return {
            letter: self.momentum * params[letter] + (1 - self.momentum) * batch
            for letter, batch in (("mean", mean), ("variance", unbiased))
        }

    def flops(self, in_shape: Shape) -> int:
        return 8 * super().flops(in_shape)

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (3,), batch=5), Example(cls(momentum=0.5), (2, 3, 2), batch=3)]


def _batch_moments(x: Array) -> Steps[tuple[Array, Moments]]:
    """(x - mean, moments) of the whole batch, in two passes: accurate even for means far from 0."""
    count = np.array(x.shape[1], dtype=np.float64)
    first = yield {"m": count, "sum": exact_sums(x[..., None])[..., 0]}
    m = float(first["m"])
    mean = first["sum"] / m  # (C, 1)
    around = centered(x, mean)
    second = yield {"squares": row_dots(around, around)[:, None]}
    variance = second["squares"] / m
    return around, Moments(mean.astype(x.dtype), variance.astype(x.dtype), m)
