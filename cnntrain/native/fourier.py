"""Compiled twins of ``layers/fourier.py``."""

import math
from collections.abc import Iterable, Sequence

from cnntrain.native import tiles
from cnntrain.native.windows import Axis
from cnntrain.types import Array, Shape

TILE = 4  # of outputs of an axis


def weights_form(taps: int) -> tiles.Form:
    """That of ∂C/∂W."""
    return tiles.WEIGHTS_WAVES_5


def forward(
    a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis, relu: bool = False
) -> Array:
    """z."""
    return tiles.forward(a, W, b, (vertical, horizontal), tiles.WAVES_5, relu)


def pool_forward(
    a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
) -> tuple[Array, Sequence[Array]]:
    """The largest of every four neighbours of z, and which of them it is."""
    return tiles.pool_forward(a, W, b, axes, pool_axes, tiles.WAVES_5)


def dW(delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂W."""
    return tiles.dW(delta, a, W_shape, (vertical, horizontal), tiles.WEIGHTS_WAVES_5)


def da(delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array:
    """∂C/∂a: every tile from those that gave to it, or from shares of them if there are fewer."""
    axes = (vertical, horizontal)
    of_delta, of_a = (_tiles(axis.out for axis in axes), _tiles(axis.length for axis in axes))
    form = tiles.SHARES_5 if of_delta < of_a else tiles.WAVES_5
    return tiles.da(delta, W, axes, form)


def _tiles(lengths: Iterable[int]) -> int:
    return math.prod(-(-length // TILE) for length in lengths)
