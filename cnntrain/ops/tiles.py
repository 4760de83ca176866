"""Maps cut into tiles of outputs, as the convolutions see them that work tile by tile."""

import numpy as np

from cnntrain.ops.windows import Axis
from cnntrain.types import Array


def squares_of(a: Array, vertical: Axis, horizontal: Axis, tile: int) -> Array:
    """What each tile of ``tile`` x ``tile`` outputs reads, with zeros beside the map.

    (C, H, W, N) -> (S, S, C, tiles·N), S = tile + taps - 1.
    """
    down, across = tiles_of(vertical, tile), tiles_of(horizontal, tile)
    c, _, _, n = a.shape
    height, width = (tile * k + vertical.size - 1 for k in (down, across))
    padded = np.zeros((c, height, width, n), a.dtype)
    rows, columns = _seen(vertical, height), _seen(horizontal, width)
    padded[:, rows[0], columns[0]] = a[:, rows[1], columns[1]]
    return _squares(padded, tile + vertical.size - 1, tile, down, across)


def outputs_cut(delta: Array, vertical: Axis, horizontal: Axis, tile: int) -> Array:
    """The tiles of δ, of which the last ones may be partly zeros: (tile, tile, F, tiles·N)."""
    down, across = tiles_of(vertical, tile), tiles_of(horizontal, tile)
    blank = np.zeros((len(delta), tile * down, tile * across, delta.shape[-1]), delta.dtype)
    blank[:, : vertical.out, : horizontal.out] = delta
    return _squares(blank, tile, tile, down, across)


def outputs_of(tiles: Array, vertical: Axis, horizontal: Axis) -> Array:
    """Tiles side by side: (tile, tile, F, tiles·N) -> (F, OH, OW, N)."""
    tile, _, f, columns = tiles.shape
    down, across = tiles_of(vertical, tile), tiles_of(horizontal, tile)
    n = columns // (down * across)
    by_rows = tiles.reshape(tile, tile, f, down, across, n).transpose(2, 3, 0, 4, 1, 5)
    z = by_rows.reshape(f, tile * down, tile * across, n)
    return np.ascontiguousarray(z[:, : vertical.out, : horizontal.out])


def tiles_of(axis: Axis, tile: int) -> int:
    """So many tiles cover its outputs."""
    return -(-axis.out // tile)


def reversed_axis(axis: Axis) -> Axis:
    """The axis of the convolution that gives ∂C/∂a: its outputs are the inputs of this one."""
    before = axis.size - 1 - axis.before
    after = axis.length + axis.size - 1 - axis.out - before
    return Axis(axis.out, axis.size, 1, before, after)


def _squares(x: Array, side: int, tile: int, down: int, across: int) -> Array:
    """Number (i, j) of the square that begins at each tile: (side, side, C, tiles·N)."""
    height, width = tile * down, tile * across
    parts = [
        x[:, i : i + height : tile, j : j + width : tile] for i in range(side) for j in range(side)
    ]
    return np.stack(parts).reshape(side, side, len(x), -1)


def _seen(axis: Axis, read: int) -> tuple[slice, slice]:
    """(places among the inputs that the tiles read, inputs on the map): those that are both."""
    first = max(0, -axis.before)
    stop = max(first, min(axis.length, read - axis.before))
    return slice(first + axis.before, stop + axis.before), slice(first, stop)
