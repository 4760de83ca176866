"""What each kind of layer is in ONNX: one function per kind enters itself here.

ONNX has samples first and the rest as here: (N, C, H, W), weights (F, C/groups, KH, KW).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cnntrain.exchange.onnx_out.builder import Builder
from cnntrain.network.graph import Node
from cnntrain.types import Params, Shape


@dataclass(frozen=True)
class Place:
    """A layer to be mapped: its node and arrays, and the builder that takes its operators."""

    to: Builder
    node: Node
    params: Params
    inputs: Sequence[str]

    @property
    def layer(self) -> Any:
        """The layer with its options."""
        return self.node.layer

    @property
    def x(self) -> str:
        """The name of its only input."""
        return self.inputs[0]

    def array(self, letter: str, shape: Shape | None = None) -> str:
        """One of its arrays as a constant, in another shape if that is given."""
        values = self.params[letter]
        return self.to.constant(letter, values if shape is None else values.reshape(shape))

    def flat(self, *letters: str) -> list[str]:
        """Some of its arrays as vectors; those that it does not have are left out."""
        return [self.array(letter, (-1,)) for letter in letters if letter in self.params]

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """An operator that reads these values, or else the layer's input."""
        return self.to.op(kind, *(inputs or (self.x,)), **attributes)


Mapping = Callable[[Place], str]
MAPPINGS: dict[str, Mapping] = {}


def maps(*kinds: str) -> Callable[[Mapping], Mapping]:
    """``@maps("dense")``: this function adds the operators of the kind, and names their result."""

    def enter(mapping: Mapping) -> Mapping:
        MAPPINGS.update(dict.fromkeys(kinds, mapping))
        return mapping

    return enter
