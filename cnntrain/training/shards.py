"""How a batch is cut: by its size and the network alone, never by the machine.

So any number of threads or machines gives the same bits.
"""

import itertools

from cnntrain.network.network import Network

SHARD_FLOPS = 100_000_000  # forward work worth a thread: less is lost to the interpreter lock
SHARD_LEAST_SAMPLES = 16  # fewer make narrow matrices, which are slow
SHARD_SAMPLES = 256  # more per shard is no faster
SHARD_ACTIVATIONS = 1 << 24  # numbers in all activations of a shard: bounds its memory


def shard_count(network: Network, samples: int) -> int:
    """A power of two: enough shards to bound the memory, and to keep threads busy if that pays."""
    activations = network.activation_count * samples
    needed = max(samples / SHARD_SAMPLES, activations / SHARD_ACTIVATIONS)
    worthwhile = network.flops * samples / SHARD_FLOPS
    count = 1
    while count < samples and (
        count < needed or 2 * count <= min(worthwhile, samples / SHARD_LEAST_SAMPLES)
    ):
        count *= 2
    return count


def cut(samples: int, shards: int) -> list[slice]:
    """``shards`` slices of nearly equal length that together are ``range(samples)``."""
    edges = [samples * k // shards for k in range(shards + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if b > a]
