"""What a layer is: options in a frozen class, arrays in and arrays out.

A layer never holds arrays, so one network may run in many threads at once.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.initializers import HeNormal, Initializer, Zeros
from cnntrain.ops.windows import Axis
from cnntrain.registry import Registered, did_you_mean
from cnntrain.types import Array, Arrays, NonNegative, Params, Shape

T = TypeVar("T")


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
    trainable: bool = True
    lr_mult: float = 1.0  # factor on the learning rate
    decay_mult: float = 0.0  # factor on penalties and decay: 1 for weights, 0 for biases
    unit_axis: int = 0  # along which the units of this layer are counted
    is_buffer: bool = False  # a running statistic: no gradient, updated by ``Layer.buffers``


@dataclass(frozen=True)
class View:
    """Along one axis, an output sees ``size`` inputs, and its neighbour those ``step`` further."""

    size: int = 1
    step: float = 1.0

    @classmethod
    def of(cls, window: Axis) -> "View":
        """Of a window that slides over the input."""
        return cls(window.span, window.stride)


@dataclass(frozen=True)
class Example:
    """A small case of a layer: the contract tests and ``cnntrain gradcheck`` run it."""

    layer: "Layer"
    in_shape: Any  # a shape; a tuple of shapes for a layer that joins several inputs
    batch: int = 2
    reach: float = 1.0  # inputs are spread over (-reach, reach)


class Layer(Registered, family="layer"):
    """A function y = f(x; parameters) with its derivative. Shapes here are those of one sample.

    A layer with ``joins`` takes several inputs: x is then a tuple of arrays, ``in_shape`` a tuple
    of shapes, and ∂C/∂x a tuple.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("forward", "backward")
    reads: ClassVar[str] = "x"  # the letters of the formulas: what it reads,
    gives: ClassVar[str] = "y"  # and what it gives; δ is ∂C/∂y
    formula: ClassVar[str]  # of y, in LaTeX
    gradients: ClassVar[Mapping[str, str]] = {}  # of x and of every letter, in LaTeX

    joins: ClassVar[bool] = False
    is_random: ClassVar[bool] = False  # draws random numbers while training
    commutes_with_max: ClassVar[bool] = (
        False  # elementwise, never falls, and flat only where f' = 0
    )
    takes_largest: ClassVar[bool] = False  # every output is the largest of some inputs

    @classmethod
    def backward_formulas(cls) -> Mapping[str, str]:
        """∂C/∂x under "x" and ∂C/∂W under "W", ..., in LaTeX."""
        return cls.gradients

    def out_shape(self, in_shape: Any) -> Shape:
        """Shape of y; raises ``ShapeError`` if x cannot have ``in_shape``."""
        raise NotImplementedError

    def params(self, in_shape: Any) -> dict[str, Param]:
        """The layer's parameter arrays by their letter (W, b); most layers have none."""
        return {}

    def forward(self, params: Arrays, x: Any, ctx: Context) -> tuple[Array, Any]:
        """(y, cache): the output, and what ``backward`` needs to remember."""
        raise NotImplementedError

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Params]:
        """(∂C/∂x, {letter: ∂C/∂parameter}) from dy = ∂C/∂y.

        ``need_dx=False`` allows to skip ∂C/∂x: nobody reads it at the first layer.
        """
        raise NotImplementedError

    def buffers(self, params: Arrays, cache: Any) -> Params:
        """New values of the layer's running statistics after a forward pass in training."""
        return {}

    def flops(self, in_shape: Any) -> int:
        """Floating-point operations of ``forward`` for one sample (a multiply-add counts 2)."""
        return int(np.prod(self.out_shape(in_shape)))

    def backward_flops(self, in_shape: Any, need_dx: bool = True) -> int:
        """The same of ``backward``; as many as ``flops`` unless a layer says otherwise."""
        return self.flops(in_shape) if need_dx else 0

    def view(self, in_shape: Any) -> tuple[View, View] | None:
        """Which inputs one output sees, along height and width; None: all of them."""
        return (View(), View())

    @classmethod
    def examples(cls) -> list[Example]:
        """Small cases that together reach every branch of the layer."""
        raise NotImplementedError


BatchSums = Params  # what is added up over the shards of a batch
Steps = Generator[
    BatchSums, BatchSums, T
]  # yields sums over one shard, receives those over all shards


def alone(steps: Steps[T]) -> T:
    """Run steps for a batch that is not cut: its own sums are those of the whole batch."""
    try:
        sums = next(steps)
        while True:
            sums = steps.send(sums)
    except StopIteration as stop:
        result: T = stop.value
        return result


class WholeBatchLayer(Layer):
    """A layer whose output depends on sums over the whole batch, however that is cut into shards.

    ``forward_steps`` and ``backward_steps`` are written for one shard; where a sum over the whole
    batch is needed they yield their share of it and receive the total.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("forward_steps", "backward_steps")

    def forward_steps(self, params: Arrays, x: Array, ctx: Context) -> Steps[tuple[Array, Any]]:
        """As ``forward``."""
        raise NotImplementedError

    def backward_steps(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        """As ``backward``; the parameters' gradients are this shard's share."""
        raise NotImplementedError

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Any]:
        return alone(self.forward_steps(params, x, ctx))

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Params]:
        return alone(self.backward_steps(params, cache, dy, need_dx))


@dataclass(frozen=True, kw_only=True)
class ParametricLayer(Layer):
    """A layer with parameter arrays.

    Options, each for all arrays or per letter: ``init``, an initializer (for the first letter, if
    not per letter); ``trainable``: false freezes; ``lr_mult``, a factor on the learning rate;
    ``decay_mult``, a factor on penalties (by default 1 for weights, 0 for biases; Caffe's names).
    """

    init: Mapping[str, Initializer] = field(default_factory=dict)
    trainable: bool | Mapping[str, bool] = True
    lr_mult: NonNegative | Mapping[str, NonNegative] = 1.0
    decay_mult: NonNegative | Mapping[str, NonNegative] = field(default_factory=dict)

    letters: ClassVar[tuple[str, ...]] = ("W", "b")

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``init: he_normal`` means ``init: {W: he_normal}``."""
        if not isinstance(options, dict) or "init" not in options:
            return options
        init = options["init"]
        per_letter = isinstance(init, dict) and not init.keys() & Initializer.kinds.keys()
        return options if per_letter else {**options, "init": {cls.letters[0]: init}}

    def tuned(self, declared: dict[str, Param]) -> dict[str, Param]:
        """The declared arrays with this layer's options applied."""
        self._check_letters(declared)
        return {
            letter: replace(
                param,
                init=self.init.get(letter, param.init),
                trainable=_for(letter, self.trainable, True) and param.trainable,
                lr_mult=_for(letter, self.lr_mult, 1.0),
                decay_mult=_for(letter, self.decay_mult, param.decay_mult),
            )
            for letter, param in declared.items()
        }

    def _check_letters(self, declared: Mapping[str, Param]) -> None:
        for option in ("init", "trainable", "lr_mult", "decay_mult"):
            value = getattr(self, option)
            for letter in value if isinstance(value, Mapping) else ():
                if letter not in declared:
                    hint = did_you_mean(letter, declared)
                    raise ShapeError(
                        f"{option}: this layer has no array {letter!r}{hint}", (option,)
                    )


def _for(letter: str, option: Any, default: Any) -> Any:
    """What an option says about one array: it may hold for all, or per letter."""
    return option.get(letter, default) if isinstance(option, Mapping) else option


@dataclass(frozen=True, kw_only=True)
class WeightedLayer(ParametricLayer):
    """A layer z = W · a + b, by whatever product. Option: ``bias``: false leaves b out."""

    bias: bool = True

    reads: ClassVar[str] = "a"
    gives: ClassVar[str] = "z"

    def declare(
        self, shape_W: Shape, shape_b: Shape, fan_in: int, fan_out: int, unit_axis: int = 0
    ) -> dict[str, Param]:
        """The declarations of W (he_normal) and b (zeros), with the layer's options applied."""
        W = Param(shape_W, fan_in, fan_out, HeNormal(), decay_mult=1.0, unit_axis=unit_axis)
        b = Param(shape_b, fan_in, fan_out, Zeros())
        return self.tuned({"W": W, "b": b} if self.bias else {"W": W})

    def backward_flops(self, in_shape: Any, need_dx: bool = True) -> int:
        """One product for ∂C/∂W, and one for ∂C/∂a."""
        return (1 + need_dx) * self.flops(in_shape)
