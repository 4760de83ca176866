"""Pairs of layers in one pass over a map: the same numbers, less to read and write.

A ReLU whose only input is a convolution or a batch normalization, of which nobody else reads, is
worked out where that is written; an identity stands in its place, so that every layer keeps its
number. The separate functions say what the pair gives, bit for bit.
"""

from dataclasses import replace

from cnntrain.layers import Layer
from cnntrain.layers.activations import Identity, Relu
from cnntrain.layers.batch_norm import BatchNorm, BatchNormRelu
from cnntrain.layers.conv2d import Conv2d, Conv2dRelu
from cnntrain.native import current
from cnntrain.network.network import Network
from cnntrain.network.reorder import readers_of, reordered

WITH_RELU: dict[type[Layer], type[Layer]] = {BatchNorm: BatchNormRelu, Conv2d: Conv2dRelu}


def fast(network: Network) -> Network:
    """The network as trained and evaluated: same parameters, identical result, less work."""
    return fused(reordered(network)) if current().isa else reordered(network)


def fused(network: Network) -> Network:
    """The network with its pairs in one pass; NumPy would work out each half for itself."""
    nodes = list(network.nodes)
    for i, k in _pairs(network):
        layer = nodes[k].layer
        nodes[k] = replace(nodes[k], layer=WITH_RELU[type(layer)](**vars(layer)))
        nodes[i] = replace(nodes[i], layer=Identity())
    return replace(network, nodes=tuple(nodes))


def inside(network: Network) -> dict[str, str]:
    """{activation: the layer in whose pass it is worked out}, by name; none under NumPy."""
    if current().isa is None:
        return {}
    network = reordered(network)
    return {network.nodes[i].name: network.nodes[k].name for i, k in _pairs(network)}


def _pairs(network: Network) -> list[tuple[int, int]]:
    """(ReLU, layer before it) of every pair."""
    nodes, readers = network.nodes, readers_of(network.nodes)
    return [
        (i, k)
        for i, node in enumerate(nodes)
        if type(node.layer) is Relu
        for k in node.inputs
        if k >= 0 and type(nodes[k].layer) in WITH_RELU
        if readers[k] == [i] and k not in network.heads
    ]
