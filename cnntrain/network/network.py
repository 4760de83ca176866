"""Networks: a graph of layers with shapes known before any array exists.

All arrays of a network form one flat dict ``{"conv1.W": ...}``, which checkpoints store, optimizers
update and the gradient check examines.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from cnntrain.layers import Context, Param, Steps, WholeBatchLayer, alone
from cnntrain.layers.activations import Identity
from cnntrain.native import current
from cnntrain.network.deltas import Deltas
from cnntrain.network.graph import AT_INPUT, Item, Node, at_item, lay_out
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array, Arrays, Params, Shape

Ready = Callable[[Params], object]  # told gradients that are final


@dataclass
class Caches:
    """Values kept by a forward pass for the backward pass, which consumes them."""

    layers: list[Any]  # one per node
    heads: dict[int, Array] = field(default_factory=dict)  # outputs inside the network, by node


@dataclass(frozen=True)
class Pass:
    """One pass through the network; its random streams are keyed by seed, step and shard."""

    training: bool = False
    seed: int = 0
    step: int = 0
    shard: int = 0

    def context(self, layer: int) -> Context:
        return Context(
            self.training,
            lambda: stream(self.seed, Purpose.LAYER, self.step, layer, self.shard),
        )


@dataclass(frozen=True)
class Network:
    """Layers and their connections, immutable and without arrays. The last node is the output."""

    in_shape: Shape
    nodes: tuple[Node, ...]
    heads: tuple[int, ...] = ()  # nodes besides the last whose outputs a loss reads

    @classmethod
    def build(cls, items: Sequence[Item], in_shape: Shape, heads: Sequence[str] = ()) -> Self:
        """Build the network for samples of ``in_shape``; ``ShapeError`` names the item.

        ``heads``: names of items, besides the last, whose outputs are kept for a loss.
        """
        return cls(in_shape, *lay_out(items, in_shape, heads))

    @property
    def out_shape(self) -> Shape:
        return self.nodes[-1].out_shape

    @cached_property
    def params(self) -> dict[str, Param]:
        """All parameter arrays by full name."""
        return {
            f"{node.name}.{letter}": param
            for node in self.nodes
            for letter, param in node.params.items()
        }

    @cached_property
    def trained(self) -> dict[str, Param]:
        """Those that are trained."""
        return {name: param for name, param in self.params.items() if param.trainable}

    @cached_property
    def rates(self) -> list[tuple[float, float]]:
        """(``lr_mult``, ``decay_mult``) of each of them."""
        return [(param.lr_mult, param.decay_mult) for param in self.trained.values()]

    @cached_property
    def couples_samples(self) -> bool:
        """Whether a layer needs sums over the whole batch, so that all shards run together."""
        return any(isinstance(node.layer, WholeBatchLayer) for node in self.nodes)

    @cached_property
    def parameter_count(self) -> int:
        counted = (param for param in self.params.values() if not param.is_buffer)
        return sum(math.prod(param.shape) for param in counted)

    @cached_property
    def activation_count(self) -> int:
        """Number of values that the forward pass of one sample produces."""
        return sum(math.prod(node.out_shape) for node in self.nodes)

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of the forward pass of one sample."""
        return sum(node.layer.flops(node.in_shape) for node in self.nodes)

    def init(self, seed: int, dtype: np.dtype) -> Params:
        """The initial arrays; each depends only on the seed, its layer's index and its letter."""
        arrays: Params = {}
        for i, node in enumerate(self.nodes):
            for j, (letter, param) in enumerate(node.params.items()):
                rng = stream(seed, Purpose.INIT, i, j)
                with at_item(node.item, f"{node.name}.{letter}", node.layer.kind):
                    drawn = param.init.draw(param.shape, param.fan_in, param.fan_out, rng)
                with np.errstate(over="ignore"):  # training reports the infinity
                    arrays[f"{node.name}.{letter}"] = drawn.astype(dtype, order="C")
        return arrays

    def forward(self, params: Arrays, x: Array, run: Pass) -> tuple[Array, Caches]:
        """(output, caches) of an undivided batch x (C, H, W, N) or (J, N)."""
        return alone(self.forward_steps(params, x, run))

    def forward_steps(self, params: Arrays, x: Array, run: Pass) -> Steps[tuple[Array, Caches]]:
        """``forward`` for one shard: yields sums over it, receives sums over the whole batch."""
        values = {AT_INPUT: x}
        caches = Caches([])
        for i, node in enumerate(self.nodes):
            inputs = _read(node, values)
            own, context = node.own(params), run.context(i)
            if isinstance(node.layer, WholeBatchLayer):
                values[i], cache = yield from node.layer.forward_steps(own, inputs, context)
            else:
                values[i], cache = node.layer.forward(own, inputs, context)
            caches.layers.append(cache)
            for k in self._last_read_by[i]:
                del values[k]
        caches.heads = {head: values[head] for head in self.heads}
        return values[len(self.nodes) - 1], caches

    def backward(
        self,
        params: Arrays,
        caches: Caches,
        delta: Array,
        need_dx: bool = False,
        head_deltas: Mapping[int, Array] = MappingProxyType({}),
    ) -> tuple[Array | None, Params]:
        """(∂C/∂x or None, {"conv1.W": ∂C/∂W, ...}) of an undivided batch."""
        return alone(self.backward_steps(params, caches, delta, need_dx, head_deltas))

    def backward_steps(
        self,
        params: Arrays,
        caches: Caches,
        delta: Array,
        need_dx: bool = False,
        head_deltas: Mapping[int, Array] = MappingProxyType({}),
        ready: Ready | None = None,
    ) -> Steps[tuple[Array | None, Params]]:
        """Gradients from δ = ∂C/∂output and the δ at the heads, for one shard.

        A node that is read by several others receives the sum of their ∂C/∂x. ``ready`` is told the
        gradients of each node as soon as they are final.
        """
        grads: Params = {}
        deltas, source = Deltas(self.nodes), self._source
        for k, part in {**head_deltas, len(self.nodes) - 1: delta}.items():
            deltas.give(source[k], part, is_new=False)
        for i in reversed(range(len(self.nodes))):
            node, cache = self.nodes[i], caches.layers.pop()
            wanted = [need_dx or self._has_params_below[k] for k in node.inputs]
            if source[i] != i or not (any(wanted) or node.params):
                continue
            layer, own, (d, more) = node.layer, node.own(params), deltas.take(i)
            if not isinstance(layer, WholeBatchLayer):
                dx, found = layer.backward(own, cache, d, any(wanted))
            elif deltas.may_overwrite(i):
                dx, found = yield from layer.backward_in_place(own, cache, (d, more), any(wanted))
            else:
                dx, found = yield from layer.backward_steps(own, cache, d, any(wanted))
            named = {f"{node.name}.{letter}": grad for letter, grad in found.items()}
            grads |= named
            if ready is not None and named:
                ready(named)
            for k, part, is_wanted in zip(
                node.inputs, dx if layer.joins else (dx,), wanted, strict=True
            ):
                if is_wanted:
                    deltas.give(source[k], part, layer.new_dx)
        return deltas.of_input(), grads

    def buffers(self, params: Arrays, caches: Caches) -> Params:
        """New running statistics after a forward pass in training; to be called before backward."""
        return {
            f"{node.name}.{letter}": value
            for node, cache in zip(self.nodes, caches.layers, strict=True)
            for letter, value in node.layer.buffers(node.own(params), cache).items()
        }

    @cached_property
    def _has_params_below(self) -> dict[int, bool]:
        """For every node, and the input: whether it or a node it reads from has parameters."""
        has = {AT_INPUT: False}
        for i, node in enumerate(self.nodes):
            has[i] = bool(node.params) or any(has[k] for k in node.inputs)
        return has

    @cached_property
    def _source(self) -> dict[int, int]:
        """For every node, and the input: the node whose output it has, itself unless it only passes
        it on."""
        source = {AT_INPUT: AT_INPUT}
        for i, node in enumerate(self.nodes):
            source[i] = source[node.inputs[0]] if isinstance(node.layer, Identity) else i
        return source

    @cached_property
    def _last_read_by(self) -> list[list[int]]:
        """For every node, the values that no later node reads."""
        last = {k: i for i, node in enumerate(self.nodes) for k in node.inputs}
        kept = {*self.heads, len(self.nodes) - 1}
        freed: list[list[int]] = [[] for _ in self.nodes]
        for k, i in last.items():
            if k not in kept:
                freed[i].append(k)
        return freed

    def trace(self, params: Arrays, x: Array, run: Pass) -> Iterator[tuple[Node, Array]]:
        """Every node with its output, in order."""
        values = {AT_INPUT: x}
        for i, node in enumerate(self.nodes):
            inputs = _read(node, values)
            values[i], _ = node.layer.forward(node.own(params), inputs, run.context(i))
            yield node, values[i]


def _read(node: Node, values: Mapping[int, Array]) -> Any:
    """The input of a node: one array, or a tuple of arrays if its layer joins several."""
    arrays = tuple(values[k] for k in node.inputs)
    return arrays if node.layer.joins else arrays[0]


def by_numpy(network: Network) -> tuple[str, ...]:
    """Names of the layers that NumPy works out, because the engine has nothing else for them."""
    return tuple(
        node.name
        for node in network.nodes
        if current().isa is None or not (node.layer.only_views or node.layer.has_twin())
    )


def equal_units(network: Network, params: Arrays) -> list[str]:
    """Names of hidden layers whose units start equal and therefore never become different.

    This happens if all rows of W (and of b) are equal, the next layer weights all of its inputs
    equally, and no random layer between them treats units differently: every unit of the layer then
    has the same δ, now and after every update (Goodfellow, Bengio & Courville 2016, section 8.4).
    """
    weighted = [i for i, node in enumerate(network.nodes) if "W" in node.params]
    return [
        network.nodes[i].name
        for i, following in itertools.pairwise(weighted)
        if len(params[f"{network.nodes[i].name}.W"]) > 1
        and all(_constant_along(array, 0) for array in network.nodes[i].own(params).values())
        and _constant_along(params[f"{network.nodes[following].name}.W"], 1)
        and not any(node.layer.is_random for node in network.nodes[i:following])
    ]


def _constant_along(array: Array, axis: int) -> bool:
    return bool((array == array.take([0], axis=axis)).all())
