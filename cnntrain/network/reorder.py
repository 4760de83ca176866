"""The same function in a cheaper order: an activation moves behind the max-pooling that follows it.

For a non-decreasing f, max(f(z)) = f(max(z)) bit for bit. Where f is constant, a different one of
several equal values may win; if f' = 0 there, none of them receives a gradient. So outputs and
gradients are unchanged, and f is evaluated for a fraction of the values.
"""

from collections.abc import Sequence
from dataclasses import replace

from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.network.network import Network


def reordered(network: Network) -> Network:
    """The network with activations behind max-pooling where they may be."""
    nodes = list(network.nodes)
    readers = readers_of(nodes)  # an exchange changes what stands where, not who reads what
    for i, node in enumerate(nodes):
        pooling = _pooling_behind(nodes, i, readers[i], network.heads)
        if pooling is not None:
            pool = nodes[pooling]
            nodes[i] = replace(pool, inputs=node.inputs)
            nodes[pooling] = replace(
                node, inputs=(i,), in_shape=pool.out_shape, out_shape=pool.out_shape
            )
    return replace(network, nodes=tuple(nodes))


def moved(network: Network) -> dict[str, str]:
    """{activation: pooling}: names of the layers that ``reordered`` exchanges."""
    pairs = zip(network.nodes, reordered(network).nodes, strict=True)
    return {was.name: now.name for was, now in pairs if was.layer.commutes_with_max and was != now}


def readers_of(nodes: Sequence[Node]) -> list[list[int]]:
    """For every node, those that read its output."""
    readers: list[list[int]] = [[] for _ in nodes]
    for k, node in enumerate(nodes):
        for i in set(node.inputs) - {AT_INPUT}:
            readers[i].append(k)
    return readers


def _pooling_behind(
    nodes: Sequence[Node], i: int, readers: Sequence[int], heads: Sequence[int]
) -> int | None:
    """The max-pooling that is the only reader of node i, if the two may be exchanged."""
    if not nodes[i].layer.commutes_with_max or i in heads:
        return None
    alone = len(readers) == 1 and nodes[readers[0]].layer.takes_largest
    return readers[0] if alone and readers[0] not in heads else None
