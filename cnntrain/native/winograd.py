"""Compiled twins of ``layers/winograd.py``."""

from collections.abc import Sequence

from cnntrain.native import tiles
from cnntrain.native.windows import Axis
from cnntrain.types import Array, Shape

MANY, LARGE = 32, 8  # channels, and outputs of an axis, from which on tiles are larger


def tile_of(taps: int, channels: int, outputs: Sequence[int]) -> int:
    """Outputs of an axis in a tile: four with 3x3 kernels, on large maps and where many channels
    are summed up, so that the sum over taps rounds nearly as much."""
    return 4 if taps == 3 and channels >= MANY and min(outputs) >= LARGE else 2


def _form(taps: int, channels: int, outputs: Sequence[int]) -> tiles.Form:
    if taps == tiles.SMALL_5.taps:
        return tiles.SMALL_5
    return tiles.LARGE_3 if tile_of(taps, channels, outputs) == 4 else tiles.SMALL_3


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
