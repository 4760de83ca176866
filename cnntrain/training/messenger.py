"""Gradients leave for other ranks layer by layer, while the layers below still work on theirs."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from cnntrain.training.team import Team
from cnntrain.types import Params

T = TypeVar("T")

LEAST_BYTES = (
    1 << 17
)  # that leave together: by TCP, a message costs as much as 40 kB of its content


class Messenger:
    """A thread that meets the other ranks while this one goes on with its work."""

    def __init__(self, team: Team) -> None:
        self._team = team.aside()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="messenger")
        self._waited_s = 0.0

    def tree_sum(self, own: Iterator[T], shards: int, add: Callable[[T, T], T]) -> "Future[T]":
        """The same as that of the team, later; for ranks that have shards."""
        return self._pool.submit(self._team.tree_sum, own, shards, add, False)

    def result(self, of: "Future[T]") -> T:
        """Wait for a sum."""
        began, self._team.is_awaited = time.perf_counter(), True
        try:
            return of.result()
        finally:
            self._team.is_awaited = False
            self._waited_s += time.perf_counter() - began

    @property
    def spent_s(self) -> tuple[float, float]:
        """Seconds at work and waiting for other ranks; and those that others waited for it."""
        return sum(self._team.spent_s), self._waited_s

    def stop(self) -> None:
        """Do not wait for ranks that may have failed."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Departures:
    """The gradients of a batch on their way into the sum over all ranks.

    Whatever a shard has ready is kept until there is enough of it; it leaves as soon as all shards
    of this rank have come as far. As every shard finishes its layers in the same order, what leaves
    together is the same on all ranks.
    """

    def __init__(self, messenger: Messenger, own: range, shards: int) -> None:
        self._messenger, self._own, self._shards = messenger, own, shards
        self._waiting: dict[int, Params] = {k: {} for k in own}
        self._parts: dict[int, list[Params]] = {k: [] for k in own}  # that may leave, by shard
        self._sums: list[Future[Params]] = []
        self._lock = Lock()

    def ready(self, shard: int, grads: Params) -> bool:
        """Take gradients that are final; whether all that were taken of this shard may leave."""
        with self._lock:
            waiting = self._waiting[shard]
            waiting |= grads
            if sum(grad.nbytes for grad in waiting.values()) < LEAST_BYTES:
                return False
            self._let_go(shard)
            return True

    def _let_go(self, shard: int) -> None:
        self._parts[shard].append(self._waiting[shard])
        self._waiting[shard] = {}
        part = len(self._sums)
        if all(len(parts) > part for parts in self._parts.values()):
            own = iter([self._parts[k][part] for k in self._own])
            self._sums.append(self._messenger.tree_sum(own, self._shards, add_gradients))

    def total(self, grads: Mapping[int, Params]) -> Params:
        """The sum over all shards, of which these are the gradients of this rank's."""
        with self._lock:
            for k in self._own:
                gone = {name for part in self._parts[k] for name in part}
                self._waiting[k] = {n: grad for n, grad in grads[k].items() if n not in gone}
                self._let_go(k)
        found: Params = {}
        for each in self._sums:
            part = self._messenger.result(each)
            found |= part
        return found


def add_gradients(a: Params, b: Params) -> Params:
    """The sum, in the place of the first."""
    for name, grad in a.items():
        grad += b[name]
    return a
