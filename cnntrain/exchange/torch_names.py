"""Arrays of a network under the names and in the layouts of PyTorch's ``state_dict``.

The module of a layer has the layer's name: ``conv1.weight`` is W of conv1. The modules are those of
an ``nn.Sequential`` of an ``OrderedDict``, or attributes of a module. Of a layer of a new kind that
has arrays, the names are entered here.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from cnntrain.errors import DataError
from cnntrain.network.graph import Node
from cnntrain.network.network import Network
from cnntrain.registry import listed
from cnntrain.types import Array, Arrays, Params, Shape

WEIGHTED = {"W": "weight", "b": "bias"}
SCALED = {"gamma": "weight", "beta": "bias"}
NAMES: dict[str, Mapping[str, str]] = {
    "dense": WEIGHTED,
    "conv2d": WEIGHTED,
    "conv_transpose2d": WEIGHTED,
    "batch_norm": {**SCALED, "mean": "running_mean", "variance": "running_var"},
    "layer_norm": SCALED,
    "group_norm": SCALED,
    "prelu": {"slope": "weight"},
}
COUNTER = "num_batches_tracked"  # of batch normalization; no result depends on it


def torch_shape(node: Node, letter: str) -> Shape:
    """The shape of an array in PyTorch: biases and scales are vectors, the rest is as here."""
    shape = node.params[letter].shape
    as_here = letter == "W" or node.layer.kind == "layer_norm"
    return shape if as_here else (int(np.prod(shape)),)


def to_state_dict(network: Network, params: Arrays) -> Params:
    """The arrays by PyTorch's names."""
    found: Params = {}
    for node in with_arrays(network):
        for letter, name in names_of(node).items():
            array = params[f"{node.name}.{letter}"].reshape(torch_shape(node, letter))
            found[f"{node.name}.{name}"] = np.ascontiguousarray(array)
        if node.layer.kind == "batch_norm":
            found[f"{node.name}.{COUNTER}"] = np.zeros((), np.int64)
    return found


def from_state_dict(network: Network, tensors: Arrays, where: str) -> Params:
    """The network's arrays from those of a ``state_dict``; ``DataError`` where they do not fit.

    Modules are matched by name; if none has the name of a layer, in the order of their names, with
    numbers as numbers: ``0.weight``, ``3.weight``, ``10.weight`` as ``nn.Sequential`` names them.
    """
    modules: dict[str, dict[str, Array]] = {}
    for name, tensor in tensors.items():
        module, _, own = name.rpartition(".")
        if own != COUNTER:
            modules.setdefault(module, {})[own] = tensor
    nodes = with_arrays(network)
    matched = _matched(nodes, modules, where)
    return {
        f"{node.name}.{letter}": array
        for node in nodes
        for letter, array in _own(node, matched[node.name], modules, where).items()
    }


def with_arrays(network: Network) -> list[Node]:
    """The nodes that have arrays."""
    return [node for node in network.nodes if node.params]


def names_of(node: Node) -> dict[str, str]:
    """PyTorch's name of each of the node's arrays."""
    return {letter: NAMES[node.layer.kind][letter] for letter in node.params}


def _matched(nodes: list[Node], modules: Iterable[str], where: str) -> dict[str, str]:
    """{layer: module of the file}."""
    layers, given = [node.name for node in nodes], sorted(modules, key=_with_numbers)
    if set(layers) == set(given):
        return dict(zip(layers, layers, strict=True))
    if set(layers) & set(given) or len(layers) != len(given):
        missing, extra = set(layers) - set(given), set(given) - set(layers)
        problems = {"has no arrays of": missing, "has arrays of": extra}
        said = " and ".join(
            f"{what} {listed(sorted(names))}" for what, names in problems.items() if names
        )
        raise DataError(
            f"{where}: does not fit the config's network: it {said}; give the layers of the config "
            "the names of the modules in the file ('name:')"
        )
    return dict(zip(layers, given, strict=True))


def _with_numbers(name: str) -> list[tuple[int, str]]:
    """A key by which conv2 comes before conv10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _own(node: Node, module: str, modules: Mapping[str, Mapping[str, Array]], where: str) -> Params:
    """The arrays of one layer."""
    names, given = names_of(node), modules[module]
    expected = {name: torch_shape(node, letter) for letter, name in names.items()}
    found = {name: tensor.shape for name, tensor in given.items()}
    if found != expected:
        raise DataError(
            f"{where}: {module or 'the module without a name'} has {_shapes(found)}, but "
            f"{node.name} ({node.layer.kind}) needs {_shapes(expected)}"
        )
    return {
        letter: given[names[letter]].reshape(param.shape) for letter, param in node.params.items()
    }


def _shapes(of: Mapping[str, Shape]) -> str:
    return listed([f"{name} {shape}" for name, shape in sorted(of.items())])
