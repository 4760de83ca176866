"""Recorded passes: the same bits as plain ones, or not used at all."""

import numpy as np
import pytest

from cnntrain.layers.activations import Tanh
from cnntrain.native import NUMPY, current, using
from cnntrain.training.experiment import training_clock
from cnntrain.training.passes import Passes, can_record
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers

pytestmark = pytest.mark.usefixtures("native_engine")

NETWORK = [
    {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}},
    "batch_norm",
    {"max_pool2d": {"size": 2}},
    {"dropout": {"rate": 0.2}},
    "flatten",
    {"dense": {"units": 12, "activation": "tanh"}},
    {"dense": {"units": 10}},
]
TREE = {
    "data": {"source": "digits"},
    "network": NETWORK,
    "loss": "cross_entropy",
    "optimizer": "adam",
    "train": {"batch_size": 100},
}


@pytest.fixture
def digits(experiment_of):
    return experiment_of(**TREE)


def trained(experiment, steps=5, threads=2):
    """(the weights after some steps, the passes that made them)."""
    state = start(experiment.plan, experiment.network)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Workers(threads) as workers:
        for _ in range(steps):
            train_step(experiment, state, workers, clock)
        return state.params, list(workers.passes._recorded.values())


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_recorded_passes_give_the_bits_of_plain_ones(digits, monkeypatch):
    found, recorded = trained(digits)
    assert [one.is_proved for one in recorded] == [True]
    monkeypatch.setattr(Passes, "can_record", lambda *_: False)
    expected, none = trained(digits)
    assert none == []
    assert_same(found, expected)


@pytest.mark.parametrize("shards", [2, 3, 8])
def test_sums_over_shards_are_added_up_side_by_side(digits, monkeypatch, shards):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: shards)
    found, (recorded,) = trained(digits, steps=12)
    assert recorded.is_proved
    assert len(recorded.passes) == shards
    monkeypatch.setattr(Passes, "can_record", lambda *_: False)
    assert_same(found, trained(digits, steps=12)[0])


def test_the_sums_of_two_shards_share_no_memory(digits, monkeypatch):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: 4)
    _, (recorded,) = trained(digits)
    places = [
        {id(chunk.memory) for chunk in one.arena.chunks} for one in recorded.repetition.recorders
    ]
    assert all(places)
    assert len(set().union(*places)) == sum(map(len, places))


def test_a_layer_that_works_outside_of_its_kernels_is_not_repeated(digits, monkeypatch):
    """Its NumPy arithmetic is not noted, so that the repeated pass would be wrong."""
    forward = Tanh.forward

    def doubled(self, params, x, ctx):
        y, cache = forward(self, params, x, ctx)
        return y * 2, cache

    monkeypatch.setattr(Tanh, "forward", doubled)
    found, recorded = trained(digits)
    assert [one.is_proved for one in recorded] == [False]
    monkeypatch.setattr(Passes, "can_record", lambda *_: False)
    assert_same(found, trained(digits)[0])


def test_only_the_compiled_engine_records(digits):
    assert can_record(digits.fast_network, 2)
    assert not can_record(digits.fast_network, 1000)  # the memory of all of them would be kept
    with using(NUMPY):
        assert not current().isa
        assert not can_record(digits.fast_network, 2)
