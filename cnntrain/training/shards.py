"""How a batch is cut, run in parallel and summed.

The cut depends on the network and the batch size alone, never on the machine, and sums are taken
pairwise in a fixed tree. While shards run, BLAS is held to one thread, because its products differ
in the last bits from one number of threads to another. So any number of threads gives the same
bits.
"""

import ctypes
import itertools
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any, Generic, Self, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from cnntrain.layers import BatchSums
from cnntrain.network.network import Network

T = TypeVar("T")

SHARD_FLOPS = 100_000_000  # forward work worth a thread: below, the interpreter lock eats the gain
SHARD_LEAST_SAMPLES = 16  # fewer make narrow matrices, which are slow
SHARD_SAMPLES = 256  # more per shard is no faster
SHARD_ACTIVATIONS = 1 << 24  # numbers in all activations of a shard: bounds its memory


def shard_count(network: Network, samples: int) -> int:
    """A power of two: enough shards to bound the memory, and to feed threads if it pays."""
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


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next step, where it lets itself be told so.

    Every step allocates the same arrays again. If glibc gives their memory back to the system in
    between, each step pays for thousands of page faults: 7.5 ms in place of 3.3 for LeNet-5 with
    64 samples, in one process and not in the next. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
        mallopt(parameter, KEPT_BYTES)
    mallopt(M_ARENA_MAX, 1)


class Workers:
    """Threads that run shards; a context manager that also holds BLAS to one thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._limits: threadpool_limits | None = None

    def __enter__(self) -> Self:
        keep_freed_memory()
        self._limits = threadpool_limits(limits=1, user_api="blas")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._limits is not None:
            self._limits.restore_original_limits()

    def tree_sum(self, work: Callable[[int], T], shards: int, add: Callable[[T, T], T]) -> T:
        """``work(0) + work(1) + ...``, pairwise: ((0+1)+(2+3))+... for any number of threads.

        At most ``threads`` results and one partial sum per level of the tree are held at a time.
        """
        return pairwise_sum(self._results(work, shards), add)

    def together(
        self,
        shards: Sequence[Generator[BatchSums, BatchSums, T]],
        add: Callable[[BatchSums, BatchSums], BatchSums],
    ) -> list[T]:
        """Run all shards side by side; where they yield sums, each receives the total of all.

        All of them yield equally often: they run the same network.
        """
        workers = min(self.threads, len(shards))
        rounds = _Rounds(shards, workers, add)
        others = [self._pool.submit(rounds.run, w) for w in range(1, workers)] if self._pool else []
        with suppress(BrokenBarrierError):  # another worker has failed: its error comes below
            rounds.run(0)
        for other in others:
            with suppress(BrokenBarrierError):
                other.result()
        return [value for _, value in rounds.parts]

    def _results(self, work: Callable[[int], T], shards: int) -> Iterator[T]:
        if self._pool is None or shards == 1:
            yield from map(work, range(shards))
            return
        for start in range(0, shards, self.threads):
            yield from self._pool.map(work, range(start, min(start + self.threads, shards)))


def pairwise_sum(parts: Iterable[T], add: Callable[[T, T], T]) -> T:
    """((0+1)+(2+3))+...: one order of additions for any number of parts."""
    partial: list[tuple[int, T]] = []  # (level, sum), levels falling
    for part in parts:
        level = 0
        while partial and partial[-1][0] == level:
            part = add(partial.pop()[1], part)
            level += 1
        partial.append((level, part))
    total = partial.pop()[1]
    while partial:
        total = add(partial.pop()[1], total)
    return total


class _Rounds(Generic[T]):
    """Shards that go from sum to sum side by side; every worker keeps to its own shards.

    The last worker to arrive adds up, and all go on at once: a batch normalization meets three
    times, so handing single shards to a pool in every round would cost more than it gains.
    """

    def __init__(
        self,
        shards: Sequence[Generator[BatchSums, BatchSums, T]],
        workers: int,
        add: Callable[[BatchSums, BatchSums], BatchSums],
    ) -> None:
        self.parts: list[tuple[bool, Any]] = [(False, None)] * len(shards)
        self._shards, self._workers, self._add = shards, workers, add
        self._total: BatchSums | None = None
        self._meeting = Barrier(workers, self._sum_up)

    def run(self, worker: int) -> None:
        """The work of one worker, from the first round to the last."""
        try:
            while not all(done for done, _ in self.parts):
                for k in range(worker, len(self._shards), self._workers):
                    self.parts[k] = _advance(self._shards[k], self._total)
                self._meeting.wait()
        except BaseException:
            self._meeting.abort()  # nobody waits for this worker any more
            raise

    def _sum_up(self) -> None:
        if any(done for done, _ in self.parts):
            return
        with np.errstate(all="ignore"):  # what overflows is found later, with its place
            self._total = pairwise_sum((sums for _, sums in self.parts), self._add)


def _advance(
    shard: Generator[BatchSums, BatchSums, T], total: BatchSums | None
) -> tuple[bool, Any]:
    """Run one shard to its next sum, (False, sums), or to its end, (True, result)."""
    try:
        return False, shard.send(total)  # type: ignore[arg-type]  # None starts a generator
    except StopIteration as stop:
        return True, stop.value
