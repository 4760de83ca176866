"""The layer graph: from the config's list of items to connected layers with known shapes.

Any mistake in a network is detected here, before any array exists.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cnntrain.errors import NotAnImage, ShapeError
from cnntrain.layers import Layer, Param
from cnntrain.registry import Spec, did_you_mean, with_kind_as_key
from cnntrain.types import Arrays, Params, Shape

INPUT = "input"  # the name by which ``from:`` refers to the network's input
AT_INPUT = -1  # its index among the nodes
MOST_LAYERS = 3_000  # a gradient check of so many takes seconds


@dataclass(frozen=True, kw_only=True)
class Item(Spec):
    """One entry of the config's ``network`` list: a layer with an optional activation.

    ``name`` lets other items refer to its output; ``from`` names its inputs (default: the previous
    item).
    """

    layer: Layer
    name: str | None = None
    source: str | tuple[str, ...] | None = None
    activation: Layer | None = None

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``{dense: {units: 3, activation: relu}, name: x}``: separate layer and activation."""
        if not isinstance(options, dict):
            return {"layer": options}
        own = {"name": "name", "from": "source"}
        fields = {own[key]: options[key] for key in own if key in options}
        given = {kind: inner for kind, inner in options.items() if kind not in own}
        layer = dict(with_kind_as_key(given, ("type", "kind"), Layer))
        for kind, inner in layer.items():
            if isinstance(inner, dict) and "activation" in inner:
                fields["activation"] = inner["activation"]
                layer[kind] = {key: inner[key] for key in inner if key != "activation"}
            elif inner is None and fields:  # `- flatten:` with `name:` below it
                layer[kind] = {}
        return {"layer": layer, **fields}

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``."""
        layer, activation = options["layer"], options["activation"]
        words = {"name": options["name"], "from": options["source"]}
        beside = {key: value for key, value in words.items() if value is not None}
        if activation is not None or (beside and isinstance(layer, str)):
            ((kind, inner),) = ({layer: {}} if isinstance(layer, str) else layer).items()
            layer = {kind: {**inner, "activation": activation} if activation else inner}
        return {**layer, **beside} if beside else layer


@dataclass(frozen=True)
class Node:
    """A layer in the network. ``item`` is its index in the config's list."""

    name: str
    layer: Layer
    item: int
    inputs: tuple[int, ...]  # the nodes whose outputs it reads
    in_shape: Any  # a tuple of shapes for a layer with several inputs
    out_shape: Shape
    params: dict[str, Param]

    def own(self, arrays: Arrays) -> Params:
        """This node's arrays by letter."""
        return {letter: arrays[f"{self.name}.{letter}"] for letter in self.params}


def lay_out(
    items: Sequence[Item], in_shape: Shape, heads: Sequence[str]
) -> tuple[tuple[Node, ...], tuple[int, ...]]:
    """(nodes, indices of the ``heads``) for samples of ``in_shape``; errors name the item."""
    count = sum(1 for _ in _layers(items))
    if count > MOST_LAYERS:
        problem = f"{count:,} layers; a network may have up to {MOST_LAYERS:,}"
        raise ShapeError(problem, ("network",))
    names = names_of(items)
    nodes: list[Node] = []
    ends = {INPUT: AT_INPUT}  # from a name to the node that produces its output
    for (item, layer), name in zip(_layers(items), names, strict=True):
        is_activation = layer is not items[item].layer
        sources = None if is_activation else items[item].source
        inputs = _inputs(item, name, sources, len(nodes) - 1, ends, names)
        nodes.append(_place(layer, name, item, inputs, nodes, in_shape))
        ends[name] = len(nodes) - 1
        ends[items[item].name or name] = len(nodes) - 1
    found = tuple(_head(head, ends, len(nodes) - 1) for head in heads)
    if len(set(found)) < len(found):
        raise ShapeError("two losses on the same output; give each output one loss", ("loss",))
    _check_all_read(nodes, found)
    return tuple(nodes), found


def _inputs(
    item: int,
    name: str,
    sources: str | tuple[str, ...] | None,
    before: int,
    ends: dict[str, int],
    names: Sequence[str],
) -> tuple[int, ...]:
    """The nodes that an item reads: those it names, or the previous one."""
    if sources is None:
        return (before,)
    wanted = (sources,) if isinstance(sources, str) else sources
    for source in wanted:
        if source in ends:
            continue
        if source in names:
            problem = f"{name} reads {source!r}, which is not before it; read only earlier layers"
        else:
            problem = f"{name} reads {source!r}, but no layer has that name"
            problem += did_you_mean(source, ends)
        raise ShapeError(problem, ("network", item, "from"))
    return tuple(ends[source] for source in wanted)


def _head(name: str, ends: dict[str, int], last: int) -> int:
    """The node whose output a loss reads under this name."""
    if name not in ends or name == INPUT:
        known = ends.keys() - {INPUT}
        raise ShapeError(f"no layer is named {name!r}{did_you_mean(name, known)}", ("loss",))
    if ends[name] == last:
        raise ShapeError(f"{name!r} is the last layer; omit 'output'", ("loss",))
    return ends[name]


def _check_all_read(nodes: Sequence[Node], heads: Sequence[int]) -> None:
    read = {k for node in nodes for k in node.inputs} | {*heads, len(nodes) - 1}
    for i, node in enumerate(nodes):
        if i not in read:
            raise ShapeError(
                f"{node.name}: nothing reads its output, and it is not the last layer "
                f"({nodes[-1].name}); name it in a 'from' or remove it",
                ("network", node.item),
            )


def _layers(items: Sequence[Item]) -> Iterator[tuple[int, Layer]]:
    for i, item in enumerate(items):
        yield i, item.layer
        if item.activation is not None:
            yield i, item.activation


def names_of(items: Sequence[Item]) -> list[str]:
    """Given names, or the kind without "2d" plus a counter: conv1, relu1, conv2, ..."""
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
    if name == INPUT:
        raise ShapeError(f"{INPUT!r} is the name of the network's input; choose another", path)
    if name in taken:
        raise ShapeError(f"two layers are named {name!r}; names must be unique", path)
    if not name.isidentifier():
        raise ShapeError(f"{name!r} is not a valid name; use letters, digits and _", path)


@contextmanager
def at_item(item: int, what: str, kind: str) -> Iterator[None]:
    """Add the config item, and the array or layer, to every ShapeError raised inside."""
    try:
        yield
    except ShapeError as error:
        option = (kind, *error.path) if error.path else ()
        raise ShapeError(f"{what}: {error}", ("network", item, *option)) from None


def _place(
    layer: Layer,
    name: str,
    item: int,
    inputs: tuple[int, ...],
    nodes: Sequence[Node],
    in_shape: Shape,
) -> Node:
    shapes = tuple(in_shape if k == AT_INPUT else nodes[k].out_shape for k in inputs)
    who = " and ".join(INPUT if k == AT_INPUT else nodes[k].name for k in inputs)
    if not layer.joins and len(shapes) != 1:
        problem = f"{name} reads {who}, but {layer.kind} takes one input"
        raise ShapeError(problem, ("network", item, "from"))
    own_shape: Any = shapes if layer.joins else shapes[0]
    with at_item(item, f"{name} (after {who})", layer.kind):
        try:
            out_shape = layer.out_shape(own_shape)
        except NotAnImage as error:
            raise NotAnImage(f"{error}; {_image_remedy(nodes)}", error.path) from None
        return Node(
            name=name,
            layer=layer,
            item=item,
            inputs=inputs,
            in_shape=own_shape,
            out_shape=out_shape,
            params=layer.params(own_shape),
        )


def _image_remedy(before: Sequence[Node]) -> str:
    """How a layer that needs an image gets one, after these layers."""
    if any(node.layer.kind == "flatten" for node in before):
        return "it must come before 'flatten'"
    return "put 'reshape: {shape: [C, H, W]}' before it"
