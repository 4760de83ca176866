"""Stateless randomness: every draw is a function of the seed and of its purpose.

Philox is a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"; Philox4x64-10): the key is (seed, purpose), the upper three words of its 256-bit counter
are ours, the lowest counts the draws. So no generator is ever stored or handed on, a resumed run
needs only its step number, and no draw depends on threads or machines.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a random stream. The values are part of the file format: never reuse one."""

    INIT = 1  # counters: layer, parameter
    SHUFFLE = 2  # epoch
    SPLIT = 3  # -
    LAYER = 4  # step, layer, shard
    SYNTHETIC = 5  # split
    GRADCHECK = 6  # case
    AUGMENT = 7  # step, shard, augmentation
    SWEEP = 8  # trial, key
    WORKSHEET = 9  # exercise
    TRACE = 10  # step


def stream(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """The generator of (seed, purpose, counters); at most three counters, each below 2**64."""
    words = np.zeros(4, dtype=np.uint64)
    words[1 : 1 + len(counters)] = counters
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=words, key=key))
