"""What comes back from all readers of a node is added up, and nothing of others is overwritten."""

from types import SimpleNamespace

import numpy as np
import pytest

from cnntrain.network.deltas import Deltas
from cnntrain.network.graph import AT_INPUT


def parts_of(k):
    return np.full((2, 3), float(k))


@pytest.fixture
def deltas():
    """Node 0 adds parts itself, node 1 does not."""
    layers = [SimpleNamespace(overwrites_dy=overwrites) for overwrites in (True, False)]
    return Deltas([SimpleNamespace(layer=layer) for layer in layers])


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("news", [0b0000, 0b1111, 0b0101, 0b1010])
def test_the_sum_is_complete_and_only_new_arrays_change(deltas, node, count, news):
    parts = [parts_of(k + 1) for k in range(count)]
    is_new = [bool(news >> k & 1) for k in range(count)]
    for part, new in zip(parts, is_new, strict=True):
        deltas.give(node, part, new)
    overwrites = deltas.may_overwrite(node)
    delta, more = deltas.take(node)
    total = delta if more is None else delta + more
    np.testing.assert_array_equal(total, parts_of(sum(range(count + 1))))
    if overwrites:
        delta.fill(-1.0)
    for k, (part, new) in enumerate(zip(parts, is_new, strict=True)):
        assert new or (part == k + 1).all()


def test_one_array_that_belongs_to_others_is_not_overwritten(deltas):
    deltas.give(0, parts_of(1), is_new=False)
    assert not deltas.may_overwrite(0)


def test_only_a_layer_that_adds_parts_is_left_two(deltas):
    for node in (0, 1):
        for k in range(2):
            deltas.give(node, parts_of(k), is_new=True)
    assert deltas.take(0)[1] is not None
    assert deltas.take(1)[1] is None


def test_what_comes_back_to_the_input_is_added_up(deltas):
    assert deltas.of_input() is None
    for k in range(3):
        deltas.give(AT_INPUT, parts_of(k), is_new=True)
    np.testing.assert_array_equal(deltas.of_input(), parts_of(3))
