"""A network: layers in a row, their shapes known before any array exists.

All arrays of a network form one flat dict ``{"conv1.W": ...}``: it is the checkpoint, the
optimiser's input and the gradient check's target.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cnntrain.errors import ShapeError
from cnntrain.layers import Context, Layer, Param
from cnntrain.registry import Spec
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array, Arrays, Params, Shape


@dataclass(frozen=True, kw_only=True)
class Item(Spec):
    """One entry of the config's ``network`` list: a layer, and the activation it may carry."""

    layer: Layer
    name: str | None = None
    activation: Layer | None = None

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``{dense: {units: 3, activation: relu}, name: x}``: take layer and activation apart."""
        if not isinstance(options, dict):
            return {"layer": options}
        fields = {key: options[key] for key in ("name",) if key in options}
        layer = {kind: inner for kind, inner in options.items() if kind not in fields}
        for kind, inner in layer.items():
            if isinstance(inner, dict) and "activation" in inner:
                fields["activation"] = inner["activation"]
                layer[kind] = {key: inner[key] for key in inner if key != "activation"}
        return {"layer": layer, **fields}

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``."""
        layer, activation = options["layer"], options["activation"]
        named = {"name": options["name"]} if options["name"] else {}
        if activation is not None:
            (kind, inner), *_ = layer.items()
            layer = {kind: {**inner, "activation": activation}}
        if named and isinstance(layer, str):
            layer = {layer: {}}
        return {**layer, **named} if named else layer


@dataclass(frozen=True)
class Node:
    """A layer at its place in the network. ``item`` is its index in the config's list."""

    name: str
    layer: Layer
    item: int
    in_shape: Shape
    out_shape: Shape
    params: dict[str, Param]

    def own(self, arrays: Arrays) -> Params:
        """This node's arrays by their letter."""
        return {letter: arrays[f"{self.name}.{letter}"] for letter in self.params}


@dataclass(frozen=True)
class Pass:
    """One run through the network: its random streams are keyed by seed, step and shard."""

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
    """y = f_L(... f_1(x)); frozen, without arrays."""

    in_shape: Shape
    nodes: tuple[Node, ...]

    @classmethod
    def build(cls, items: Sequence[Item], in_shape: Shape) -> Self:
        """Lay the layers out for samples of ``in_shape``; ``ShapeError`` names the item."""
        nodes: list[Node] = []
        shape = in_shape
        for (item, layer), name in zip(_layers(items), _names(items), strict=True):
            nodes.append(_place(layer, name, item, shape))
            shape = nodes[-1].out_shape
        return cls(in_shape, tuple(nodes))

    @property
    def out_shape(self) -> Shape:
        return self.nodes[-1].out_shape

    @property
    def params(self) -> dict[str, Param]:
        """All parameter arrays by their full name."""
        return {
            f"{node.name}.{letter}": param
            for node in self.nodes
            for letter, param in node.params.items()
        }

    @property
    def parameter_count(self) -> int:
        return sum(math.prod(param.shape) for param in self.params.values())

    @property
    def activation_count(self) -> int:
        """Numbers that the forward pass of one sample produces."""
        return sum(math.prod(node.out_shape) for node in self.nodes)

    @property
    def flops(self) -> int:
        """Floating-point operations of the forward pass of one sample."""
        return sum(node.layer.flops(node.in_shape) for node in self.nodes)

    def init(self, seed: int, dtype: np.dtype) -> Params:
        """The initial arrays; each depends on the seed, its layer's place and its letter alone."""
        arrays: Params = {}
        for i, node in enumerate(self.nodes):
            for j, (letter, param) in enumerate(node.params.items()):
                rng = stream(seed, Purpose.INIT, i, j)
                with _at_item(node.item, f"{node.name}.{letter}"):
                    drawn = param.init.draw(param.shape, param.fan_in, param.fan_out, rng)
                arrays[f"{node.name}.{letter}"] = drawn.astype(dtype)
        return arrays

    def forward(self, params: Arrays, x: Array, run: Pass) -> tuple[Array, list[Any]]:
        """(output, caches): x (C, H, W, N) or (J, N) through every layer."""
        caches = []
        for i, node in enumerate(self.nodes):
            x, cache = node.layer.forward(node.own(params), x, run.context(i))
            caches.append(cache)
        return x, caches

    def backward(
        self, params: Arrays, caches: list[Any], delta: Array, need_dx: bool = False
    ) -> tuple[Array | None, Params]:
        """(∂C/∂x or None, {"conv1.W": ∂C/∂W, ...}) from δ = ∂C/∂output. Uses the caches up."""
        grads: Params = {}
        d: Array | None = delta
        first = 0 if need_dx else self._first_with_params
        for i in reversed(range(len(self.nodes))):
            if i < first or d is None:
                break
            node = self.nodes[i]
            d, own = node.layer.backward(
                node.own(params), caches.pop(), d, need_dx=need_dx or i > first
            )
            grads |= {f"{node.name}.{letter}": grad for letter, grad in own.items()}
        return (d if need_dx else None), grads

    @property
    def _first_with_params(self) -> int:
        return next((i for i, node in enumerate(self.nodes) if node.params), len(self.nodes))

    def trace(self, params: Arrays, x: Array, run: Pass) -> Iterator[tuple[Node, Array]]:
        """Every node with its output, one after the other."""
        for i, node in enumerate(self.nodes):
            x, _ = node.layer.forward(node.own(params), x, run.context(i))
            yield node, x


def _layers(items: Sequence[Item]) -> Iterator[tuple[int, Layer]]:
    for i, item in enumerate(items):
        yield i, item.layer
        if item.activation is not None:
            yield i, item.activation


def _names(items: Sequence[Item]) -> list[str]:
    """Given names, or the kind without "2d" and a running number: conv1, relu1, conv2, ..."""
    taken: dict[str, int] = {}
    for i, item in enumerate(items):
        if item.name is not None:
            _check_name(item.name, i, taken)
            taken[item.name] = i
    counts: Counter[str] = Counter()
    names = []
    for i, layer in _layers(items):
        given = items[i].name if layer is items[i].layer else None
        if given is None:
            stem = layer.kind.removesuffix("2d")
            given = _next_free(stem, counts, taken)
        names.append(given)
    return names


def _next_free(stem: str, counts: Counter[str], taken: dict[str, int]) -> str:
    while True:
        counts[stem] += 1
        if (name := f"{stem}{counts[stem]}") not in taken:
            return name


def _check_name(name: str, item: int, taken: dict[str, int]) -> None:
    path = ("network", item, "name")
    if name in taken:
        raise ShapeError(f"two layers are called {name!r}", path)
    if not name.isidentifier():
        raise ShapeError(f"{name!r} is no name: use letters, digits and _", path)


@contextmanager
def _at_item(item: int, what: str) -> Iterator[None]:
    """Name the config item, and the array or layer, in every ShapeError raised inside."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"{what}: {error}", ("network", item, *error.path)) from None


def _place(layer: Layer, name: str, item: int, in_shape: Shape) -> Node:
    with _at_item(item, name):
        out_shape = layer.out_shape(in_shape)
        return Node(name, layer, item, in_shape, out_shape, layer.params(in_shape))


def equal_units(network: Network, params: Arrays) -> list[str]:
    """Names of hidden layers whose units start equal and therefore stay equal (seed 001).

    That is so if all rows of W (and of b) are the same and the next layer weighs all of its inputs
    the same: then every unit of the layer has the same δ, now and after every update.
    """
    weighted = [node for node in network.nodes if "W" in node.params]
    return [
        node.name
        for node, following in itertools.pairwise(weighted)
        if len(params[f"{node.name}.W"]) > 1
        and all(_constant_along(array, 0) for array in node.own(params).values())
        and _constant_along(params[f"{following.name}.W"], 1)
    ]


def _constant_along(array: Array, axis: int) -> bool:
    return bool((array == array.take([0], axis=axis)).all())
