"""One update: which samples it takes, and that cutting a batch does not change its gradient."""

import copy
from dataclasses import replace

import numpy as np
import pytest

import cnntrain.training.shards
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.experiment import training_clock
from cnntrain.training.feed import batch_indices
from cnntrain.training.state import start
from cnntrain.training.step import all_finite, gradients, learning_rate, train_step
from cnntrain.training.workers import Workers

EXACT = {
    "dtype": "float64",
    "data": {"source": "digits"},
    "network": [
        {"conv2d": {"filters": 3, "kernel": 3, "activation": "tanh"}},
        {"max_pool2d": {"size": 2}},
        "flatten",
        {"dense": {"units": 10}},
    ],
    "train": {"mode": "batch", "batch_size": None},
}
SOME = np.array([5, 3, 1400, 77, 9, 640, 12, 13, 800, 1])  # samples of the training split


@pytest.fixture(scope="module")
def digits(experiment_of):
    return experiment_of(**EXACT)


@pytest.fixture(scope="module")
def params(digits):
    return start(digits.plan, digits.network).params


@pytest.fixture
def one_thread():
    with Workers(1) as workers:
        yield workers


def added_up(parts):
    names = parts[0].keys()
    return {name: sum(part[name] for part in parts) for name in names}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-13, err_msg=name)


# The gradient of a batch


def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_samples(digits, params, one_thread):
    whole = gradients(digits, params, SOME, 0, one_thread)[0]
    single = [
        copy.deepcopy(gradients(digits, params, SOME[[k]], 0, one_thread)[0])
        for k in range(len(SOME))
    ]
    assert_close(whole, {name: total / len(SOME) for name, total in added_up(single).items()})


@pytest.mark.parametrize("shards", [2, 4, 8, 16])
def test_the_gradient_of_all_samples_is_the_sum_over_any_shards(
    monkeypatch, digits, params, one_thread, shards
):
    everything = np.arange(len(digits.data.train))

    def with_shards(count):
        monkeypatch.setattr(cnntrain.training.shards, "shard_count", lambda network, samples: count)
        afresh = replace(digits)  # which has not been cut yet
        return gradients(afresh, params, everything, 0, one_thread)

    whole, cut = with_shards(1), with_shards(shards)
    assert_close(cut[0], whole[0])
    assert cut[-1]["correct"] == whole[-1]["correct"]
    assert cut[-1]["n"] == len(everything)
    assert cut[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=1e-12)


def test_more_shards_than_samples_do_no_harm(monkeypatch, digits, params, one_thread):
    expected = gradients(digits, params, SOME[:3], 0, one_thread)[0]
    monkeypatch.setattr(cnntrain.training.shards, "shard_count", lambda network, samples: 8)
    assert_close(gradients(replace(digits), params, SOME[:3], 0, one_thread)[0], expected)


def test_the_order_of_a_batch_does_not_matter(digits, params, one_thread):
    there = copy.deepcopy(gradients(digits, params, SOME, 0, one_thread)[0])
    back = gradients(digits, params, SOME[::-1], 0, one_thread)[0]
    assert_close(back, there)


# The update


def test_gradient_descent(digits, one_thread):
    """W ← W - η ∂C/∂W"""
    state = start(digits.plan, digits.network)
    before = {name: W.copy() for name, W in state.params.items()}
    everything = np.arange(len(digits.data.train))
    grads = gradients(digits, before, everything, 0, one_thread)[0]
    train_step(digits, state, one_thread, training_clock(digits.plan, len(everything)))
    assert state.step == 1
    assert_close(state.params, {name: W - 0.1 * grads[name] for name, W in before.items()})


def test_momentum_is_remembered_between_steps(experiment_of, one_thread):
    """v ← μ v + ∂C/∂W, W ← W - η v"""
    experiment = experiment_of(
        dtype="float64",
        optimizer={"sgd": {"lr": 0.1, "momentum": 0.5}},
        train={"mode": "batch", "batch_size": None},
    )
    clock = training_clock(experiment.plan, 20)
    state = start(experiment.plan, experiment.network)
    W = {name: array.copy() for name, array in state.params.items()}
    v = dict.fromkeys(W, 0.0)
    for step in range(3):
        grads = gradients(experiment, W, np.arange(20), step, one_thread)[0]
        v = {name: 0.5 * v[name] + grads[name] for name in W}
        W = {name: W[name] - 0.1 * v[name] for name in W}
        train_step(experiment, state, one_thread, clock)
        assert_close(state.params, W)
        assert_close(
            state.optimizer_state, {f"velocity:{name}": value for name, value in v.items()}
        )


# Which samples a step takes


@pytest.mark.parametrize(
    ("train", "sizes"),
    [
        ({"mode": "batch", "batch_size": None}, [20]),
        ({"mode": "sgd", "batch_size": None}, [1] * 20),
        ({"batch_size": 8}, [8, 8, 4]),
        ({"batch_size": 19}, [19, 1]),
        ({"batch_size": 10}, [10, 10]),
        ({"batch_size": 99}, [20]),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_takes_every_sample_once(experiment_of, train, sizes, shuffle):
    plan = experiment_of(train={**train, "shuffle": shuffle}).plan
    clock = training_clock(plan, 20)
    for epoch in range(3):
        steps = range(epoch * len(sizes), (epoch + 1) * len(sizes))
        batches = [batch_indices(plan, 20, step, clock) for step in steps]
        assert [len(batch) for batch in batches] == sizes
        assert sorted(np.concatenate(batches)) == list(range(20))


def epoch_of(plan, epoch):
    clock = training_clock(plan, 20)
    steps = range(epoch * clock.steps_per_epoch, (epoch + 1) * clock.steps_per_epoch)
    return np.concatenate([batch_indices(plan, 20, step, clock) for step in steps]).tolist()


def test_every_epoch_and_every_seed_has_its_own_order(experiment_of):
    orders = [epoch_of(experiment_of(seed=seed).plan, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert orders[0] == epoch_of(experiment_of(seed=0).plan, 0)


@pytest.mark.parametrize("train", [{"shuffle": False}, {"mode": "batch", "batch_size": None}])
def test_without_shuffling_the_order_is_that_of_the_data(experiment_of, train):
    assert epoch_of(experiment_of(train=train).plan, 1) == list(range(20))


# The learning rate


def test_the_learning_rate_is_that_of_the_optimizer_times_the_schedule(experiment_of):
    plan = experiment_of(schedule={"step": {"every_epochs": 1, "gamma": 0.5}}).plan
    clock = Clock(steps_per_epoch=2, total_steps=100)
    rates = [learning_rate(plan, step, clock) for step in range(5)]
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_a_learning_rate_that_overflows_is_infinite(experiment_of):
    plan = experiment_of(schedule={"step": {"every_epochs": 1, "gamma": 1e200}}).plan
    assert learning_rate(plan, 1000, Clock(1, 2000)) == np.inf


# What is finite


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        ([1.0, -2.0], True),
        ([1e200, -1e200], True),  # the sum of squares overflows
        ([0.0, np.nan], False),
        ([np.inf, 1.0], False),
        ([np.inf, -np.inf], False),
        ([], True),
    ],
)
def test_all_finite(values, finite):
    with np.errstate(all="ignore"):
        assert all_finite(np.array([values])) is finite
