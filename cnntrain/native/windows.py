"""Windows as the kernels take them."""

from typing import Protocol


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
