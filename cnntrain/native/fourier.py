"""Compiled twins of ``layers/fourier.py``."""

from collections.abc import Sequence

from cnntrain.native import tiles
from cnntrain.native.windows import Axis
from cnntrain.types import Array, Shape


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
    """∂C/∂a."""
    return tiles.da(delta, W, (vertical, horizontal), tiles.WAVES_5)
