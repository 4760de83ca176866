"""Gradient accumulation: the update of the large batch, in the memory of a small one."""

import numpy as np
import pytest

import cnntrain.training.shards
from cnntrain.errors import ConfigError
from cnntrain.native import engine_named, using
from cnntrain.training.checks import parts_normalized
from cnntrain.training.memory import training_bytes
from cnntrain.training.shards import groups
from cnntrain.training.state import weights_sha256

DIGITS = {"source": "digits"}
CONV = {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}
PLAIN = [CONV, {"dropout": {"rate": 0.2}}, "flatten", {"dense": {"units": 10}}]
COUPLED = [CONV, "batch_norm", "flatten", {"dense": {"units": 10}}]


@pytest.fixture
def trained(experiment_of, train_events):
    """``trained(network, **train)``: the SHA-256 of the weights after some steps."""

    def weights(network, threads=1, **train):
        from cnntrain.training.state import start

        options = {"epochs": None, "max_steps": 5, **train}
        experiment = experiment_of(data=DIGITS, network=network, train=options)
        state = start(experiment.plan, experiment.network)
        for _ in train_events(experiment, state, threads):
            pass
        return weights_sha256(state.params)

    return weights


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("size", "parts"), [(128, 2), (64, 4), (128, 3), (37, 2)])
@pytest.mark.parametrize("shards", [1, 4, 8])
def test_the_weights_are_those_of_the_large_batch(
    trained, monkeypatch, engine, size, parts, shards
):
    monkeypatch.setattr(cnntrain.training.shards, "shard_count", lambda network, samples: shards)
    with using(engine_named(engine)):
        expected = trained(PLAIN, batch_size=size * parts)
        assert trained(PLAIN, batch_size=size, accumulate=parts) == expected
        assert trained(PLAIN, batch_size=size, accumulate=parts, threads=3) == expected


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_batch_normalization_looks_at_each_part(trained, monkeypatch, engine):
    monkeypatch.setattr(cnntrain.training.shards, "shard_count", lambda network, samples: 2)
    with using(engine_named(engine)):
        found = trained(COUPLED, batch_size=16, accumulate=4)
        assert found == trained(COUPLED, batch_size=16, accumulate=4, threads=2)
        assert found != trained(COUPLED, batch_size=64)


def test_what_it_changes_is_said(experiment_of):
    train = {"batch_size": 16, "accumulate": 4}
    (said,) = parts_normalized(experiment_of(data=DIGITS, network=COUPLED, train=train))
    assert said == (
        "accumulate: 4 with batch_norm1: its mean and variance are those of each 16 samples, so "
        "the weights are not those of batches of 64"
    )
    assert parts_normalized(experiment_of(data=DIGITS, network=PLAIN, train=train)) == []


def test_groups_are_parts_of_the_whole(experiment_of):
    for layers in (PLAIN, COUPLED):
        network = experiment_of(data=DIGITS, network=layers).network
        for samples in (1, 7, 100, 2000):
            for parts in (1, 2, 3, 8):
                found = groups(network, samples, parts)
                flat = [k for group in found for part in group for k in range(samples)[part]]
                assert flat == list(range(samples))
                assert len(found) <= parts


def test_it_takes_less_memory(experiment_of):
    def passes(**train):
        experiment = experiment_of(data=DIGITS, network=COUPLED, train=train)
        return training_bytes(experiment.plan, experiment.network, 1438, threads=1).passes

    assert passes(batch_size=256, accumulate=4) < 0.4 * passes(batch_size=1024)


@pytest.mark.parametrize("mode", ["batch", "sgd"])
def test_only_mini_batches_accumulate(experiment_of, mode):
    with pytest.raises(ConfigError, match="'accumulate' is for mode 'mini-batch'"):
        experiment_of(train={"mode": mode, "batch_size": None, "accumulate": 2})


def test_a_part_of_one_sample_is_refused(experiment_of, checked_training):
    layers = [{"dense": {"units": 4}}, "batch_norm", {"dense": {"units": 2}}]
    experiment = experiment_of(network=layers, train={"batch_size": 2, "accumulate": 4})
    with pytest.raises(ConfigError, match="choose another 'batch_size'"):
        checked_training(experiment)
    assert len(experiment.data.train) == 20
    assert np.ceil(20 / experiment.plan.train.samples_per_step(20)) == 3
