"""Who trains together: one process alone, or several, called ranks (``runs/mpi.py``).

Shards are dealt to the ranks in their order, and added up in one tree, whoever has worked them out.
So any number of ranks gives the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from cnntrain.ops.tree_sum import left_part, pairwise_sum

T = TypeVar("T")


class Team:
    """The ranks of a training, and this one among them: here there is only one."""

    rank = 0
    size = 1
    on_this_host = 1  # ranks that share these cores
    is_awaited = True  # by threads that have nothing else to do

    def opened(self, work: Callable[[], T]) -> T:
        """What ``work`` reads, once all ranks have read the same."""
        return work()

    def share(self, shards: int, rank: int | None = None) -> range:
        """The shards of a rank, by default of this one: neighbours in the tree."""
        k = self.rank if rank is None else rank
        return range(shards * k // self.size, shards * (k + 1) // self.size)

    def largest_share(self, shards: int) -> int:
        """The most shards that a rank has."""
        return max(len(self.share(shards, rank)) for rank in range(self.size))

    def tree_sum(
        self, own: Iterator[T], shards: int, add: Callable[[T, T], T], for_all: bool = True
    ) -> T:
        """The sum over all ``shards``, pairwise, of which ``own`` are those of this rank, in order.

        All ranks get it; if not ``for_all``, only those that have shards, which then must call it.
        """
        return pairwise_sum(own, add)

    def spread(self, total: T, shards: int) -> T:
        """A sum of so many shards, also for ranks that had none of them."""
        return total

    def aside(self) -> "Team":
        """The same ranks for another thread, whose messages do not mix with those of this one."""
        return self

    def gathered(self, value: T) -> list[T]:
        """The values of all ranks, on all of them."""
        return [value]

    @property
    def spent_s(self) -> tuple[float, float]:
        """Seconds spent so far in communication, and waiting for others."""
        return 0.0, 0.0

    def of_first(self, value: T) -> T:
        """What rank 0 says."""
        return value

    def highest(self, value: int) -> int:
        """The largest of the values of all ranks."""
        return value


ALONE = Team()


class Ranks(Team):
    """Several ranks: sums meet pairwise, and both sides of a pair add them up."""

    def exchange(self, sends: Sequence[tuple[Any, int]], source: int | None) -> Any:
        """Send each value to a rank; the value that ``source`` has sent, if it is one."""
        raise NotImplementedError

    def tree_sum(
        self, own: Iterator[T], shards: int, add: Callable[[T, T], T], for_all: bool = True
    ) -> T:
        total: T = self._sum(own, self._owners(shards), add)
        return self.spread(total, shards) if for_all else total

    def _owners(self, shards: int) -> list[int]:
        """The rank of every shard."""
        return [rank for rank in range(self.size) for _ in self.share(shards, rank)]

    def _sum(self, own: Iterator[T], owners: Sequence[int], add: Callable[[T, T], T]) -> Any:
        """The sum of the shards of these ``owners``; None on all other ranks."""
        if self.rank not in owners:
            return None
        if len(set(owners)) == 1:
            return pairwise_sum(islice(own, len(owners)), add)
        middle = left_part(len(owners))
        on_left, on_right = owners[:middle], owners[middle:]
        left, right = self._sum(own, on_left, add), self._sum(own, on_right, add)
        return add(*self._swapped(left, right, _distinct(on_left), _distinct(on_right)))

    def _swapped(
        self, left: Any, right: Any, on_left: Sequence[int], on_right: Sequence[int]
    ) -> tuple[Any, Any]:
        """Both sums; a rank that has one gets the other one from a rank that has it."""
        rests = _paired(on_left, on_right), _paired(on_right, on_left)
        sends = [(right, to) for to, source in rests[0].items() if source == self.rank]
        sends += [(left, to) for to, source in rests[1].items() if source == self.rank]
        source = rests[0].get(self.rank, rests[1].get(self.rank))
        found = self.exchange(sends, source)
        if source is None:
            return left, right
        return (left, found) if self.rank in rests[0] else (found, right)

    def spread(self, total: T, shards: int) -> T:
        source_of = _paired(range(self.size), _distinct(self._owners(shards)))
        sends = [(total, to) for to, source in source_of.items() if source == self.rank]
        source = source_of.get(self.rank)
        if source is None and not sends:
            return total
        found: T = self.exchange(sends, source)
        return total if source is None else found


def _distinct(ranks: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(ranks))


def _paired(needing: Sequence[int], having: Sequence[int]) -> dict[int, int]:
    """From whom each rank that lacks a value gets it: one for one, as far as they go."""
    lacking = [rank for rank in needing if rank not in having]
    sources = [rank for rank in having if rank not in needing] or having
    return {rank: sources[k % len(sources)] for k, rank in enumerate(lacking)}
