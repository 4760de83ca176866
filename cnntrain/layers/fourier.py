"""Convolution with 5x5 kernels and stride 1 by Fourier series, tile by tile.

A tile of 4x4 outputs reads 8x8 inputs d. Their discrete Fourier transform F(d) turns the sum over
taps into a product of two complex numbers for each of its frequencies:

    z = F⁻¹[Σ_c F(d_c) F(g_c)*],   * the complex conjugate, g with zeros behind it,

of whose 8x8 numbers the first 4x4 are outputs; the others meet the other end of the tile. Of real
numbers half of the frequencies is enough: 30 complex and 4 real products, 124 of real numbers,
where the sum over taps needs 400. F(g) is taken once per kernel; the sum over channels is taken
between the transforms, one matrix product per frequency.

With e = F⁻¹[F(d) F(g)*], that is e[n] = Σ_t d[n + t] g[t], the cost changes by

    dC = Σ_n δ[n] Σ_t d[n + t] dg[t] = Σ_t dg[t] Σ_n d[n + t] δ[n],    δ = 0 beyond the tile, so

    ∂C/∂g = F⁻¹[Σ F(d) F(δ)*],    Σ over tiles and samples,

of which the first 5x5 numbers are taps: n + t < 8, so that none meets another end. ∂C/∂a is a
convolution of δ with the kernel rotated by 180°; if δ has fewer tiles than a, the compiled kernels
let every 4x4 of them give a share F⁻¹[F(δ) F(g)] to the 8x8 inputs that they have read, and add up
the shares ("overlap and add").

F is orthogonal but for a factor, so it does not amplify rounding, and sums are shorter: of normally
distributed maps in float32 the compiled kernels have 0.2 to 0.5 times the error of the direct ones
against float64 for z and ∂C/∂a, and 0.9 to 1.1 times for ∂C/∂W (root of the mean square; 6 to 128
channels, sides of 7 to 32, 16 to 64 samples). From 16 channels on, they take 0.4 to 0.8 times as
long for z and ∂C/∂a, and 0.4 to 0.9 times for ∂C/∂W. An infinity in a tile makes all of it NaN.

Sources: Mathieu, Henaff & LeCun 2014, "Fast training of convolutional networks through FFTs";
tiles: Zlateski, Jia, Li & Durand 2018, "FFT convolutions are faster than Winograd on modern CPUs".
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cnntrain.layers.pooling import max_pool2d_forward
from cnntrain.native import fourier as compiled
from cnntrain.native import twinned
from cnntrain.ops.stable import positive_part
from cnntrain.ops.tiles import outputs_cut, outputs_of, reversed_axis, squares_of, tiles_of
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Shape

TAPS, TILE, READ = 5, 4, 8
PRODUCTS = 124  # of real numbers, of a tile
MANY = 16  # channels and filters, from which on it is worth it
GAIN = 1.5  # times as many products as the sum over taps, to pay for the transforms
NAME, KERNELS = "Fourier series", "a 5x5 kernel"
FORMULAS: Mapping[str, str] = {
    "fourier, forward": r"z_f = \operatorname{idft} [\sum_c \operatorname{dft}(a_c)"
    r" \odot \operatorname{conj}(\operatorname{dft}(W_{f,c}))] + b_f",
    "fourier, a": r"\frac{\partial C}{\partial a_c} ="
    r" \operatorname{idft} [\sum_f \operatorname{dft}(\delta_f)"
    r" \odot \operatorname{conj}(\operatorname{dft}(\operatorname{rot180}(W_{f,c})))]",
    "fourier, W": r"\frac{\partial C}{\partial W_{f,c}} ="
    r" \operatorname{idft} [\sum_n \operatorname{dft}(a_c)"
    r" \odot \operatorname{conj}(\operatorname{dft}(\delta_f))]",
}

weights_form = compiled.weights_form


def fits(vertical: Axis, horizontal: Axis, groups: int) -> bool:
    """Whether it works for these windows: 5x5, stride 1, not dilated, one group."""
    axes = (vertical, horizontal)
    return groups == 1 and all((x.size, x.stride, x.dilation) == (TAPS, 1, 1) for x in axes)


def is_worth(channels: int, filters: int, vertical: Axis, horizontal: Axis) -> bool:
    """Whether fewer products pay for the transforms, by the compiled kernels (measured)."""
    axes = (vertical, horizontal)
    by_tiles = PRODUCTS * np.prod([tiles_of(axis, TILE) for axis in axes])
    by_taps = np.prod([axis.counts().sum() for axis in axes])
    return min(channels, filters) >= MANY and bool(GAIN * by_tiles <= by_taps)


@twinned(compiled.forward)
def forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z of ``conv2d_forward``, tile by tile: F⁻¹[Σ_c F(a) F(W)*] + b."""
    z = _by_tiles(a, W, vertical, horizontal)
    if b is not None:
        z += b[:, :, None, None]  # (F, OH, OW, N) + (F, 1, 1, 1)
    return positive_part(z) if relu else z


@twinned(compiled.pool_forward)
def pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
) -> tuple[Array, Sequence[Array]]:
    """``conv2d_pool_forward``: tiles hold whole windows of the max-pooling."""
    vertical, horizontal = axes
    return max_pool2d_forward(forward(a, W, b, vertical, horizontal), *pool_axes)


@twinned(compiled.da)
def da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a = δ convolved with the kernel rotated by 180°: F⁻¹[Σ_f F(δ) F(rot W)*]."""
    rotated = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, F, K, K)
    return _by_tiles(delta, rotated, reversed_axis(vertical), reversed_axis(horizontal))


@twinned(compiled.dW)
def dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W = F⁻¹[Σ F(a) F(δ)*], Σ over tiles and samples."""
    D = _waves(outputs_cut(delta, vertical, horizontal, (TILE, TILE)))  # (8, 5, F, tiles)
    V = _waves(squares_of(a, vertical, horizontal, (TILE, TILE)))  # (8, 5, C, tiles)
    dU = D.conj() @ V.swapaxes(-1, -2)  # (8, 5, F, C) = (8, 5, F, Q) @ (8, 5, Q, C)
    return _numbers(dU)[:TAPS, :TAPS].transpose(2, 3, 0, 1).astype(delta.dtype)


def _by_tiles(a: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    U = _waves(W.transpose(2, 3, 0, 1))  # (8, 5, F, C)
    V = _waves(squares_of(a, vertical, horizontal, (TILE, TILE)))  # (8, 5, C, tiles)
    tiles = _numbers(U.conj() @ V)[:TILE, :TILE]
    return outputs_of(tiles.astype(a.dtype), vertical, horizontal)


def _waves(x: Array) -> Array:
    """F of the first two axes, with zeros behind them: (k, k, ...) -> (8, 5, ...)."""
    return np.fft.rfft2(x, (READ, READ), axes=(0, 1))


def _numbers(waves: Array) -> Array:
    """Its reverse: (8, 5, ...) -> (8, 8, ...)."""
    return np.fft.irfft2(waves, (READ, READ), axes=(0, 1))
