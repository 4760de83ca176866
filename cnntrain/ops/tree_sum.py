"""Sums over shards in one fixed order, whoever works them out."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


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


def left_part(parts: int) -> int:
    """How many of the parts ``pairwise_sum`` adds up on the left of its last addition."""
    return 1 << ((parts - 1).bit_length() - 1)
