"""The network that is being read: layers with their arrays, and values on the way to the next one.

Reshaping and transposing become layers only where the next layer needs them. Until then a value
remembers which of our numbers each of ONNX's is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.read import frozen
from cnntrain.errors import ShapeError
from cnntrain.exchange.onnx_in.graph import Graph, Op
from cnntrain.layers import Layer
from cnntrain.layers.shaping import Flatten, Reshape
from cnntrain.network.graph import AT_INPUT, INPUT, Item, names_of
from cnntrain.registry import to_tree
from cnntrain.types import Array, Params, Shape

MOST_PLACES = 1 << 24  # numbers whose order is remembered
MOST_OUTPUTS = 1 << 26  # numbers that a layer gives for one sample


@dataclass(frozen=True)
class Value:
    """The output of layer ``at``, of shape ``own``, as ONNX has it: in ``shape``, and where
    ``places`` is given, with our number ``places[k]`` at position k."""

    at: int
    own: Shape
    shape: Shape
    places: Array | None = None

    def in_shape(self, shape: Shape) -> "Value":
        """The same numbers in the same order in another shape."""
        places = None if self.places is None else self.places.reshape(shape)
        return replace(self, shape=shape, places=places)

    def transposed(self, axes: Sequence[int]) -> "Value":
        """With the axes of a sample in another order."""
        size = math.prod(self.own)
        places = np.arange(size).reshape(self.shape) if self.places is None else self.places
        moved = places.transpose(axes)
        in_order = bool((moved.ravel() == np.arange(size)).all())
        return replace(self, shape=moved.shape, places=None if in_order else moved)

    def constant(self, array: Array) -> Array:
        """A constant that broadcasts over this value in ONNX, as an array of shape ``own``."""
        full = np.broadcast_to(array, self.shape)
        if self.places is None:
            return full.reshape(self.own)
        ordered = np.empty(math.prod(self.own), array.dtype)
        ordered[self.places.ravel()] = full.ravel()
        return ordered.reshape(self.own)


@cache
def as_in_configs() -> TypeAdapter[Layer]:
    """What checks the options of a layer, as if they had come from a config."""
    return TypeAdapter(Layer)


@dataclass
class Made:
    """A layer that was read: its inputs by index, its arrays by letter."""

    layer: Layer
    inputs: tuple[int, ...]
    in_shape: Any
    params: Params = field(default_factory=dict)


class Draft:
    """Layers in the order in which they were read; ``values`` by ONNX's names."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.readers = graph, graph.readers
        self.layers: list[Made] = []
        self.in_shape = graph.in_shape
        self.values: dict[str, Value] = {graph.input: Value(AT_INPUT, self.in_shape, self.in_shape)}
        self.constants: Params = dict(graph.constants)
        self.shift: Array | None = None  # of the normalization at the beginning, if there is one
        self.scale: Array | None = None

    # --- what an operator reads ---

    def value(self, op: Op, k: int = 0) -> Value:
        """Its k-th input, which must not be a constant."""
        name = op.inputs[k] if k < len(op.inputs) else ""
        if name not in self.values:
            op.refuse(f"input {name!r} is a constant, or nothing before it gives it")
        return self.values[name]

    def constant(self, op: Op, k: int) -> Array:
        """Its k-th input, which must be a constant."""
        found = self.optional(op, k)
        if found is None:
            op.refuse(f"it needs input {k}")
        return found

    def optional(self, op: Op, k: int) -> Array | None:
        """Its k-th input, which must be a constant if it is given."""
        name = op.inputs[k] if k < len(op.inputs) else ""
        if name and name not in self.constants:
            op.refuse(f"input {name!r} must be a constant, but it is worked out by the model")
        return self.constants[name] if name else None

    def numbers(self, op: Op, k: int, *shapes: Shape) -> Array:
        """A constant of real numbers with one of these shapes."""
        array = self.constant(op, k)
        if array.dtype.kind != "f" or (shapes and array.shape not in shapes):
            op.refuse(f"input {op.inputs[k]!r} is {array.dtype} {array.shape}, not {shapes}")
        return array

    def only_reader(self, op: Op) -> bool:
        """Whether nothing but this operator reads its first value."""
        return self.readers[op.inputs[0]] == 1

    # --- what it becomes ---

    def add(self, op: Op, layer: Layer, value: Value, **params: Array) -> Value:
        """A layer that reads the value as it is in ONNX."""
        at = self.settled(op, value)
        return self._append(op, layer, (at,), value.shape, params)

    def join(self, op: Op, layer: Layer, values: Sequence[Value]) -> Value:
        """A layer that reads several values as they are in ONNX."""
        ends = tuple(self.settled(op, value) for value in values)
        return self._append(op, layer, ends, tuple(value.shape for value in values), {})

    def elementwise(self, op: Op, layer: Layer, value: Value, **params: Array) -> Value:
        """A layer for which the order of the numbers does not matter."""
        made = self._append(op, layer, (value.at,), value.own, params)
        return replace(value, at=made.at)

    def settled(self, op: Op, value: Value) -> int:
        """The index of a layer that gives the value in ONNX's shape."""
        if value.places is not None:
            op.refuse("it reads numbers in an order that no layer gives (after a transposition)")
        if value.shape == value.own:
            return value.at
        layer = Flatten() if len(value.shape) == 1 else Reshape(shape=value.shape)
        return self._append(op, layer, (value.at,), value.own, {}).at

    def _append(
        self, op: Op, layer: Layer, inputs: tuple[int, ...], in_shape: Any, params: Params
    ) -> Value:
        try:
            as_in_configs().validate_python(frozen(to_tree(layer)))
            out, declared = layer.out_shape(in_shape), layer.params(in_shape)
        except ShapeError as error:
            op.refuse(str(error))
        except ValidationError as error:
            first = error.errors()[0]
            option = ".".join(map(str, first["loc"]))
            op.refuse(f"{option} = {first['input']}: {first['msg']}")
        if math.prod(out) > MOST_OUTPUTS:
            op.refuse(f"its output {out} has more than {MOST_OUTPUTS:,} numbers")
        shapes = {letter: array.shape for letter, array in params.items()}
        expected = {letter: param.shape for letter, param in declared.items()}
        if shapes != expected:
            op.refuse(f"its arrays are {shapes}, but the layer {layer.kind!r} has {expected}")
        self.layers.append(Made(layer, inputs, in_shape, params))
        return Value(len(self.layers) - 1, out, out)

    # --- the result ---

    def network(self, output: int) -> tuple[list[Item], dict[int, str]]:
        """(items of a config, names of the layers by index), without layers that nothing reads."""
        kept = self._reaching(output)
        names = names_of([Item(layer=self.layers[k].layer) for k in kept])
        of = {AT_INPUT: INPUT, **dict(zip(kept, names, strict=True))}
        items, before = [], AT_INPUT
        for k in kept:
            made = self.layers[k]
            sources = tuple(of[i] for i in made.inputs)
            given = sources if made.layer.joins else sources[0]
            follows = made.inputs == (before,)
            items.append(Item(layer=made.layer, source=None if follows else given))
            before = k
        return items, of

    def _reaching(self, output: int) -> list[int]:
        wanted = {output}
        for k in range(output, AT_INPUT, -1):
            if k in wanted:
                wanted |= set(self.layers[k].inputs)
        return sorted(wanted - {AT_INPUT})
