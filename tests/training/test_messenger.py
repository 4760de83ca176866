"""Gradients that leave layer by layer: the same sums, part by part the same on all ranks."""

import numpy as np
import pytest
from helpers.ranks import on_all_ranks

from cnntrain.native import engine_named, using
from cnntrain.ops.tree_sum import pairwise_sum
from cnntrain.training.gradients import gradients
from cnntrain.training.messenger import LEAST_BYTES, Departures, Messenger
from cnntrain.training.state import start
from cnntrain.training.team import ALONE
from cnntrain.training.workers import Workers

LAYERS = ["dense3.W", "dense2.W", "dense1.W"]  # in the order in which they are ready
SIZES = {"dense3.W": 10, "dense2.W": LEAST_BYTES // 4, "dense1.W": 7}
PARTS = [["dense3.W", "dense2.W"], ["dense1.W"]]


def grads_of(shard):
    rng = np.random.default_rng(shard)
    return {name: rng.standard_normal(SIZES[name], np.float32) for name in LAYERS}


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("shards", [3, 4, 5])
def test_the_sum_is_that_of_one_process(size, shards):
    def total(team):
        messenger, own = Messenger(team), team.share(shards)
        departures = Departures(messenger, own, shards)
        found = {k: grads_of(k) for k in own}
        for name in LAYERS[:2]:
            left = [departures.ready(k, {name: found[k][name]}) for k in own]
            assert left == [name == "dense2.W"] * len(own)
        summed = departures.total(found)
        messenger.stop()
        return summed

    for summed in on_all_ranks(size, total):
        assert list(summed) == LAYERS
        for name in LAYERS:
            expected = pairwise_sum([grads_of(k)[name] for k in range(shards)], np.add)
            np.testing.assert_array_equal(summed[name], expected)


def test_what_is_ready_leaves_before_the_rest():
    sent = []

    class Noting:
        def tree_sum(self, own, shards, add):
            sent.append([list(grads) for grads in own])

    departures = Departures(Noting(), range(2), 4)
    for k in (0, 1):
        departures.ready(k, {"dense3.W": np.empty(SIZES["dense3.W"], np.float32)})
    assert sent == []
    departures.ready(1, {"dense2.W": np.empty(SIZES["dense2.W"], np.float32)})
    assert sent == []  # the other shard has not come as far
    departures.ready(0, {"dense2.W": np.empty(SIZES["dense2.W"], np.float32)})
    assert sent == [[PARTS[0]] * 2]


CONV = {"conv2d": {"filters": 8, "kernel": 3, "activation": "relu"}}
DENSE = [{"dense": {"units": 200, "activation": "relu"}}, {"dense": {"units": 10}}]
NETWORKS = {
    "plain": [CONV, "flatten", *DENSE],
    "coupled": [CONV, "batch_norm", "flatten", *DENSE],
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_leave_during_passes_of_every_kind(experiment_of, monkeypatch, engine, kind):
    """Of plain, noted, compared and repeated passes; all but the compared ones in two parts."""
    leaving = []
    inner = Messenger.tree_sum

    def noted(self, own, shards, add):
        parts = list(own)
        leaving.append(["conv1.W" in grads for grads in parts])
        return inner(self, iter(parts), shards, add)

    monkeypatch.setattr(Messenger, "tree_sum", noted)
    experiment = experiment_of(
        data={"source": "digits"}, network=NETWORKS[kind], train={"batch_size": 300}
    )
    arrays = start(experiment.plan, experiment.network).params

    def after_four(team):
        with Workers(1, team) as workers:
            for step in range(4):
                found = gradients(experiment, arrays, np.arange(300), step, workers)
            return {name: grad.tobytes() for name, grad in found.grads.items()}

    with using(engine_named(engine)):  # for all threads
        expected = after_four(ALONE)
        assert on_all_ranks(2, after_four) == [expected] * 2
    compared = 2 if engine == "native" else 0  # one step, on two ranks
    assert leaving.count([False]) == 8 - compared
    assert leaving.count([True]) == 8
