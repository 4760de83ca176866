"""Maps cut into tiles of outputs, as the convolutions see them that work tile by tile."""

import numpy as np

from cnntrain.ops.windows import Axis
from cnntrain.types import Array

Pair = tuple[int, int]  # down and across


def squares_of(a: Array, vertical: Axis, horizontal: Axis, tile: Pair) -> Array:
    """What each tile of outputs reads, with zeros beside the map.

    (C, H, W, N) -> (S, T, C, tiles·N), S and T = outputs of a tile + taps - 1.
    """
    down, across = tiles_of(vertical, tile[0]), tiles_of(horizontal, tile[1])
    c, _, _, n = a.shape
    tall, wide = (side + vertical.size - 1 for side in tile)
    height, width = tile[0] * (down - 1) + tall, tile[1] * (across - 1) + wide
    padded = np.zeros((c, height, width, n), a.dtype)
    rows, columns = _seen(vertical, height), _seen(horizontal, width)
    padded[:, rows[0], columns[0]] = a[:, rows[1], columns[1]]
    return _squares(padded, (tall, wide), tile, (down, across))


def outputs_cut(delta: Array, vertical: Axis, horizontal: Axis, tile: Pair) -> Array:
    """The tiles of δ, of which the last ones may be partly zeros: (*tile, F, tiles·N)."""
    down, across = tiles_of(vertical, tile[0]), tiles_of(horizontal, tile[1])
    blank = np.zeros((len(delta), tile[0] * down, tile[1] * across, delta.shape[-1]), delta.dtype)
    blank[:, : vertical.out, : horizontal.out] = delta
    return _squares(blank, tile, tile, (down, across))


def outputs_of(tiles: Array, vertical: Axis, horizontal: Axis) -> Array:
    """Tiles side by side: (*tile, F, tiles·N) -> (F, OH, OW, N)."""
    tall, wide, f, columns = tiles.shape
    down, across = tiles_of(vertical, tall), tiles_of(horizontal, wide)
    n = columns // (down * across)
    by_rows = tiles.reshape(tall, wide, f, down, across, n).transpose(2, 3, 0, 4, 1, 5)
    z = by_rows.reshape(f, tall * down, wide * across, n)
    return np.ascontiguousarray(z[:, : vertical.out, : horizontal.out])


def tiles_of(axis: Axis, tile: int) -> int:
    """So many tiles cover its outputs."""
    return -(-axis.out // tile)


def reversed_axis(axis: Axis) -> Axis:
    """The axis of the convolution that gives ∂C/∂a: its outputs are the inputs of this one."""
    before = axis.size - 1 - axis.before
    after = axis.length + axis.size - 1 - axis.out - before
    return Axis(axis.out, axis.size, 1, before, after)


def _squares(x: Array, read: Pair, tile: Pair, tiles: Pair) -> Array:
    """Number (i, j) of the rectangle that begins at each tile: (*read, C, tiles·N)."""
    height, width = (side * count for side, count in zip(tile, tiles, strict=True))
    parts = [
        x[:, i : i + height : tile[0], j : j + width : tile[1]]
        for i in range(read[0]) for j in range(read[1])
    ]  # fmt: skip
    return np.stack(parts).reshape(*read, len(x), -1)


def _seen(axis: Axis, read: int) -> tuple[slice, slice]:
    """(places among the inputs that the tiles read, inputs on the map): those that are both."""
    first = max(0, -axis.before)
    stop = max(first, min(axis.length, read - axis.before))
    return slice(first + axis.before, stop + axis.before), slice(first, stop)
