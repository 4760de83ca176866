"""Convolution with stride 1 by Winograd's minimal filtering: F(2x2, 3x3), and F(2x2, 5x5).

A tile of 2x2 outputs reads 4x4 inputs d. Seen as the product of two polynomials, taken at the
points 0, 1, -1 and ∞ of each axis and put together again, it is

    z = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A,

16 products per channel where the sum over taps needs 36. Bᵀ d B and Aᵀ m A are additions, and
G g Gᵀ is taken once per kernel; the sum over channels is taken at the points, so that it becomes
one matrix product per point.

The derivatives follow from ⟨δ, Aᵀ m A⟩ = ⟨A δ Aᵀ, m⟩. With U = G g Gᵀ and V = Bᵀ d B the cost
changes by

    dC = Σ ⟨δ, dz⟩ = Σ ⟨A δ Aᵀ, dU ⊙ V⟩ = ⟨Σ (A δ Aᵀ) ⊙ V, dU⟩,    Σ over tiles and samples,

so ∂C/∂U = Σ (A δ Aᵀ) ⊙ V, and with dU = G dg Gᵀ, ⟨X, G dg Gᵀ⟩ = ⟨Gᵀ X G, dg⟩:

    ∂C/∂g = Gᵀ [Σ (A δ Aᵀ) ⊙ (Bᵀ d B)] G.

∂C/∂a of a convolution with stride 1 is a convolution of δ with the kernel rotated by 180°.

The five taps of F(2x2, 5x5) are three and two: A, B and G hold those of F(2, 3) and, beside them,
those of F(2, 2) at the points 0, 1 and ∞. That makes 49 products where the sum over taps needs 100.
Six points, of which two are beyond 0, ±1 and ∞, would make 36; but rounding at 1/2 and -2, the best
of those tried, has 1.9 times the error of the direct sum for z already, and at ±2 2.8 times.

From 32 channels and 32 samples on, the compiled kernels take 0.5 to 1.0 times as long as the direct
ones; of a single sample, which leaves most lanes of the transforms empty, 0.7 to 5 times, because
the choice must not depend on how a batch is cut. With 5x5 kernels, writing and reading 49 numbers
for every four outputs takes what the products save: 0.8 to 1.5 times as long on wide vectors, with
16 to 128 channels; so they are not taken by themselves. Of normally distributed maps in float32,
with 16 to 128 channels, sides of 8 to 32 and 8 to 50 samples, their error against float64 (root of
the mean square) is 0.6 to 1.0 times that of the direct ones for z and ∂C/∂a, whose chains are
shorter, and 1.3 to 1.8 times for ∂C/∂W. An infinity in a tile makes all of it NaN.

Source: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", section 4.
"""

from collections.abc import Sequence

import numpy as np

from cnntrain.layers.pooling import max_pool2d_forward
from cnntrain.native import twinned
from cnntrain.native import winograd as compiled
from cnntrain.ops.stable import positive_part
from cnntrain.ops.sums import long_product
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Shape

TILE = 2  # outputs of an axis
MANY, LARGE = 32, 8  # channels and filters, and outputs of an axis, from which on it is worth it
VECTOR = 16  # channels or filters that are no multiple leave lanes of ∂C/∂W empty
B_T = {3: np.array([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])}
G = {3: np.array([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])}
A_T = {3: np.array([[1.0, 1, 1, 0], [0, 1, -1, -1]])}
B_T[5] = np.zeros((7, 6))  # those of F(2, 3), and of F(2, 2) for the other two taps
B_T[5][:4, :4], B_T[5][4:, 3:] = B_T[3], [[1, -1, 0], [0, 1, 0], [0, -1, 1]]
G[5] = np.zeros((7, 5))
G[5][:4, :3], G[5][4:, 3:] = G[3], [[1, 0], [1, 1], [0, 1]]
A_T[5] = np.hstack([A_T[3], [[1, 1, 0], [0, 1, 1]]])
FORMULAS = {
    "winograd, forward": r"z_f = A^T [\sum_c (G W_{f,c} G^T) \odot (B^T a_c B)] A + b_f",
    "winograd, a": r"\frac{\partial C}{\partial a_c} ="
    r" A^T [\sum_f (G \operatorname{rot180}(W_{f,c}) G^T) \odot (B^T \delta_f B)] A",
    "winograd, W": r"\frac{\partial C}{\partial W_{f,c}} ="
    r" G^T [\sum_n (A \delta_f A^T) \odot (B^T a_c B)] G",
}


def fits_winograd(vertical: Axis, horizontal: Axis, groups: int) -> bool:
    """Whether it works for these windows: 3x3 or 5x5, stride 1, not dilated, one group."""
    is_square = vertical.size == horizontal.size and vertical.size in B_T
    return (
        is_square
        and groups == 1
        and all((axis.stride, axis.dilation) == (1, 1) for axis in (vertical, horizontal))
    )


def is_worth_winograd(channels: int, filters: int, vertical: Axis, horizontal: Axis) -> bool:
    """Whether fewer products pay for the transforms, and rounding stays as it was (measured).

    With 5x5 kernels they do not.

    By the compiled kernels; NumPy's direct form is the faster one, so it keeps that. On smaller
    maps ∂C/∂W, whose direct sums are then short, would have more than twice their error.
    """
    is_whole = channels % VECTOR == filters % VECTOR == 0
    is_large = min(channels, filters) >= MANY and min(vertical.out, horizontal.out) >= LARGE
    return vertical.size == 3 and is_whole and is_large


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
    """``conv2d_pool_forward``: a window of the max-pooling is a tile."""
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
    f, taps = W_shape[0], vertical.size
    down, across = _tiles(vertical), _tiles(horizontal)
    blank = np.zeros((f, TILE * down, TILE * across, delta.shape[-1]), delta.dtype)
    blank[:, : vertical.out, : horizontal.out] = delta  # of odd maps the last tiles are half empty
    points = _on_both_sides(A_T[taps].T, _squares(blank, TILE, down, across))  # (P, P, F, tiles)
    V = _input_points(a, vertical, horizontal)  # (P, P, C, tiles)
    dU = long_product(points, V.swapaxes(-1, -2))  # (P, P, F, C) = (P, P, F, Q) @ (P, P, Q, C)
    return _on_both_sides(G[taps].T, dU).transpose(2, 3, 0, 1)


def _by_tiles(a: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    taps = vertical.size
    U = _on_both_sides(G[taps], W.transpose(2, 3, 0, 1))  # (P, P, F, C)
    M = U @ _input_points(a, vertical, horizontal)  # (P, P, F, tiles)
    tiles = _on_both_sides(A_T[taps], M)  # (2, 2, F, tiles)
    down, across, n = _tiles(vertical), _tiles(horizontal), a.shape[-1]
    by_rows = tiles.reshape(TILE, TILE, len(W), down, across, n).transpose(2, 3, 0, 4, 1, 5)
    z = by_rows.reshape(len(W), TILE * down, TILE * across, n)
    return np.ascontiguousarray(z[:, : vertical.out, : horizontal.out])


def _input_points(a: Array, vertical: Axis, horizontal: Axis) -> Array:
    """V = Bᵀ a B of every tile: (C, H, W, N) -> (P, P, C, tiles·N)."""
    down, across = _tiles(vertical), _tiles(horizontal)
    c, _, _, n = a.shape
    height, width = _read(vertical, down), _read(horizontal, across)
    padded = np.zeros((c, height, width, n), a.dtype)
    rows, columns = _seen(vertical, down), _seen(horizontal, across)
    padded[:, rows[0], columns[0]] = a[:, rows[1], columns[1]]
    matrix = B_T[vertical.size]
    return _on_both_sides(matrix, _squares(padded, matrix.shape[1], down, across))


def _squares(x: Array, side: int, down: int, across: int) -> Array:
    """Number (i, j) of the square that each tile reads: (side, side, C, tiles·N)."""
    height, width = TILE * down, TILE * across
    parts = [
        x[:, i : i + height : TILE, j : j + width : TILE] for i in range(side) for j in range(side)
    ]
    return np.stack(parts).reshape(side, side, len(x), -1)


def _on_both_sides(matrix: Array, x: Array) -> Array:
    """M x Mᵀ along the first two axes: (k, k, ...) -> (m, m, ...)."""
    M = matrix.astype(x.dtype)
    once = np.tensordot(M, x, 1)  # (m, k, ...) = (m, k) @ (k, k, ...)
    return np.tensordot(M, once.swapaxes(0, 1), 1).swapaxes(0, 1)


def _tiles(axis: Axis) -> int:
    return -(-axis.out // TILE)


def _read(axis: Axis, tiles: int) -> int:
    """Inputs that so many tiles read."""
    return TILE * tiles + axis.size - 1


def _seen(axis: Axis, tiles: int) -> tuple[slice, slice]:
    """(places among the inputs of all tiles, inputs on the map): those that the tiles read."""
    first = max(0, -axis.before)
    stop = max(first, min(axis.length, _read(axis, tiles) - axis.before))
    return slice(first + axis.before, stop + axis.before), slice(first, stop)


def _reversed(axis: Axis) -> Axis:
    """The axis of the convolution that gives ∂C/∂a: its outputs are the inputs of this one."""
    before = axis.size - 1 - axis.before
    after = axis.length + axis.size - 1 - axis.out - before
    return Axis(axis.out, axis.size, 1, before, after)
