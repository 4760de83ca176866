"""Windows as the kernels take them."""

from collections.abc import Sequence
from typing import Protocol

from cnntrain.types import Shape


class Axis(Protocol):
    """A window along one axis (``ops/windows.py``)."""

    @property
    def length(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def before(self) -> int: ...
    @property
    def dilation(self) -> int: ...
    @property
    def out(self) -> int: ...


def numbers(axis: Axis) -> tuple[int, ...]:
    """Its members in the order of ``Axis`` in ``c/spread.h``."""
    return axis.length, axis.size, axis.stride, axis.before, axis.dilation, axis.out


def is_sound(axis: Axis) -> bool:
    """Whether it has a size, a stride and a dilation of at least 1, and no negative padding."""
    return min(axis.length, axis.size, axis.stride, axis.dilation) >= 1 and axis.before >= 0


def check_convolution(
    maps: Shape, outputs: Shape, W: Shape, vertical: Axis, horizontal: Axis, groups: int = 1
) -> None:
    """Raise ``ValueError`` unless the kernels will stay inside these arrays."""
    f, c, *kernel_size = W
    axes = (vertical, horizontal)
    fits = (
        groups >= 1
        and f % groups == 0
        and maps[:3] == (c * groups, vertical.length, horizontal.length)
        and outputs == (f, vertical.out, horizontal.out, maps[3])
        and kernel_size == [axis.size for axis in axes]
        and all(map(is_sound, axes))
    )
    if not fits:
        raise ValueError(f"maps {maps}, outputs {outputs} and weights {W} do not fit")


def check_pairs(axes: Sequence[Axis], pool_axes: Sequence[Axis]) -> None:
    """Raise ``ValueError`` unless the pooling takes the outputs of a convolution two by two."""
    out = [axis.out for axis in axes]
    if [2 * axis.out for axis in pool_axes] != out:
        raise ValueError(f"{axes} and {pool_axes} do not fit")
