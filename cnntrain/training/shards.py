"""How a batch is cut: by its size and the network alone, never by the machine.

So any number of threads or machines gives the same bits.
"""

import itertools
import math

from cnntrain.network.network import Network

SHARD_FLOPS = 10_000_000  # forward work worth a thread: less is lost in meeting it
SHARD_FLOPS_PER_PARAMETER = 100  # every shard sums its own gradients, which must be added up
SHARD_LEAST_SAMPLES = 8  # for every shard there is: the more of them, the more each must do
SHARD_SAMPLES = 256  # more per shard is no faster
SHARD_ACTIVATIONS = 1 << 24  # numbers in all activations of a shard: bounds its memory


def shard_count(network: Network, samples: int) -> int:
    """A power of two: enough shards to bound the memory, and to keep threads busy if that pays."""
    activations = network.activation_count * samples
    needed = max(samples / SHARD_SAMPLES, activations / SHARD_ACTIVATIONS)
    least = SHARD_FLOPS + SHARD_FLOPS_PER_PARAMETER * network.parameter_count
    worthwhile = network.flops * samples / least
    count = 1
    while count < samples and (
        count < needed or 2 * count <= min(worthwhile, math.sqrt(samples / SHARD_LEAST_SAMPLES))
    ):
        count *= 2
    return count


def groups(network: Network, samples: int, parts: int) -> list[list[slice]]:
    """The shards of a batch, in ``parts`` groups that run one after the other, to save memory.

    The shards are those of the whole batch, so the groups change no bit, unless layers couple the
    samples of a group: then each group is cut as a batch of its own.
    """
    if parts == 1 or not network.couples_samples:
        shards = cut(samples, shard_count(network, samples))
        each = math.ceil(len(shards) / parts)
        return [shards[k : k + each] for k in range(0, len(shards), each)]
    return [
        [slice(part.start + a.start, part.start + a.stop) for a in _cut_alone(network, part)]
        for part in cut(samples, parts)
    ]


def _cut_alone(network: Network, part: slice) -> list[slice]:
    size = part.stop - part.start
    return cut(size, shard_count(network, size))


def cut(samples: int, shards: int) -> list[slice]:
    """``shards`` slices of nearly equal length that together are ``range(samples)``."""
    edges = [samples * k // shards for k in range(shards + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if b > a]
