"""Any number of ranks adds up shards in the tree of one process, and all get the sum."""

import numpy as np
import pytest
from helpers.ranks import on_all_ranks

from cnntrain.ops.tree_sum import left_part, pairwise_sum
from cnntrain.training.team import ALONE


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("shards", [1, 2, 3, 5, 7, 8, 16])
def test_every_rank_has_the_sum_of_one_process(size, shards):
    parts = np.random.default_rng(shards).normal(size=(shards, 50)).astype(np.float32)
    expected = pairwise_sum(list(parts), np.add).tobytes()

    def total(team):
        own = iter([parts[k] for k in team.share(shards)])
        return team.tree_sum(own, shards, np.add)

    assert [array.tobytes() for array in on_all_ranks(size, total)] == [expected] * size


@pytest.mark.parametrize("size", [2, 3, 5])
def test_ranks_without_shards_may_stay_away(size):
    def total(team):
        if not (own := list(team.share(2))):
            return None
        return team.tree_sum(iter([str(k) for k in own]), 2, lambda a, b: f"({a}+{b})", False)

    found = on_all_ranks(size, total)
    assert [value for value in found if value] == ["(0+1)"] * min(size, 2)


def test_the_halves_are_those_of_the_tree():
    for shards in range(2, 40):
        parts = [str(k) for k in range(shards)]
        middle = left_part(shards)
        halves = [pairwise_sum(p, "({}+{})".format) for p in (parts[:middle], parts[middle:])]
        assert "({}+{})".format(*halves) == pairwise_sum(parts, "({}+{})".format)


def test_shards_are_dealt_out_once():
    for size in range(1, 6):
        for shards in range(1, 10):
            dealt = on_all_ranks(size, lambda team, n=shards: list(team.share(n)))
            assert [k for own in dealt for k in own] == list(range(shards))


def test_alone():
    assert ALONE.tree_sum(iter([1, 2, 3]), 3, int.__add__) == 6
    assert (ALONE.of_first(5), ALONE.highest(3), ALONE.gathered(1)) == (5, 3, [1])
