"""What a layer is: options in a frozen class, arrays in and arrays out.

A layer never holds arrays, so one network may run in many threads at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.init import HeNormal, Initializer, Zeros
from cnntrain.registry import Registered, did_you_mean
from cnntrain.types import Array, Arrays, Params, Shape


@dataclass(frozen=True)
class Context:
    """What a layer may know about the pass it takes part in.

    ``generator()`` starts the random stream of this layer, step and shard anew at every call.
    """

    training: bool
    generator: Callable[[], np.random.Generator]


@dataclass(frozen=True)
class Param:
    """Declaration of one parameter array: known before any array exists."""

    shape: Shape
    fan_in: int
    fan_out: int
    init: Initializer
    trainable: bool
    is_weight: bool  # weights are regularised (seed 001), biases are not


@dataclass(frozen=True)
class Example:
    """A small case of a layer: the contract tests and ``cnntrain gradcheck`` run it."""

    layer: "Layer"
    in_shape: Shape
    batch: int = 2


class Layer(Registered, family="layer"):
    """A function y = f(x; parameters) with its derivative. Shapes here are those of one sample."""

    def out_shape(self, in_shape: Shape) -> Shape:
        """Shape of y; raises ``ShapeError`` if x cannot have ``in_shape``."""
        raise NotImplementedError

    def params(self, in_shape: Shape) -> dict[str, Param]:
        """The layer's parameter arrays by their letter (W, b); most layers have none."""
        return {}

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Any]:
        """(y, cache): the output, and what ``backward`` needs to remember."""
        raise NotImplementedError

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        """(∂C/∂x, {letter: ∂C/∂parameter}) from dy = ∂C/∂y.

        ``need_dx=False`` allows to skip ∂C/∂x: nobody reads it at the first layer.
        """
        raise NotImplementedError

    def flops(self, in_shape: Shape) -> int:
        """Floating-point operations of ``forward`` for one sample (a multiply-add counts 2)."""
        return int(np.prod(self.out_shape(in_shape)))

    @classmethod
    def examples(cls) -> list[Example]:
        """Small cases that together reach every branch of the layer."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class WeightedLayer(Layer):
    """A layer z = W · a + b, by whatever product.

    Options: ``init`` (an initialiser for W, or ``{W: ..., b: ...}``; default he_normal and zeros),
    ``bias`` (false leaves b out), ``trainable`` (false, or ``{W: false}``, freezes arrays).
    """

    bias: bool = True
    init: Mapping[str, Initializer] = field(default_factory=dict)
    trainable: bool | Mapping[str, bool] = True

    letters: ClassVar[tuple[str, ...]] = ("W", "b")

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``init: he_normal`` means ``init: {W: he_normal}``."""
        if not isinstance(options, dict) or "init" not in options:
            return options
        init = options["init"]
        per_letter = isinstance(init, dict) and not init.keys() & Initializer.kinds.keys()
        return options if per_letter else {**options, "init": {"W": init}}

    def declare(
        self, shape_W: Shape, shape_b: Shape, fan_in: int, fan_out: int
    ) -> dict[str, Param]:
        """The declarations of W and b, with this layer's ``init`` and ``trainable``."""
        shapes = {"W": shape_W, "b": shape_b} if self.bias else {"W": shape_W}
        self._check_letters(shapes)
        defaults = {"W": HeNormal(), "b": Zeros()}
        return {
            letter: Param(
                shape,
                fan_in,
                fan_out,
                init=self.init.get(letter, defaults[letter]),
                trainable=self._trains(letter),
                is_weight=letter == "W",
            )
            for letter, shape in shapes.items()
        }

    def _trains(self, letter: str) -> bool:
        if isinstance(self.trainable, bool):
            return self.trainable
        return self.trainable.get(letter, True)

    def _check_letters(self, shapes: Mapping[str, Shape]) -> None:
        chosen = {"init": self.init, "trainable": self.trainable}
        for option, mapping in chosen.items():
            for letter in mapping if isinstance(mapping, Mapping) else ():
                if letter not in shapes:
                    hint = did_you_mean(letter, shapes)
                    raise ShapeError(
                        f"{option}: this layer has no array {letter!r}{hint}", (option,)
                    )
