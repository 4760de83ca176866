"""Convolutions by products of polynomials, taken at some points and put together again.

With the points p_i, of which the last is ∞, and N_i = Π_j≠i (p_i - p_j) over the finite ones,

    z = Aᵀ [(G g) ⊙ (Bᵀ d)],   z[k] = Σ_t d[k + t] g[t],
    Aᵀ[k, i] = p_i^k,   G[i, t] = p_i^t / N_i,   Bᵀ[i] = the coefficients of Π_j≠i (x - p_j);

at ∞, A and G take the last number, and Bᵀ the coefficients of Π_j (x - p_j) over all of them.

Sources: Toom 1963, Cook 1966; Winograd 1980, "Arithmetic complexity of computations".
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnntrain.types import Array


class Form(NamedTuple):
    """The matrices of one axis: ``tile`` outputs, P points, ``read`` inputs."""

    A_T: Array  # (tile, P)
    G: Array  # (P, taps)
    B_T: Array  # (P, read)


def form_at(points: Sequence[float], tile: int) -> Form:
    """F(tile, taps) at these points and ∞, of which there are tile + taps - 1."""
    p = np.array(points, np.float64)
    powers = np.vander(p, increasing=True)  # products alone, exact of these points
    others = [np.delete(p, i) for i in range(len(p))]
    N = [np.prod(p[i] - others[i]) for i in range(len(p))]
    taps = len(p) + 2 - tile
    at_infinity = [np.eye(1, size, size - 1) for size in (tile, taps)]
    A = np.vstack([powers[:, :tile], at_infinity[0]])
    G = np.vstack([powers[:, :taps] / np.array(N)[:, None], at_infinity[1]])
    rows = [np.append(np.poly(roots)[::-1], 0) for roots in others]
    return Form(A.T, G, np.array([*rows, np.poly(p)[::-1]]))


def form_of_parts(first: Form, second: Form) -> Form:
    """More taps than one form has: its own, and behind them those of another one."""
    G = np.zeros([a + b for a, b in zip(first.G.shape, second.G.shape, strict=True)])
    B_T = np.zeros((len(G), first.A_T.shape[0] + G.shape[1] - 1))
    rows, taps = first.G.shape
    G[:rows, :taps], G[rows:, taps:] = first.G, second.G
    B_T[:rows, : first.B_T.shape[1]], B_T[rows:, taps:] = first.B_T, second.B_T
    return Form(np.hstack([first.A_T, second.A_T]), G, B_T)
