"""The layer interface: options in a frozen class, arrays in, arrays out.

A layer never holds arrays, so one network can run in several threads at once.
"""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers.initializers import HeNormal, Initializer, Zeros
from cnntrain.native import reaches_twin
from cnntrain.ops.windows import Axis
from cnntrain.registry import Registered, did_you_mean
from cnntrain.types import Array, Arrays, NonNegative, Params, Shape

T = TypeVar("T")
IMAGE_KERNEL = 4  # axes of the weights of a convolution
KERNEL_COPIES = 3  # of these weights, which compiled kernels hold: packed, and sums as doubles


@dataclass(frozen=True)
class Context:
    """The information about the current pass that is available to a layer.

    Every call of ``generator()`` restarts the random stream of this layer, step and shard.
    """

    training: bool
    generator: Callable[[], np.random.Generator]


@dataclass(frozen=True)
class Param:
    """Declaration of one parameter array, available before any array exists."""

    shape: Shape
    fan_in: int
    fan_out: int
    init: Initializer
    trainable: bool = True
    lr_mult: float = 1.0  # factor on the learning rate
    decay_mult: float = 0.0  # factor on penalties and decay: 1 for weights, 0 for biases
    unit_axis: int = 0  # the axis that enumerates the units of this layer
    is_buffer: bool = False  # a running statistic: no gradient, updated by ``Layer.buffers``


@dataclass(frozen=True)
class View:
    """The inputs of one output along one axis: ``size`` of them, ``step`` apart between outputs."""

    size: int = 1
    step: float = 1.0

    @classmethod
    def of(cls, window: Axis) -> "View":
        """The view of a window that slides over the input."""
        return cls(window.span, window.stride)


@dataclass(frozen=True)
class Example:
    """A small test case of a layer, run by the contract tests and ``cnntrain gradcheck``."""

    layer: "Layer"
    in_shape: Any  # a shape, or a tuple of shapes for a layer with several inputs
    batch: int = 2
    reach: float = 1.0  # inputs are spread over (-reach, reach)


class Layer(Registered, family="layer"):
    """A function y = f(x; parameters) with its derivative. All shapes are those of one sample.

    A layer with ``joins`` takes several inputs: x is then a tuple of arrays, ``in_shape`` a tuple
    of shapes, and ∂C/∂x a tuple of arrays.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("forward", "backward")
    reads: ClassVar[str] = "x"  # letter of the input in the formulas,
    gives: ClassVar[str] = "y"  # and of the output; δ is ∂C/∂y
    formula: ClassVar[str]  # of y, in LaTeX
    gradients: ClassVar[Mapping[str, str]] = {}  # of x and of every parameter, in LaTeX

    other_forms: ClassVar[Mapping[str, str]] = {}  # by what they are called, of other algorithms

    joins: ClassVar[bool] = False
    is_random: ClassVar[bool] = False  # draws random numbers in training
    commutes_with_max: ClassVar[bool] = (
        False  # elementwise, non-decreasing, constant only where f' = 0
    )
    only_views: ClassVar[bool] = False  # y has the memory of x
    new_dx: ClassVar[bool] = False  # ∂C/∂x has memory of its own, which others may change
    overwrites_dy: ClassVar[bool] = False  # has ``backward_in_place``
    takes_largest: ClassVar[bool] = False  # every output is the maximum of some inputs

    @classmethod
    def backward_formulas(cls) -> Mapping[str, str]:
        """∂C/∂x under "x" and ∂C/∂W under "W", ..., in LaTeX."""
        return cls.gradients

    def out_shape(self, in_shape: Any) -> Shape:
        """Shape of y; raises ``ShapeError`` if x cannot have ``in_shape``."""
        raise NotImplementedError

    def params(self, in_shape: Any) -> dict[str, Param]:
        """The layer's parameter arrays by letter (W, b); most layers have none."""
        return {}

    def forward(self, params: Arrays, x: Any, ctx: Context) -> tuple[Array, Any]:
        """(y, cache): the output, and what ``backward`` needs from this pass."""
        raise NotImplementedError

    def backward(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Params]:
        """(∂C/∂x, {letter: ∂C/∂parameter}) from dy = ∂C/∂y.

        With ``need_dx=False``, ∂C/∂x may be skipped: at the first layer nothing reads it.
        """
        raise NotImplementedError

    def buffers(self, params: Arrays, cache: Any) -> Params:
        """New values of the layer's running statistics after a forward pass in training."""
        return {}

    def flops(self, in_shape: Any) -> int:
        """Floating-point operations of ``forward`` for one sample (a multiply-add counts as 2)."""
        return int(np.prod(self.out_shape(in_shape)))

    def backward_flops(self, in_shape: Any, need_dx: bool = True) -> int:
        """The same for ``backward``; equal to ``flops`` unless a layer overrides it."""
        return self.flops(in_shape) if need_dx else 0

    def held_numbers(self, in_shape: Any) -> int:
        """About how many numbers its compiled kernels hold while they work, beside the results."""
        shapes = (param.shape for param in self.params(in_shape).values())
        sizes = (math.prod(shape) for shape in shapes if len(shape) == IMAGE_KERNEL)
        return KERNEL_COPIES * max(sizes, default=0)

    def view(self, in_shape: Any) -> tuple[View, View] | None:
        """The inputs that one output sees, along height and width; None means all of them."""
        return (View(), View())

    def has_twin(self) -> bool:
        """Whether the native engine has compiled kernels for it, with its options."""
        cls = type(self)
        return any(reaches_twin(getattr(cls, name)) for name in ("forward", *cls.arithmetic))

    @classmethod
    def examples(cls) -> list[Example]:
        """Small cases that together cover every branch of the layer."""
        raise NotImplementedError


BatchSums = Params  # quantities that are summed over the shards of a batch
Steps = Generator[
    BatchSums, BatchSums, T
]  # yields sums over one shard, receives those over all shards


def alone(steps: Steps[T]) -> T:
    """Run the steps for an undivided batch, whose own sums are those of the whole batch."""
    try:
        sums = next(steps)
        while True:
            sums = steps.send(sums)
    except StopIteration as stop:
        result: T = stop.value
        return result


def within(context: Callable[[], AbstractContextManager[object]], steps: Steps[T]) -> Steps[T]:
    """The same steps, each within a context of its own: between two of them the thread may do other
    things, or hand them to another thread, which are not meant."""
    total: Any = None
    while True:
        with context():
            try:
                own = steps.send(total)
            except StopIteration as stop:
                result: T = stop.value
                return result
        total = yield own


class WholeBatchLayer(Layer):
    """A layer whose output depends on sums over the whole batch, however it is split into shards.

    ``forward_steps`` and ``backward_steps`` process one shard; where a sum over the whole batch is
    needed, they yield the shard's contribution and receive the total.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("forward_steps", "backward_steps")

    def forward_steps(self, params: Arrays, x: Array, ctx: Context) -> Steps[tuple[Array, Any]]:
        """``forward`` for one shard."""
        raise NotImplementedError

    def backward_steps(
        self, params: Arrays, cache: Any, dy: Array, need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        """``backward`` for one shard; the parameter gradients are this shard's contribution."""
        raise NotImplementedError

    def backward_in_place(
        self, params: Arrays, cache: Any, dy: tuple[Array, Array | None], need_dx: bool = True
    ) -> Steps[tuple[Any, Params]]:
        """The same from an array that may be overwritten, plus the other one if there is one."""
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

    Options, each for all arrays or per letter: ``init``, an initializer (of the first letter, if
    not per letter); ``trainable``, false to freeze; ``lr_mult``, a factor on the learning rate;
    ``decay_mult``, a factor on penalties (default: 1 for weights, 0 for biases; names from Caffe).
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
    """The value of an option for one array; options are given for all arrays or per letter."""
    return option.get(letter, default) if isinstance(option, Mapping) else option


@dataclass(frozen=True, kw_only=True)
class WeightedLayer(ParametricLayer):
    """A layer z = W · a + b, with some product ·. Option: ``bias``, false to omit b."""

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
