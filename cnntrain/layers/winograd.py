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
1.9 and 1.2, and 1.5 and 1.0 if the sum over channels is cut in two halves, as the compiled kernels
do. For ∂C/∂W, whose direct sums are more exact, that is still too much: it keeps 0, ±1, ∞, tiles of
2x2, and takes five taps as three and two: A, B and G hold those of F(2, 3) and, beside them, those
of F(2, 2) at 0, 1 and ∞, 49 products for 100.

From 16 channels on, the compiled kernels for z and ∂C/∂a take 0.4 to 0.6 (3x3) and 0.6 to 0.9
(5x5) times as long as the direct ones, those for ∂C/∂W 0.6 to 0.7 with 3x3; with 5x5 it depends on
the machine, so they are not taken by themselves. Of a single sample, which leaves most lanes of the
transforms empty, they may take longer, because the choice must not depend on how a batch is cut. Of
normally distributed maps in float32, with 16 to 128 channels, sides of 8 to 32 and 8 to 50 samples,
their error against float64 (root of the mean square) is ERRORS. An infinity in a tile makes all of it NaN.

Sources: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", section 4;
Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep
neural networks" (other points).
"""

from collections.abc import Sequence

import numpy as np

from cnntrain.layers.pooling import max_pool2d_forward
from cnntrain.native import twinned
from cnntrain.native import winograd as compiled
from cnntrain.ops.stable import positive_part
from cnntrain.ops.sums import long_product
from cnntrain.ops.toom_cook import Form, form_at, form_of_parts
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Shape

LARGE = 8  # outputs of an axis, from which on it is worth it
VECTOR = 16  # channels or filters that are no multiple leave lanes of ∂C/∂W empty
FOUR_POINTS, SIX_POINTS = (0, 1, -1), (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)  # and ∞
FORMS = {  # (taps, tile)
    (3, 2): form_at(FOUR_POINTS, 2), (3, 4): form_at(SIX_POINTS, 4), (5, 2): form_at(SIX_POINTS, 2)
}  # fmt: skip
WEIGHTS_FORMS = {3: FORMS[3, 2], 5: form_of_parts(FORMS[3, 2], form_at((0, 1), 2))}
FORMULAS = {
    "winograd, forward": r"z_f = A^T [\sum_c (G W_{f,c} G^T) \odot (B^T a_c B)] A + b_f",
    "winograd, a": r"\frac{\partial C}{\partial a_c} ="
    r" A^T [\sum_f (G \operatorname{rot180}(W_{f,c}) G^T) \odot (B^T \delta_f B)] A",
    "winograd, W": r"\frac{\partial C}{\partial W_{f,c}} ="
    r" G^T [\sum_n (A \delta_f A^T) \odot (B^T a_c B)] G",
}


def fits_winograd(vertical: Axis, horizontal: Axis, groups: int) -> bool:
    """Whether it works for these windows: 3x3 or 5x5, stride 1, not dilated, one group."""
    is_square = vertical.size == horizontal.size and vertical.size in WEIGHTS_FORMS
    return (
        is_square
        and groups == 1
        and all((axis.stride, axis.dilation) == (1, 1) for axis in (vertical, horizontal))
    )


def is_worth_winograd(channels: int, filters: int, vertical: Axis, horizontal: Axis) -> bool:
    """Whether fewer products pay for the transforms, and rounding stays as it was (measured).

    By the compiled kernels; NumPy's direct form is the faster one, so it keeps that. On smaller
    maps ∂C/∂W, whose direct sums are then short, would have more than twice their error.
    """
    is_whole = channels % VECTOR == filters % VECTOR == 0
    return is_whole and min(vertical.out, horizontal.out) >= LARGE


def is_worth_winograd_dW(vertical: Axis) -> bool:
    """The same of ∂C/∂W, where z and ∂C/∂a are worth it."""
    return vertical.size == 3


@twinned(compiled.winograd_forward)
def winograd_forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z of ``conv2d_forward``, tile by tile: Aᵀ [Σ_c (G W Gᵀ) ⊙ (Bᵀ a B)] A + b."""
    z = _by_tiles(a, W, vertical, horizontal)
    if b is not None:
        z += b[:, :, None, None]  # (F, OH, OW, N) + (F, 1, 1, 1)
    return positive_part(z) if relu else z


@twinned(compiled.winograd_pool_forward)
def winograd_pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
) -> tuple[Array, Sequence[Array]]:
    """``conv2d_pool_forward``: tiles hold whole windows of the max-pooling."""
    vertical, horizontal = axes
    return max_pool2d_forward(winograd_forward(a, W, b, vertical, horizontal), *pool_axes)


@twinned(compiled.winograd_da)
def winograd_da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a = δ convolved with the kernel rotated by 180°: Aᵀ [Σ_f (G rot W Gᵀ) ⊙ (Bᵀ δ B)] A."""
    rotated = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, F, K, K)
    return _by_tiles(delta, rotated, _reversed(vertical), _reversed(horizontal))


@twinned(compiled.winograd_dW)
def winograd_dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W = Gᵀ [Σ (A δ Aᵀ) ⊙ (Bᵀ a B)] G, Σ over tiles and samples."""
    form = WEIGHTS_FORMS[vertical.size]
    down, across = _tiles(vertical, 2), _tiles(horizontal, 2)
    blank = np.zeros((W_shape[0], 2 * down, 2 * across, delta.shape[-1]), delta.dtype)
    blank[:, : vertical.out, : horizontal.out] = delta  # of odd maps the last tiles are half empty
    points = _on_both_sides(form.A_T.T, _squares(blank, 2, 2, down, across))  # (P, P, F, tiles)
    V = _input_points(a, form, vertical, horizontal)  # (P, P, C, tiles)
    dU = long_product(points, V.swapaxes(-1, -2))  # (P, P, F, C) = (P, P, F, Q) @ (P, P, Q, C)
    return _on_both_sides(form.G.T, dU).transpose(2, 3, 0, 1)


def _by_tiles(a: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    tile = compiled.tile_of(vertical.size, len(a), (vertical.out, horizontal.out))
    form = FORMS[vertical.size, tile]
    U = _on_both_sides(form.G, W.transpose(2, 3, 0, 1))  # (P, P, F, C)
    M = U @ _input_points(a, form, vertical, horizontal)  # (P, P, F, tiles)
    tiles = _on_both_sides(form.A_T, M)  # (tile, tile, F, tiles)
    down, across, n = _tiles(vertical, tile), _tiles(horizontal, tile), a.shape[-1]
    by_rows = tiles.reshape(tile, tile, len(W), down, across, n).transpose(2, 3, 0, 4, 1, 5)
    z = by_rows.reshape(len(W), tile * down, tile * across, n)
    return np.ascontiguousarray(z[:, : vertical.out, : horizontal.out])


def _input_points(a: Array, form: Form, vertical: Axis, horizontal: Axis) -> Array:
    """V = Bᵀ a B of every tile: (C, H, W, N) -> (P, P, C, tiles·N)."""
    tile = len(form.A_T)
    down, across = _tiles(vertical, tile), _tiles(horizontal, tile)
    c, _, _, n = a.shape
    height, width = (tile * k + vertical.size - 1 for k in (down, across))  # that the tiles read
    padded = np.zeros((c, height, width, n), a.dtype)
    rows, columns = _seen(vertical, height), _seen(horizontal, width)
    padded[:, rows[0], columns[0]] = a[:, rows[1], columns[1]]
    return _on_both_sides(form.B_T, _squares(padded, form.B_T.shape[1], tile, down, across))


def _squares(x: Array, side: int, tile: int, down: int, across: int) -> Array:
    """Number (i, j) of the square that each tile reads: (side, side, C, tiles·N)."""
    height, width = tile * down, tile * across
    parts = [
        x[:, i : i + height : tile, j : j + width : tile] for i in range(side) for j in range(side)
    ]
    return np.stack(parts).reshape(side, side, len(x), -1)


def _on_both_sides(matrix: Array, x: Array) -> Array:
    """M x Mᵀ along the first two axes: (k, k, ...) -> (m, m, ...)."""
    M = matrix.astype(x.dtype)
    once = np.tensordot(M, x, 1)  # (m, k, ...) = (m, k) @ (k, k, ...)
    return np.tensordot(M, once.swapaxes(0, 1), 1).swapaxes(0, 1)


def _tiles(axis: Axis, tile: int) -> int:
    return -(-axis.out // tile)


def _seen(axis: Axis, read: int) -> tuple[slice, slice]:
    """(places among the inputs that the tiles read, inputs on the map): those that are both."""
    first = max(0, -axis.before)
    stop = max(first, min(axis.length, read - axis.before))
    return slice(first + axis.before, stop + axis.before), slice(first, stop)


def _reversed(axis: Axis) -> Axis:
    """The axis of the convolution that gives ∂C/∂a: its outputs are the inputs of this one."""
    before = axis.size - 1 - axis.before
    after = axis.length + axis.size - 1 - axis.out - before
    return Axis(axis.out, axis.size, 1, before, after)
