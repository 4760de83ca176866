"""The nodes and constants of an ONNX graph, collected in the order of the computation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnntrain.exchange.extras import needed
from cnntrain.types import Array


class Builder:
    """Collects nodes; every value is known by its name."""

    def __init__(self, opset: int) -> None:
        self.onnx = needed("onnx", "onnx", "an ONNX model")
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.layer = ""  # whose nodes are added, and the beginning of their names

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """The name of a constant of the layer."""
        full = f"{self.layer}.{name}"
        array = np.ascontiguousarray(np.asarray(values, dtype))
        self.constants[full] = self.onnx.numpy_helper.from_array(array, full)
        return full

    def integers(self, name: str, values: Sequence[int]) -> str:
        """The name of a list of integers, such as a shape."""
        return self.constant(name, values, np.int64)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node of this operator; the name of its (first) output."""
        name = f"{self.layer}/{kind}_{len(self.nodes)}"
        names = [name, *(f"{name}.{k}" for k in range(1, outputs))]
        made = self.onnx.helper.make_node(kind, list(inputs), names, name, **attributes)
        self.nodes.append(made)
        return name

    def affine(self, x: str, factor: Array, shift: Array) -> str:
        """x · factor + shift for constants that broadcast."""
        scaled = self.op("Mul", x, self.constant("factor", factor))
        return self.op("Add", scaled, self.constant("shift", shift))
