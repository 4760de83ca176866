"""Fully connected layer: every unit is connected to every unit of the previous layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cnntrain.errors import ShapeError
from cnntrain.layers.base import Context, Example, Param, WeightedLayer
from cnntrain.layers.initializers import Constant
from cnntrain.native import dense as compiled
from cnntrain.native import twinned
from cnntrain.ops.sums import long_product, row_sums
from cnntrain.types import Array, Arrays, Count, Params, Shape


@twinned(compiled.dense_forward)
def dense_forward(a: Array, W: Array, b: Array | None) -> Array:
    """z = W a + b, one column per sample."""
    z = long_product(W, a)  # (K, N) = (K, J) @ (J, N)
    if b is not None:
        z += b  # (K, N) + (K, 1)
    return z


@twinned(compiled.dense_backward)
def dense_backward(
    delta: Array, a: Array, W: Array, need_da: bool = True
) -> tuple[Array | None, Array, Array]:
    """(∂C/∂a, ∂C/∂W, ∂C/∂b) = (Wᵀ δ, δ aᵀ, Σ_n δ) from δ = ∂C/∂z."""
    da = long_product(W.T, delta) if need_da else None  # (J, N) = (J, K) @ (K, N)
    alone = delta.shape[1] == 1  # a single sample: one product per entry, no sums
    dW = delta * a.T if alone else delta @ a.T  # (K, J) = (K, N) @ (N, J)
    db = row_sums(delta)[:, None].astype(delta.dtype)  # (K, 1)
    return da, dW, db


@dataclass(frozen=True, kw_only=True)
class Dense(WeightedLayer, kind="dense"):
    """z = W a + b.

    (J,) -> (K,); W (K, J) he_normal, b (K, 1) zeros. Options: ``units`` is K; ``activation: KIND``
    appends that layer; ``bias``, ``init``, ``trainable`` as for every layer with weights.
    Raises ``ShapeError`` for an image: put ``flatten`` before it.
    """

    formula: ClassVar[str] = "z = W a + b"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": r"\frac{\partial C}{\partial a} = W^T \delta",
        "W": r"\frac{\partial C}{\partial W} = \delta\, a^T",
        "b": r"\frac{\partial C}{\partial b} = \sum_n \delta_n",
    }

    units: Count

    def view(self, in_shape: Shape) -> None:
        return None

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 1:
            raise ShapeError(
                f"needs a vector, but the input is an image of shape {in_shape}; "
                "put 'flatten' before it"
            )
        return (self.units,)

    def params(self, in_shape: Shape) -> dict[str, Param]:
        (j,) = in_shape
        return self.declare((self.units, j), (self.units, 1), fan_in=j, fan_out=self.units)

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array]:
        return dense_forward(x, params["W"], params.get("b")), x

    def backward(
        self, params: Arrays, cache: Array, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        da, dW, db = dense_backward(dy, cache, params["W"], need_dx)
        return da, {"W": dW, "b": db} if "b" in params else {"W": dW}

    def flops(self, in_shape: Shape) -> int:
        return 2 * self.units * in_shape[0]

    @classmethod
    def examples(cls) -> list[Example]:
        return [
            Example(cls(units=3), (4,)),
            Example(cls(units=1, bias=False), (1,), batch=1),
            Example(cls(units=2, init={"b": Constant(value=0.5)}), (5,), batch=7),
            Example(cls(units=3), (6,), batch=1),
        ]
