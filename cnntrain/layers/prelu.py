"""PReLU, an activation whose slope on the negative side is a parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnntrain.layers.base import Context, Example, Param, ParametricLayer
from cnntrain.layers.initializers import Constant
from cnntrain.native import prelu as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import row_sums
from cnntrain.types import Array, Arrays, Params, Shape


@twinned(compiled.prelu_forward)
def prelu_forward(z: Array, slope: Array) -> Array:
    """a = z for z > 0, else slope·z."""
    return np.where(z > 0, z, slope * z)


@twinned(compiled.prelu_backward)
def prelu_backward(da: Array, z: Array, slope: Array) -> tuple[Array, Array]:
    """(δ, ∂C/∂slope): δ = ∂C/∂a or slope·∂C/∂a; ∂C/∂slope = Σ ∂C/∂a · z where z <= 0."""
    below = row_sums(np.where(z > 0, 0, da * z).reshape(len(z), -1))  # (C,)
    d_slope = below.sum(keepdims=True) if slope.size == 1 else below
    return np.where(z > 0, da, slope * da), d_slope.astype(da.dtype)


@dataclass(frozen=True, kw_only=True)
class Prelu(ParametricLayer, kind="prelu"):
    """a = z for z > 0, else slope·z with a learned slope per channel or unit.

    Any shape -> the same; slope (C,), or (1,) with ``shared``; starts at 0.25, no weight decay.
    Source: He et al. 2015, "Delving deep into rectifiers", eq. 1 and 9.
    """

    formula: ClassVar[str] = r"a = z \;\text{if}\; z > 0 \;\text{else}\; s z"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\delta = \frac{\partial C}{\partial a} \;\text{if}\; z > 0 \;\text{else}\; s "
            r"\frac{\partial C}{\partial a}"
        ),
        "slope": r"\frac{\partial C}{\partial s} = \sum_{z \le 0} \frac{\partial C}{\partial a} z",
    }

    shared: bool = False

    letters: ClassVar[tuple[str, ...]] = ("slope",)
    reads: ClassVar[str] = "z"
    gives: ClassVar[str] = "a"

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def params(self, in_shape: Shape) -> dict[str, Param]:
        shape = (1,) if self.shared else (in_shape[0],)
        return self.tuned({"slope": Param(shape, 1, 1, Constant(value=0.25))})

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array]:
        return prelu_forward(x, _per_channel(params["slope"], x)), x

    def backward(
        self, params: Arrays, cache: Array, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        dz, d_slope = prelu_backward(dy, cache, _per_channel(params["slope"], cache))
        return dz, {"slope": d_slope}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (3, 2, 2)), Example(cls(shared=True), (4,), batch=3)]


def _per_channel(slope: Array, like: Array) -> Array:
    return slope.reshape(-1, *(1,) * (like.ndim - 1))
