"""Convolution with stride 1 by Winograd's minimal filtering: 3x3 and 5x5 kernels, tile by tile.

A tile of m x m outputs reads (m + r - 1) x (m + r - 1) inputs d of a map, where the kernel g has
r x r taps. Seen as the product of two polynomials, taken at m + r - 1 points of each axis and put
together again, it is

    z = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A,

(m + r - 1)² products per channel where the sum over taps needs m² r² (A, B and G:
``ops/toom_cook.py``). G g Gᵀ is taken once per kernel; the sum over channels is taken at the
points, so that it becomes one matrix product per point.

The derivatives follow from ⟨δ, Aᵀ m A⟩ = ⟨A δ Aᵀ, m⟩. With U = G g Gᵀ and V = Bᵀ d B the cost
changes by

    dC = Σ ⟨δ, dz⟩ = Σ ⟨A δ Aᵀ, dU ⊙ V⟩ = ⟨Σ (A δ Aᵀ) ⊙ V, dU⟩,    Σ over tiles and samples,

so ∂C/∂U = Σ (A δ Aᵀ) ⊙ V, and with dU = G dg Gᵀ, ⟨X, G dg Gᵀ⟩ = ⟨Gᵀ X G, dg⟩:

    ∂C/∂g = Gᵀ [Σ (A δ Aᵀ) ⊙ (Bᵀ d B)] G.

∂C/∂a of a convolution with stride 1 is a convolution of δ with the kernel rotated by 180°.

Points 0, ±1, ∞ serve F(2x2, 3x3), 16 products for 36. F(4x4, 3x3) and F(2x2, 5x5), 36 for 144 and
100, need six. 0, ±1, ±2, ∞ would have 4.2 and 2.9 times the error of the direct sum for z (32
channels), 0, ±1, 1/2, -2, ∞ 2.7 and 1.9; 0, ±5/8, ±3/2, ∞, all of whose constants are exact, have
1.9 and 1.2, the first 1.5 if its sum over channels is cut in two halves, as in the compiled
kernels. With 16 channels, of which the direct sum is short, it would have 2.0; so F(4x4, 3x3) is
taken from 32 channels on, and from 16 on F(2x4, 3x3), 24 products for 72, with 1.2 to 1.4. For
∂C/∂W, whose direct sums are more exact, six points are too much: it keeps 0, ±1, ∞, tiles of 2x2,
and takes five taps as three and two: A, B and G hold those of F(2, 3) and, beside them, those of
F(2, 2) at 0, 1 and ∞, 49 products for 100.

From 16 channels on, the compiled kernels take 0.3 to 0.75 times as long as the direct ones for z
and ∂C/∂a, 0.6 to 0.75 times for ∂C/∂W; with 5x5 kernels, 0.5 to 1.3 times, Fourier series do better
(``layers/fourier.py``), so those are taken by themselves. The choice does not depend on the number
of samples, so that it does not matter how a batch is cut. Of normally distributed maps in float32,
with 16 to 128 channels, sides of 8 to 32 and 8 to 50 samples, their error against float64 (root of
the mean square) is 1.2 to 1.8 times that of the direct ones for z and ∂C/∂a, and 1.3 to 1.6 times
for ∂C/∂W; if half of the numbers are zeros, which the direct sums do not round, up to 2.5 and 1.9
times. An infinity in a tile makes all of it NaN.

Sources: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", section 4;
Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep
neural networks" (other points).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cnntrain.layers.pooling import max_pool2d_forward
from cnntrain.native import twinned
from cnntrain.native import winograd as compiled
from cnntrain.ops.stable import positive_part
from cnntrain.ops.sums import long_product
from cnntrain.ops.tiles import outputs_cut, outputs_of, reversed_axis, squares_of
from cnntrain.ops.toom_cook import form_at, form_of_parts
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Shape

LARGE = 8  # outputs of an axis, from which on it is worth it
VECTOR = 16  # channels or filters that are no multiple leave lanes of ∂C/∂W empty
FOUR_POINTS, SIX_POINTS = (0, 1, -1), (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)  # and ∞
FORMS = {  # (taps, tile)
    (3, 2): form_at(FOUR_POINTS, 2), (3, 4): form_at(SIX_POINTS, 4), (5, 2): form_at(SIX_POINTS, 2)
}  # fmt: skip
WEIGHTS_FORMS = {3: FORMS[3, 2], 5: form_of_parts(FORMS[3, 2], form_at((0, 1), 2))}
NAME, KERNELS = "Winograd's algorithm", "a 3x3 or 5x5 kernel"
FORMULAS: Mapping[str, str] = {
    "winograd, forward": r"z_f = A^T [\sum_c (G W_{f,c} G^T) \odot (B^T a_c B)] A + b_f",
    "winograd, a": r"\frac{\partial C}{\partial a_c} ="
    r" A^T [\sum_f (G \operatorname{rot180}(W_{f,c}) G^T) \odot (B^T \delta_f B)] A",
    "winograd, W": r"\frac{\partial C}{\partial W_{f,c}} ="
    r" G^T [\sum_n (A \delta_f A^T) \odot (B^T a_c B)] G",
}


weights_form = compiled.weights_form


def fits(vertical: Axis, horizontal: Axis, groups: int) -> bool:
    """Whether it works for these windows: 3x3 or 5x5, stride 1, not dilated, one group."""
    is_square = vertical.size == horizontal.size and vertical.size in WEIGHTS_FORMS
    return (
        is_square
        and groups == 1
        and all((axis.stride, axis.dilation) == (1, 1) for axis in (vertical, horizontal))
    )


def is_worth(channels: int, filters: int, vertical: Axis, horizontal: Axis) -> bool:
    """Whether fewer products pay for the transforms, and rounding stays as it was (measured).

    By the compiled kernels; NumPy's direct form is the faster one, so it keeps that. On smaller
    maps ∂C/∂W, whose direct sums are then short, would have more than twice their error.
    """
    is_whole = channels % VECTOR == filters % VECTOR == 0
    return vertical.size == 3 and is_whole and min(vertical.out, horizontal.out) >= LARGE


@twinned(compiled.forward)
def forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z of ``conv2d_forward``, tile by tile: Aᵀ [Σ_c (G W Gᵀ) ⊙ (Bᵀ a B)] A + b."""
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
    """∂C/∂a = δ convolved with the kernel rotated by 180°: Aᵀ [Σ_f (G rot W Gᵀ) ⊙ (Bᵀ δ B)] A."""
    rotated = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, F, K, K)
    return _by_tiles(delta, rotated, reversed_axis(vertical), reversed_axis(horizontal))


@twinned(compiled.dW)
def dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W = Gᵀ [Σ (A δ Aᵀ) ⊙ (Bᵀ a B)] G, Σ over tiles and samples."""
    form = WEIGHTS_FORMS[vertical.size]
    tiles = outputs_cut(delta, vertical, horizontal, (2, 2))
    points = _on_both_sides(form.A_T.T, tiles, form.A_T)  # (P, P, F, tiles)
    V = _on_both_sides(form.B_T, squares_of(a, vertical, horizontal, (2, 2)), form.B_T.T)
    dU = long_product(points, V.swapaxes(-1, -2))  # (P, P, F, C) = (P, P, F, Q) @ (P, P, Q, C)
    return _on_both_sides(form.G.T, dU, form.G).transpose(2, 3, 0, 1)


def _by_tiles(a: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    tile = compiled.tile_of(vertical.size, len(a), (vertical.out, horizontal.out))
    down, across = (FORMS[vertical.size, side] for side in tile)
    U = _on_both_sides(down.G, W.transpose(2, 3, 0, 1), across.G.T)  # (P, Q, F, C)
    V = _on_both_sides(down.B_T, squares_of(a, vertical, horizontal, tile), across.B_T.T)
    z = _on_both_sides(down.A_T, U @ V, across.A_T.T)  # of (P, Q, F, C) @ (P, Q, C, tiles)
    return outputs_of(z, vertical, horizontal)


def _on_both_sides(left: Array, x: Array, right: Array) -> Array:
    """L x R along the first two axes: (k, l, ...) -> (m, n, ...)."""
    down = np.tensordot(left.astype(x.dtype), x, 1)  # (m, l, ...) = (m, k) @ (k, l, ...)
    across = np.tensordot(right.T.astype(x.dtype), down.swapaxes(0, 1), 1)  # (n, m, ...)
    return across.swapaxes(0, 1)
