"""The layers in NumPy with samples first: what an exported ``model.py`` is made of.

Each function is copied into that file as it stands here, with those that it calls, so it may use
nothing but NumPy, ``math`` and functions above it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any
Pads = tuple[int, int, int, int]
Pair = tuple[int, int]


def dense(x: Array, W: Array, b: Array = 0.0) -> Array:
    """Every unit is connected to every input: (N, J) -> (N, K)."""
    return x @ W.T + b


def padded(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """x (N, C, H, W) with rows above and below and columns left and right of it."""
    top, bottom, left, right = pads
    border = ((0, 0), (0, 0), (top, bottom), (left, right))
    return np.pad(x, border, constant_values=value)


def mirrored(x: Array, pads: Pads, mode: str) -> Array:
    """x (N, C, H, W) with its nearest values (``edge``) or mirrored (``reflect``) around it."""
    top, bottom, left, right = pads
    border = ((0, 0), (0, 0), (top, bottom), (left, right))
    return np.pad(x, border, mode)  # type: ignore[call-overload]


def windows(x: Array, size: Pair, stride: Pair, dilation: Pair) -> Array:
    """All windows of the maps: (N, C, H, W) -> (N, C, OH, OW, KH, KW)."""
    span = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    every = np.lib.stride_tricks.sliding_window_view(x, span, axis=(2, 3))
    (dy, dx), (sy, sx) = dilation, stride
    return every[:, :, ::sy, ::sx, ::dy, ::dx]


def conv2d(
    x: Array, W: Array, b: Array = 0.0, *, stride: Pair, pads: Pads, dilation: Pair, groups: int
) -> Array:
    """Cross-correlation of the maps with kernels W (F, C/groups, KH, KW)."""
    parts = windows(padded(x, pads), W.shape[2:], stride, dilation)
    n, c, oh, ow, kh, kw = parts.shape
    parts = parts.reshape((n, groups, c // groups, oh, ow, kh, kw))
    kernels = W.reshape(groups, len(W) // groups, c // groups, kh, kw)
    z = np.einsum("ngcyxij,gfcij->ngfyx", parts, kernels, optimize=True)
    return z.reshape(n, len(W), oh, ow) + np.asarray(b, x.dtype).reshape(-1, 1, 1)


def conv_transpose2d(
    x: Array, W: Array, b: Array = 0.0, *, stride: Pair, pads: Pads, out: Pair
) -> Array:
    """Every value adds its kernels W (C, F, KH, KW) to the maps, ``stride`` apart."""
    n, _, h, w = x.shape
    _, f, kh, kw = W.shape
    (sy, sx), (top, bottom, left, right) = stride, pads
    z = np.zeros((n, f, out[0] + top + bottom, out[1] + left + right), x.dtype)
    taps = np.einsum("nchw,cfij->nfijhw", x, W, optimize=True)
    for i in range(kh):
        for j in range(kw):
            z[:, :, i : i + sy * h : sy, j : j + sx * w : sx] += taps[:, :, i, j]
    return z[:, :, top : top + out[0], left : left + out[1]] + np.asarray(b, x.dtype).reshape(
        -1, 1, 1
    )


def max_pool2d(x: Array, *, size: Pair, stride: Pair, pads: Pads, dilation: Pair) -> Array:
    """The maximum of each window; padding never wins."""
    return windows(padded(x, pads, -np.inf), size, stride, dilation).max(axis=(4, 5))


def avg_pool2d(
    x: Array, counts: Array, *, size: Pair, stride: Pair, pads: Pads, dilation: Pair
) -> Array:
    """The sum of each window over the number of inputs that count."""
    return windows(padded(x, pads), size, stride, dilation).sum(axis=(4, 5)) / counts


def adaptive_max_pool2d(x: Array, *, size: Pair) -> Array:
    """The maximum of each of OH x OW windows that together cover the map."""
    (h, w), (oh, ow) = x.shape[2:], size
    y = np.empty((*x.shape[:2], oh, ow), x.dtype)
    for i, j in np.ndindex(oh, ow):
        rows = slice(i * h // oh, -(-(i + 1) * h // oh))
        columns = slice(j * w // ow, -(-(j + 1) * w // ow))
        y[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
    return y


def by_matrices(x: Array, vertical: Array, horizontal: Array) -> Array:
    """V x Hᵀ for every map."""
    return vertical @ x @ horizontal.T


def batch_norm(x: Array, scale: Array, shift: Array) -> Array:
    """scale · x + shift per channel or unit, with the statistics of the training in both."""
    shape = (-1, *(1,) * (x.ndim - 2))
    return x * scale.reshape(shape) + shift.reshape(shape)


def group_norm(x: Array, gamma: Array, beta: Array, *, groups: int, epsilon: float) -> Array:
    """Mean 0 and variance 1 of each group of channels within a sample, then γ x̂ + β."""
    rows = x.reshape(len(x), groups, -1)
    around = rows - rows.mean(axis=2, keepdims=True)
    variance = np.mean(around * around, axis=2, keepdims=True)
    return (around / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta


def lrn(x: Array, *, size: int, across: str, alpha: float, beta: float, k: float) -> Array:
    """x · s^-β with s = k + α/n · Σ x² over n neighbouring channels or positions."""
    axes = (1,) if across == "channels" else (2, 3)
    sums = x * x
    for axis in axes:
        border = [(0, 0)] * 4
        border[axis] = (size // 2, size // 2)
        wide = np.pad(sums, border)
        sums = np.lib.stride_tricks.sliding_window_view(wide, size, axis=axis).sum(axis=-1)
    return x * (k + alpha / size ** len(axes) * sums) ** -beta


def prelu(x: Array, slope: Array) -> Array:
    """x for x > 0, else slope · x with a slope per channel or unit."""
    return np.where(x > 0, x, slope.reshape(-1, *(1,) * (x.ndim - 2)) * x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def clip(x: Array, low: float, high: float) -> Array:
    """x, but at least ``low`` and at most ``high``."""
    return np.clip(x, low, high)


def thresholded_relu(x: Array, threshold: float) -> Array:
    """x for x > threshold, else 0."""
    return x * (x > threshold)


def leaky_relu(x: Array, slope: float) -> Array:
    """x for x > 0, else slope · x."""
    return np.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float) -> Array:
    """x for x > 0, else α (e^x - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array, alpha: float, scale: float) -> Array:
    """scale · elu(x)."""
    return scale * elu(x, alpha)


def celu(x: Array, alpha: float) -> Array:
    """x for x > 0, else α (e^(x/α) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def softplus(x: Array) -> Array:
    """log(1 + e^x), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def silu(x: Array) -> Array:
    """x · sigmoid(x)."""
    return x * sigmoid(x)


def mish(x: Array) -> Array:
    """x · tanh(softplus(x))."""
    return x * np.tanh(softplus(x))


def gelu(x: Array) -> Array:
    """x/2 · (1 + erf(x/√2)); NumPy has no erf, so it is that of ``math``, number by number."""
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return (0.5 * x * (1 + erf(x * math.sqrt(0.5)))).astype(x.dtype)


def gelu_tanh(x: Array) -> Array:
    """GELU with tanh in place of erf."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def hard_sigmoid(x: Array, slope: float, shift: float) -> Array:
    """slope · x + shift, but at least 0 and at most 1."""
    return np.clip(slope * x + shift, 0, 1)


def hard_swish(x: Array) -> Array:
    """x · hard_sigmoid(x)."""
    return x * hard_sigmoid(x, 1 / 6, 0.5)


def log_softmax(x: Array) -> Array:
    """x_k - log Σ_j e^(x_j) over channels or units."""
    below = x - x.max(axis=1, keepdims=True)
    return below - np.log(np.exp(below).sum(axis=1, keepdims=True))


def softmax(x: Array) -> Array:
    """e^(x_k) / Σ_j e^(x_j) over channels or units."""
    return np.exp(log_softmax(x))


def add(*parts: Array) -> Array:
    """The sum of several inputs."""
    return sum(parts[1:], parts[0])


def concat(*parts: Array) -> Array:
    """Several inputs after each other, along the channels or units."""
    return np.concatenate(parts, axis=1)


def in_shape(x: Array, shape: Sequence[int]) -> Array:
    """The numbers of each sample in another shape."""
    return x.reshape(len(x), *shape)
