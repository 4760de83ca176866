"""Compiled twins of ``layers/winograd.py``."""

from collections.abc import Sequence

from cnntrain.native import tiles
from cnntrain.native.windows import Axis
from cnntrain.types import Array, Shape

SMALL_TAPS = tiles.SMALL_3.taps
SOME, MANY = 16, 32  # channels from which on tiles are wider, and larger,
LARGE = 8  # on maps with so many outputs of an axis
OF_TILES = {(2, 2): tiles.SMALL_3, (2, 4): tiles.WIDE_3, (4, 4): tiles.LARGE_3}


def tile_of(taps: int, channels: int, outputs: Sequence[int]) -> tuple[int, int]:
    """Outputs of a tile, down and across: more with 3x3 kernels, on large maps and where many
    channels are summed up, so that the sum over taps rounds nearly as much."""
    if taps != SMALL_TAPS or channels < SOME or min(outputs) < LARGE:
        return 2, 2
    return (4, 4) if channels >= MANY else (2, 4)


def _form(taps: int, channels: int, outputs: Sequence[int]) -> tiles.Form:
    if taps == tiles.SMALL_5.taps:
        return tiles.SMALL_5
    return OF_TILES[tile_of(taps, channels, outputs)]


def weights_form(taps: int) -> tiles.Form:
    """That of ∂C/∂W."""
    return tiles.WEIGHTS_5 if taps == tiles.WEIGHTS_5.taps else tiles.WEIGHTS_3


def forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z."""
    form = _form(vertical.size, len(a), (vertical.out, horizontal.out))
    return tiles.forward(a, W, b, (vertical, horizontal), form, relu)


def pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
) -> tuple[Array, Sequence[Array]]:
    """The largest of every four neighbours of z, and which of them it is."""
    form = _form(axes[0].size, len(a), [axis.out for axis in axes])
    return tiles.pool_forward(a, W, b, axes, pool_axes, form)


def dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W."""
    return tiles.dW(delta, a, W_shape, (vertical, horizontal), weights_form(vertical.size))


def da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a."""
    form = _form(vertical.size, len(W), (vertical.length, horizontal.length))
    return tiles.da(delta, W, (vertical, horizontal), form)
