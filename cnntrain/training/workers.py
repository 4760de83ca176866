"""Threads that run shards, while BLAS is held to one thread.

A BLAS product differs in its last bits from one number of threads to another, so it gets one; the
shards are summed pairwise in a fixed tree. So any number of threads gives the same bits.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any, Generic, Self, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from cnntrain.layers import BatchSums
from cnntrain.native import use_threads
from cnntrain.training.allocation import keep_freed_memory
from cnntrain.training.messenger import Messenger
from cnntrain.training.passes import Passes
from cnntrain.training.team import ALONE, Team

T = TypeVar("T")


class Workers:
    """Threads that run the shards of this rank; a context manager that also holds BLAS to one
    thread, unless nothing uses it."""

    def __init__(self, threads: int, team: Team = ALONE, holds_blas: bool = True) -> None:
        self.threads, self.team, self._holds_blas = threads, team, holds_blas
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.messenger = Messenger(team) if team.on_this_host < team.size else None
        self.passes = Passes()
        self._limits: threadpool_limits | None = None
        self._threads_before = 1

    def __enter__(self) -> Self:
        keep_freed_memory()
        if self._holds_blas:
            self._limits = threadpool_limits(limits=1, user_api="blas")
        self._threads_before = use_threads(self.threads)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self.messenger is not None:
            self.messenger.stop()
        if self._limits is not None:
            self._limits.restore_original_limits()
        use_threads(self._threads_before)

    def tree_sum(self, work: Callable[[int], T], shards: int, add: Callable[[T, T], T]) -> T:
        """``work(0) + work(1) + ...``, pairwise: ((0+1)+(2+3))+... for any threads and ranks.

        At most ``threads`` results and one partial sum per level of the tree are held at a time.
        """
        return self.team.tree_sum(self.results(work, self.team.share(shards)), shards, add)

    def together(
        self,
        shards: Sequence[Generator[BatchSums, BatchSums, T]],
        add: Callable[[BatchSums, BatchSums], BatchSums],
        of: int | None = None,
    ) -> list[T]:
        """Run all shards of this rank side by side; where they yield sums, each receives the total
        of all ``of`` shards, also those of other ranks.

        They all yield the same number of times: they run the same network.
        """
        if not shards:
            return []
        workers = min(self.threads, len(shards))
        total = len(shards) if of is None else of

        def sum_up(parts: Iterator[BatchSums]) -> BatchSums:
            return self.team.tree_sum(parts, total, add, for_all=False)

        rounds = _Rounds(shards, workers, sum_up)
        others = [self._pool.submit(rounds.run, w) for w in range(1, workers)] if self._pool else []
        with suppress(BrokenBarrierError):  # another worker has failed: its error comes below
            rounds.run(0)
        for other in others:
            with suppress(BrokenBarrierError):
                other.result()
        return [value for _, value in rounds.parts]

    def results(self, work: Callable[[int], T], shards: range) -> Iterator[T]:
        """``work(k)`` for these shards, in order; each is worked out by one of the threads."""
        if self._pool is None or len(shards) == 1:
            yield from map(work, shards)
            return
        for start in range(0, len(shards), self.threads):
            yield from self._pool.map(work, shards[start : start + self.threads])


class _Rounds(Generic[T]):
    """Shards that run from one sum to the next in parallel; each worker keeps its own shards.

    The last worker to arrive adds up, then all continue: batch normalization synchronizes three
    times, so handing single shards to a pool in every round would cost more than it gains.
    """

    def __init__(
        self,
        shards: Sequence[Generator[BatchSums, BatchSums, T]],
        workers: int,
        sum_up: Callable[[Iterator[BatchSums]], BatchSums],
    ) -> None:
        self.parts: list[tuple[bool, Any]] = [(False, None)] * len(shards)
        self._shards, self._workers, self._add_up = shards, workers, sum_up
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
            self._meeting.abort()  # nobody must wait for this worker
            raise

    def _sum_up(self) -> None:
        if any(done for done, _ in self.parts):
            return
        with np.errstate(all="ignore"):  # what overflows is found later, with its place
            self._total = self._add_up(sums for _, sums in self.parts)


def _advance(
    shard: Generator[BatchSums, BatchSums, T], total: BatchSums | None
) -> tuple[bool, Any]:
    """Run one shard to its next sum, (False, sums), or to its end, (True, result)."""
    try:
        return False, shard.send(total)  # type: ignore[arg-type]  # None starts a generator
    except StopIteration as stop:
        return True, stop.value
