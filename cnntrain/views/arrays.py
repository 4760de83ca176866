"""Arrays as text: small ones in full, large ones as statistics and an excerpt."""

from collections.abc import Callable, Sequence

import numpy as np

from cnntrain.types import Array
from cnntrain.views.languages import say

MOST_IN_FULL = 64  # numbers
DECIMALS = 8  # of float64
SINGLE_DECIMALS = 6  # of float32
EXCERPT = (4, 6)  # rows and columns
WIDTH = 92


def number(value: float, like: Array | None = None) -> str:
    """One number, formatted like those of arrays."""
    array = np.array([value]) if like is None else np.array([value], like.dtype)
    return formatter(array)(value)


def formatter(array: Array) -> Callable[[float], str]:
    """Format of the numbers of an array: as integers, with as few decimals as are exact, or
    with 8 (6 for float32)."""
    if array.dtype.kind in "iub" or not array.size:
        return lambda x: f"{x:d}"
    decimals = DECIMALS if array.dtype.itemsize > 4 else SINGLE_DECIMALS
    finite = np.abs(array[np.isfinite(array)])
    largest = float(finite.max()) if finite.size else 0.0
    rounding = 8 * np.finfo(array.dtype).eps  # the last bits depend on the order of summation
    for digits in range(decimals):
        if largest < 1e6 and np.allclose(np.round(array, digits), array, rtol=rounding, atol=0):
            return lambda x: f"{x:z.{digits}f}"
    if 1e-3 <= largest < 1e6:
        return lambda x: f"{x:z.{decimals}f}"
    return lambda x: f"{x:.{decimals - 1}e}" if x else "0"


def shape(array: Array, batched: bool) -> str:
    """``2x3``, without the batch axis if there is a single sample."""
    sizes = array.shape[:-1] if batched and array.shape[-1] == 1 else array.shape
    return "x".join(map(str, sizes or (1,)))


def statistics(array: Array) -> dict[str, float]:
    """Minimum, mean, maximum, standard deviation, and the share of zeros."""
    exact = array.astype(np.float64)
    return {
        "min": float(exact.min()),
        "mean": float(exact.mean()),
        "max": float(exact.max()),
        "std": float(exact.std()),
        "zeros": float((array == 0).mean()),
    }


def lines(array: Array, batched: bool) -> list[str]:
    """The array as lines of text; ``batched``: its last axis counts samples."""
    shown = array[..., 0] if batched and array.shape[-1] == 1 else array
    shown = shown[:, 0] if not batched and shown.ndim == 2 and shown.shape[1] == 1 else shown
    if shown.size <= MOST_IN_FULL:
        return _full(shown, batched and array.shape[-1] > 1)
    found = statistics(array)
    zeros = f"{100 * found.pop('zeros'):.1f}%"
    told = [f"{say(f'array.{name}')} {value:.4g}" for name, value in found.items()]
    return ["  ".join([*told, f"{say('array.zeros')} {zeros}"]), *_excerpt(shown)]


def _full(array: Array, batched: bool) -> list[str]:
    write = formatter(array)
    if array.ndim <= 1:
        return _wrapped([write(x) for x in np.atleast_1d(array).tolist()])
    if array.ndim == 2:
        return _matrix(array, write)
    maps = np.moveaxis(array, -1, 0) if batched else array
    stack = maps.reshape(-1, *maps.shape[-2:])
    return _beside([_matrix(part, write) for part in stack])


def _excerpt(array: Array) -> list[str]:
    part = array
    while part.ndim > 2:
        part = part[0] if part.shape[0] <= part.shape[-1] or part.ndim > 3 else part[..., 0]
    corner = part[tuple(slice(size) for size in EXCERPT[-part.ndim :])]
    width = max(map(len, map(formatter(corner), corner.ravel().tolist())))
    written = _full(np.atleast_1d(corner[..., : _cells_in_a_line(width)]), batched=False)
    return [f"{line}  ..." for line in written] + (["..."] if part.ndim > 1 else [])


def _matrix(array: Array, write: Callable[[float], str]) -> list[str]:
    """The rows of a matrix; if they are too long, groups of columns below each other."""
    rows = [[write(x) for x in row] for row in array.tolist()]
    width = max(len(cell) for row in rows for cell in row)
    each = _cells_in_a_line(width)
    out: list[str] = []
    for k in range(0, array.shape[1], each):
        out += ([""] if out else []) + [
            "  ".join(cell.rjust(width) for cell in row[k : k + each]) for row in rows
        ]
    return out


def _cells_in_a_line(width: int) -> int:
    return max(1, WIDTH // (width + 2) - 2)


def _wrapped(cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    each = _cells_in_a_line(width)
    return [
        "  ".join(cell.rjust(width) for cell in cells[k : k + each])
        for k in range(0, len(cells), each)
    ]


def _beside(blocks: Sequence[list[str]]) -> list[str]:
    """Matrices side by side, as many as fit, with empty lines between rows of matrices."""
    width = max(len(block[0]) for block in blocks)
    each = max(1, (WIDTH - 12) // (width + 3))
    out: list[str] = []
    for start in range(0, len(blocks), each):
        group = blocks[start : start + each]
        out += ([""] if out else []) + [" | ".join(row) for row in zip(*group, strict=True)]
    return out
