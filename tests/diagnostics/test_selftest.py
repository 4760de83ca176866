"""The self-test passes for sound experiments and finds the mistakes of others."""

from dataclasses import replace

import numpy as np
import pytest

from cnntrain.data.dataset import Split
from cnntrain.diagnostics import selftest, trial
from cnntrain.diagnostics.selftest import CHECKS, self_test
from cnntrain.layers import dense
from cnntrain.training.workers import Workers

DIGITS = {"source": "digits", "normalize": "unit", "validation": 0.1}
CNN = [
    {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}},
    {"max_pool2d": {"size": 2}},
    "flatten",
    {"dropout": {"rate": 0.5}},
    {"dense": {"units": 10}},
]
NAMES = [
    "inputs",
    "targets",
    "splits",
    "loss at start",
    "first gradients",
    "gradients",
    "overfits two batches",
]


@pytest.fixture
def digits(experiment_of):
    def opened(**sections):
        given = {"data": DIGITS, "network": CNN, "optimizer": {"sgd": {"lr": 0.05}}}
        return experiment_of(**{**given, **sections}, train={"batch_size": 16, "epochs": 5})

    return opened


def verdict(check, experiment):
    with Workers(1) as workers:
        return check(experiment, workers)


def with_train(experiment, x, y):
    splits = {**experiment.data.splits, "train": Split(x, y)}
    return replace(experiment, data=replace(experiment.data, splits=splits))


def test_a_sound_experiment_passes(digits):
    with Workers(1) as workers:
        findings = list(self_test(digits(), workers))
    assert [f.name for f in findings] == NAMES
    assert len(CHECKS) == len(NAMES)
    assert [f for f in findings if not f.ok] == []
    assert all(f.remedy for f in findings)


def test_a_regression_passes(experiment_of):
    experiment = experiment_of(
        data={
            "source": "synthetic",
            "problem": "sine",
            "n": 60,
            "n_test": 10,
            "normalize": "per_feature",
        },
        network=[{"dense": {"units": 16, "activation": "tanh"}}, {"dense": {"units": 1}}],
        loss="squared_error",
        optimizer={"adam": {"lr": 0.02}},
    )
    with Workers(1) as workers:
        assert [f for f in self_test(experiment, workers) if not f.ok] == []


def test_inputs_of_a_wide_range_fail(digits):
    raw = digits(data={"source": "digits"})
    found = verdict(selftest.check_inputs, with_train(raw, 15 * raw.data.train.x, raw.data.train.y))
    assert not found.ok
    assert found.found.startswith("0 to 240, mean ")
    assert "data.normalize" in found.remedy


def test_constant_inputs_fail(digits):
    raw = digits()
    flat = with_train(raw, np.ones_like(raw.data.train.x), raw.data.train.y)
    assert not verdict(selftest.check_inputs, flat).ok


def test_a_class_without_samples_is_named(digits):
    sound = digits()
    keep = sound.data.train.y != 7
    found = verdict(
        selftest.check_targets,
        with_train(sound, sound.data.train.x[keep], sound.data.train.y[keep]),
    )
    assert (found.ok, found.found) == (False, "no training sample of 7")


def test_a_sample_in_two_splits_is_found(digits):
    sound = digits()
    x, y = sound.data.train.x.copy(), sound.data.train.y
    x[:3] = sound.data.splits["val"].x[:3]
    found = verdict(selftest.check_splits, with_train(sound, x, y))
    assert (found.ok, found.found) == (False, "3 samples of val also appear in train")


def test_large_initial_weights_fail(digits):
    loud = [*CNN[:-1], {"dense": {"units": 10, "init": {"normal": {"std": 30.0}}}}]
    found = verdict(selftest.check_start, digits(network=loud))
    assert not found.ok
    assert "guessing gives 2.302" in found.found


def test_an_array_that_no_gradient_reaches_is_named(digits):
    dead = [
        {
            "conv2d": {
                "filters": 4,
                "kernel": 3,
                "activation": "relu",
                "init": {"b": {"constant": {"value": -1e6}}},
            }
        }
    ]
    found = verdict(selftest.check_reach, digits(network=[*dead, *CNN[1:]]))
    assert (found.ok, found.found) == (False, "none reaches conv1.W, conv1.b, dense1.W")


def test_a_wrong_gradient_is_named(digits, monkeypatch):
    backward = dense.dense_backward

    def wrong(*arguments):
        da, dW, db = backward(*arguments)
        return da, 1.01 * dW, db

    monkeypatch.setattr(dense, "dense_backward", wrong)
    found = verdict(selftest.check_gradients, digits())
    assert (found.ok, found.found) == (False, "wrong: dense1.W")


def test_a_learning_rate_that_is_too_small_or_too_large_fails(digits):
    for lr in (1e-7, 1e9):
        found = verdict(selftest.check_overfit, digits(optimizer={"sgd": {"lr": lr}}))
        assert not found.ok
        assert "learning rate" in found.remedy


def test_the_two_batches_are_learned_without_noise(digits):
    experiment = digits(
        data={**DIGITS, "augment": [{"shift": {"pixels": 2}}]}, schedule={"cosine": {}}
    )
    small = trial.without_noise(experiment, 32)
    assert len(small.data.train) == 32
    assert small.plan.data.augment == ()
    assert [n.layer.kind for n in small.network.nodes].count("dropout") == 0
    assert [n.layer.kind for n in experiment.network.nodes].count("dropout") == 1
