"""The forms of a convolution beside the sum over taps, and which of them is taken.

Each is a module with the same functions, to be found under the name of the option ``algorithm``.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, Protocol

from cnntrain.layers import fourier, winograd
from cnntrain.native import tiles
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Shape

Algorithm = Literal["direct", "winograd", "fourier", "auto"]


class Form(Protocol):
    """What such a module offers: whether it fits and pays, and the passes of ``Conv2d``."""

    NAME: str
    KERNELS: str  # for which it works
    FORMULAS: Mapping[str, str]

    def fits(self, vertical: Axis, horizontal: Axis, groups: int) -> bool: ...
    def is_worth(self, channels: int, filters: int, vertical: Axis, horizontal: Axis) -> bool: ...
    def weights_form(self, taps: int) -> tiles.Form: ...
    def forward(
        self, a: Array, W: Array, b: Array | None, vertical: Axis, horizontal: Axis,
        relu: bool = False,
    ) -> Array: ...  # fmt: skip
    def pool_forward(
        self, a: Array, W: Array, b: Array | None, axes: Sequence[Axis], pool_axes: Sequence[Axis]
    ) -> tuple[Array, Sequence[Array]]: ...
    def da(self, delta: Array, W: Array, vertical: Axis, horizontal: Axis) -> Array: ...
    def dW(
        self, delta: Array, a: Array, W_shape: Shape, vertical: Axis, horizontal: Axis
    ) -> Array: ...


FORMS: Mapping[str, Form] = {"fourier": fourier, "winograd": winograd}
FORMULAS = {name: formula for form in FORMS.values() for name, formula in form.FORMULAS.items()}


@lru_cache(maxsize=1024)  # called by every layer in every step
def fastest(
    channels: int, filters: int, groups: int, vertical: Axis, horizontal: Axis
) -> Form | None:
    """The first form that fits and is worth it; None for the sum over taps."""
    for form in FORMS.values():
        if form.fits(vertical, horizontal, groups) and form.is_worth(
            channels, filters, vertical, horizontal
        ):
            return form
    return None
