"""The compiled update: the bits of the NumPy functions, for every optimizer."""

import numpy as np
import pytest

from cnntrain.native import available
from cnntrain.native.engine import native, using
from cnntrain.native.update import Updates
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.rmsprop import Rmsprop
from cnntrain.optimizers.sgd import Sgd

SIZES = (1, 7, 16, 37, 300)
KINDS = "aabba"  # with one rule here
MEMBERS = [
    *(kind() for kind in Optimizer.kinds.values()),
    Sgd(momentum=0.9),
    Sgd(momentum=0.9, nesterov=True),
    *(
        Rmsprop(centered=centered, epsilon_inside=inside, momentum=momentum)
        for centered in (False, True)
        for inside in (False, True)
        for momentum in (0.0, 0.9)
    ),
]


def arrays(dtype, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(dtype) for size in SIZES]


def by_numpy(optimizer, dtype, decay, keep):
    """Five updates; (weights, slots, averages, the largest change of the last one)."""
    weights, averages = arrays(dtype, 0), arrays(dtype, 9)
    slots = [{slot: np.zeros_like(W) for slot in optimizer.active_slots()} for W in weights]
    for step in range(5):
        largest = []
        for W, g, own, average in zip(
            weights, arrays(dtype, step + 1), slots, averages, strict=True
        ):
            change = optimizer.change(g, own, 0.1, step)
            if decay:
                change = change - decay * W
            W += change
            average *= keep
            average += (1 - keep) * W
            largest.append(float(np.abs(change).max()))
    return weights, slots, averages, largest


def by_kernel(optimizer, dtype, decay, keep):
    weights, averages = arrays(dtype, 0), arrays(dtype, 9)
    names = optimizer.active_slots()
    slots = [[np.zeros_like(W) for W in weights] for _ in names]
    updates = Updates(weights, slots, KINDS, averages, keep)
    for step in range(5):
        rules = dict.fromkeys(KINDS, (optimizer.compiled(0.1, step), decay))
        assert updates.make(arrays(dtype, step + 1), rules)
    assert not updates.found[:, 1:].any()
    by_array = [dict(zip(names, own, strict=True)) for own in zip(*slots, strict=True)]
    return weights, by_array or [{} for _ in SIZES], averages, updates.found[:, 0].tolist()


@pytest.mark.parametrize("isa", available())
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", MEMBERS, ids=str)
def test_both_engines_give_the_same_bits(optimizer, dtype, decay, isa):
    expected = by_numpy(optimizer, dtype, decay, keep=0.99)
    with using(native(isa)):
        found = by_kernel(optimizer, dtype, decay, keep=0.99)
    for left, right in zip(expected[0] + expected[2], found[0] + found[2], strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(expected[1], found[1], strict=True):
        assert left.keys() == right.keys()
        for slot in left:
            np.testing.assert_array_equal(left[slot], right[slot])
    assert expected[3] == found[3]


@pytest.mark.parametrize("isa", available())
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_longer_finite_is_found_in_its_array(bad, isa):
    weights, gradients = arrays(np.float32, 0), arrays(np.float32, 1)
    gradients[3][36] = bad
    optimizer = Sgd(momentum=0.5)
    slots = [[np.zeros_like(W) for W in weights]]
    updates = Updates(weights, slots, KINDS)
    with using(native(isa)):
        assert not updates.make(gradients, dict.fromkeys(KINDS, (optimizer.compiled(0.1, 0), 0.0)))
    found = updates.found
    assert found[:, 1].tolist() == found[:, 2].tolist() == [0, 0, 0, 1, 0]


def test_arrays_of_different_sizes_are_refused():
    weights, gradients = arrays(np.float32, 0), arrays(np.float32, 1)
    rules = dict.fromkeys(KINDS, (Sgd().compiled(0.1, 0), 0.0))
    with pytest.raises(ValueError, match="differ in size"):
        Updates(weights, [], KINDS).make([g[:1] for g in gradients], rules)
    with pytest.raises(ValueError, match="differ in size"):
        Updates(weights, [gradients[:2]], KINDS)
