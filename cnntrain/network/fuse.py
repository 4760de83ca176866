"""Layers worked out in one pass over a map: the same numbers, less to read and write.

- Max-pooling by 2 behind a convolution is worked out where that is written.
- So is a ReLU behind a convolution or a batch normalization.
- So is a sum of two maps of which one comes from a batch normalization, with a ReLU behind it.

Nobody else may read what is then never written. An identity stands in the place of a layer that is
worked out elsewhere, so that every layer keeps its number. The separate functions say what the
result is, bit for bit.
"""

from dataclasses import replace
from typing import Any

from cnntrain.layers import Layer
from cnntrain.layers.activations import Identity, Relu
from cnntrain.layers.batch_norm import BatchNorm, BatchNormAdd, BatchNormAddRelu, BatchNormRelu
from cnntrain.layers.conv2d import Conv2d, Conv2dRelu
from cnntrain.layers.conv_pool import Conv2dMaxPool
from cnntrain.layers.joining import Add
from cnntrain.layers.pooling import MaxPool2d, is_pair
from cnntrain.native import current
from cnntrain.network.graph import Node
from cnntrain.network.network import Network
from cnntrain.network.reorder import readers_of, reordered

Pairs = list[tuple[int, int]]  # (layer that is worked out elsewhere, layer in whose pass)

WITH_RELU: dict[type[Layer], type[Layer]] = {
    BatchNorm: BatchNormRelu,
    BatchNormAdd: BatchNormAddRelu,
    Conv2d: Conv2dRelu,
}


def fast(network: Network) -> Network:
    """The network as trained and evaluated: same parameters, identical result, less work."""
    return fused(reordered(network)) if current().isa else reordered(network)


def inside(network: Network) -> dict[str, str]:
    """{layer: the layer in whose pass it is worked out}, by name; none under NumPy."""
    if current().isa is None:
        return {}
    network = reordered(network)
    sums = _sums(network)
    found = [*sums, *_poolings(network), *_relus(_with_sums(network, sums))]
    names = [node.name for node in network.nodes]
    owner = {i: names[k] for i, k in sums}
    return {names[i]: owner.get(k, names[k]) for i, k in found}


def fused(network: Network) -> Network:
    """The network with its pairs in one pass; NumPy would work out each half for itself."""
    network = _with_sums(network, _sums(network))
    nodes = list(network.nodes)
    for i, k in _poolings(network):
        pool = nodes[i]
        options = {**vars(nodes[k].layer), "pool": pool.layer}
        nodes[k] = replace(nodes[k], layer=Conv2dMaxPool(**options), out_shape=pool.out_shape)
        nodes[i] = replace(pool, layer=Identity(), in_shape=pool.out_shape)
    for i, k in _relus(network):
        nodes[k] = _as(nodes[k], WITH_RELU[type(nodes[k].layer)])
        nodes[i] = replace(nodes[i], layer=Identity())
    return replace(network, nodes=tuple(nodes))


def _as(node: Node, kind: type[Layer]) -> Node:
    return replace(node, layer=kind(**vars(node.layer)))


def _with_sums(network: Network, sums: Pairs) -> Network:
    """Batch normalizations that add another map, in the places of the sums."""
    nodes = list(network.nodes)
    for j, k in sums:
        add, norm = nodes[j], nodes[k]
        (other,) = (i for i in add.inputs if i != k)
        shapes = (norm.in_shape,) * 2
        nodes[j] = replace(
            _as(norm, BatchNormAdd), inputs=(k, other), in_shape=shapes, out_shape=norm.out_shape
        )
        nodes[k] = replace(norm, name=add.name, layer=Identity(), params={})
    return replace(network, nodes=tuple(nodes))


def _sums(network: Network) -> Pairs:
    """(sum, the last batch normalization that it alone reads)."""
    found, read = [], _only_reader(network)
    for j, node in enumerate(network.nodes):
        if type(node.layer) is Add and len(set(node.inputs)) == len(node.inputs) == 2:
            norms = [k for k in node.inputs if read.get(k) == (BatchNorm, j)]
            found += [(j, max(norms))] if norms else []
    return found


def _relus(network: Network) -> Pairs:
    """(ReLU, the layer before it)."""
    before, nodes = _only_reader(network), network.nodes
    return [(i, k) for k, (kind, i) in before.items() if kind in WITH_RELU and _is(nodes[i], Relu)]


def _poolings(network: Network) -> Pairs:
    """(max-pooling by 2, the convolution before it)."""
    before, nodes = _only_reader(network), network.nodes
    return [
        (i, k)
        for k, (kind, i) in before.items()
        if kind is Conv2d and _is(nodes[i], MaxPool2d) and _takes_pairs(nodes[i])
    ]


def _is(node: Node, kind: type[Layer]) -> bool:
    return type(node.layer) is kind


def _takes_pairs(node: Node) -> bool:
    layer: Any = node.layer
    return all(map(is_pair, layer.axes(node.in_shape)))


def _only_reader(network: Network) -> dict[int, tuple[type[Layer], int]]:
    """For every node that one other reads, and no loss: its kind, and the number of the reader."""
    return {
        k: (type(network.nodes[k].layer), readers[0])
        for k, readers in enumerate(readers_of(network.nodes))
        if len(readers) == 1 and k not in network.heads
    }
