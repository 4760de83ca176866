"""An ONNX file as operators and constants, down to one output; anything unsound is refused."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from cnntrain.errors import DataError
from cnntrain.exchange.extras import needed
from cnntrain.registry import did_you_mean, listed
from cnntrain.types import Array, Params, Shape

OLDEST_OPSET = 6
STANDARD = ("", "ai.onnx")
MOST_NODES = 20_000
MOST_INPUTS = 1 << 24  # numbers in a sample


@dataclass(frozen=True)
class Op:
    """An operator of the graph. Attributes that nobody asked for count as not supported."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, or the default."""
        self.asked.add(name)
        return self.attributes.get(name, default)

    def refuse(self, why: str) -> NoReturn:
        """Refuse the model because of this operator."""
        raise DataError(f"node {self.name!r} ({self.kind}): {why}")

    def expect(self, **values: Any) -> None:
        """Refuse attributes that are given with other values than these."""
        for name, value in values.items():
            found = self.attribute(name, value)
            if found != value:
                self.refuse(f"{name} = {found} is not supported; it must be {value}")

    def check_all_asked(self) -> None:
        """Refuse attributes that are not supported."""
        if unknown := sorted(self.attributes.keys() - self.asked):
            self.refuse(f"its attributes {listed(unknown)} are not supported")


@dataclass(frozen=True)
class Graph:
    """The operators that lead from the input to the output, in the order of the computation."""

    opset: int
    input: str
    in_shape: Shape
    batch: int | None  # the number of samples, where the model has a fixed one
    output: str
    ops: tuple[Op, ...]
    constants: Params
    metadata: Mapping[str, str]

    @property
    def readers(self) -> Counter[str]:
        """How many operators read each value; the output has one more reader."""
        return Counter([self.output, *(name for op in self.ops for name in op.inputs)])

    def with_ops(self, ops: Iterable[Op]) -> "Graph":
        """The graph with other operators, without those that the output does not need."""
        return replace(self, ops=_needed_for(self.output, tuple(ops)))


def read_graph(content: bytes, folder: Path, output: str | None) -> Graph:
    """Read a model; ``DataError`` if it is no ONNX model, or not one with one input.

    ``folder``: where arrays are that have files of their own.
    """
    onnx = needed("onnx", "onnx", "an ONNX model")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
        onnx.checker.check_model(model) if not _is_split(model) else None
        onnx.load_external_data_for_model(model, str(folder))
    except Exception as error:  # the libraries of protocol buffers differ in their errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"not a readable ONNX model ({reason})") from None
    if not model.graph.node:
        raise DataError("not an ONNX model, or one without operators")
    return _graph(onnx, model, output)


def _is_split(model: Any) -> bool:
    """Whether some of its arrays are in files of their own."""
    return any(array.external_data for array in model.graph.initializer)


def _graph(onnx: Any, model: Any, output: str | None) -> Graph:
    graph = model.graph
    if len(graph.node) > MOST_NODES:
        raise DataError(f"{len(graph.node):,} nodes; a model may have up to {MOST_NODES:,}")
    opset = next((entry.version for entry in model.opset_import if entry.domain in STANDARD), 0)
    if opset < OLDEST_OPSET:
        raise DataError(f"opset {opset}; it must be {OLDEST_OPSET} or newer: export it again")
    constants = {array.name: _array(onnx, array) for array in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = listed([value.name for value in inputs])
        raise DataError(f"the model has {len(inputs)} inputs ({names}); it must have one")
    batch, in_shape = _sample_shape(onnx, inputs[0])
    ops = tuple(_op(onnx, node, model) for node in graph.node)
    return Graph(
        opset=opset,
        input=inputs[0].name,
        in_shape=in_shape,
        batch=batch,
        output=_chosen(graph, ops, output),
        ops=ops,
        constants=constants,
        metadata={entry.key: entry.value for entry in model.metadata_props},
    ).with_ops(ops)


def _array(onnx: Any, tensor: Any) -> Array:
    try:
        found: Array = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"the constant {tensor.name!r} cannot be read: {error}") from None
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise DataError(f"the constant {tensor.name!r} contains NaN or infinity")
    return found


def _sample_shape(onnx: Any, value: Any) -> tuple[int | None, Shape]:
    """(fixed number of samples or None, shape of one)."""
    tensor = value.type.tensor_type
    is_real = tensor.elem_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    sizes = [dim.dim_value for dim in tensor.shape.dim]
    if not is_real or len(sizes) not in (2, 4) or not all(s > 0 for s in sizes[1:]):
        shown = ", ".join(dim.dim_param or str(dim.dim_value or "?") for dim in tensor.shape.dim)
        raise DataError(
            f"the input {value.name!r} is ({shown}){'' if is_real else ', not of real numbers'}; "
            "it must be real numbers (N, J) or (N, C, H, W), where only N is free"
        )
    if int(np.prod(sizes[1:], dtype=object)) > MOST_INPUTS:
        raise DataError(f"the input {value.name!r} has more than {MOST_INPUTS:,} numbers")
    return sizes[0] or None, tuple(sizes[1:])


def _op(onnx: Any, node: Any, model: Any) -> Op:
    name = node.name or f"that gives {node.output[0] if node.output else 'nothing'}"
    kind = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
    attributes = {a.name: _attribute(onnx, a) for a in node.attribute}
    return Op(kind, name, tuple(node.input), tuple(node.output), attributes)


def _attribute(onnx: Any, attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _array(onnx, value)
    is_list = attribute.type >= onnx.AttributeProto.FLOATS
    return [_plain(item) for item in value] if is_list else _plain(value)


def _plain(value: Any) -> Any:
    """Text, or a number as it is written: 0.1 has been rounded to float32."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _chosen(graph: Any, ops: Iterable[Op], output: str | None) -> str:
    """The name of the output to be read up to: the one that is named, or the first real-valued."""
    made = {name for op in ops for name in op.outputs}
    if output is not None:
        if output not in made:
            raise DataError(
                f"--output {output}: no value has this name{did_you_mean(output, made)}"
            )
        return output
    real = [v.name for v in graph.output if v.type.tensor_type.elem_type in (0, 1, 11)]
    if not real:
        raise DataError("the model has no real-valued output")
    name: str = real[0]
    return name


def _needed_for(output: str, ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The operators that the output depends on."""
    wanted, kept = {output}, []
    for op in reversed(ops):
        if wanted & set(op.outputs):
            kept.append(op)
            wanted |= set(op.inputs)
    return tuple(reversed(kept))
