"""Training: which events come, when it stops and why, what is best, what never changes."""

import copy
import itertools
import math
import re
import tracemalloc

import numpy as np
import pytest

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.prepare import prepare
from cnntrain.errors import ConfigError
from cnntrain.metrics import is_better
from cnntrain.training.events import EpochEnd, StepEnd
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.shards import shard_count
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.train import train
from cnntrain.training.workers import Workers

LINE = {  # y = 2x - 1, learnt by one linear unit
    "dtype": "float64",
    "data": {"source": "inline", "inputs": [[-1], [0], [1], [2]], "targets": [-3, -1.0, 1, 3]},
    "network": [{"dense": {"units": 1, "init": "zeros"}}],
    "loss": "squared_error",
    "optimizer": {"sgd": {"lr": 0.3}},
}


@pytest.fixture
def run(experiment_of, train_events):
    """``run(**sections)``: all events of a training."""

    def events(**sections):
        return list(train_events(experiment_of(**sections)))

    return events


@pytest.fixture
def history(train_events):
    """``history(experiment)``: the state after each event, with the event."""

    def states(experiment):
        state = start(experiment.plan, experiment.network)
        return [(event, copy.deepcopy(state)) for event in train_events(experiment, state)]

    return states


def ticking(seconds):
    """A clock that advances by so many seconds whenever it is read."""
    ticks = itertools.count()
    return lambda: next(ticks) * seconds


# The stream of events


@pytest.mark.parametrize(
    ("train", "steps_per_epoch"),
    [
        ({"mode": "batch", "batch_size": None}, 1),
        ({"mode": "sgd", "batch_size": None}, 20),
        ({"batch_size": 8}, 3),  # 8 + 8 + 4
        ({"batch_size": 20}, 1),
        ({"batch_size": 500}, 1),
        ({"batch_size": 1}, 20),
        ({"batch_size": 19}, 2),
    ],
)
def test_an_epoch_is_its_steps_and_its_end(run, train, steps_per_epoch):
    events = run(train={**train, "epochs": 2})
    kinds = [type(event).__name__ for event in events]
    assert kinds == [*([*["StepEnd"] * steps_per_epoch, "EpochEnd"] * 2), "Stopped"]
    assert [event.step for event in events if isinstance(event, StepEnd)] == list(
        range(1, 2 * steps_per_epoch + 1)
    )
    assert [event.epoch for event in events if isinstance(event, StepEnd)] == (
        [1] * steps_per_epoch + [2] * steps_per_epoch
    )
    assert [event.epoch for event in events if isinstance(event, EpochEnd)] == [1, 2]


def test_figures_of_labels_and_of_targets(run):
    _, epoch, _, _, stopped = run(
        data={"source": "synthetic", "problem": "xor", "n": 20, "validation": 0.25},
        train={"mode": "batch", "batch_size": None},
    )
    assert list(epoch.metrics) == ["train/loss", "train/accuracy", "val/loss", "val/accuracy"]
    assert stopped.metrics.keys() == epoch.metrics.keys()
    _, epoch, *_ = run(**LINE, train={"mode": "batch", "batch_size": None})
    assert list(epoch.metrics) == ["train/loss", "train/mae", "train/rmse"]
    # at W = b = 0 the outputs are 0 and the targets -3 -1 1 3
    assert epoch.metrics == {"train/loss": 2.5, "train/mae": 2.0, "train/rmse": math.sqrt(5)}


def test_figures_of_an_epoch_are_means_over_its_samples(run):
    """A partial last batch counts by its samples, not as one batch of as many."""
    *steps, epoch, _ = run(train={"epochs": 1, "batch_size": 8})
    sizes = [8, 8, 4]
    for name in ("loss", "accuracy"):
        mean = sum(n * event.metrics[name] for n, event in zip(sizes, steps, strict=True)) / 20
        assert epoch.metrics[f"train/{name}"] == pytest.approx(mean, rel=1e-12)


def test_the_state_is_current_whenever_an_event_is_out(experiment_of, history):
    for event, state in history(experiment_of()):
        assert state.step == event.step
        if isinstance(event, EpochEnd):
            assert state.metrics == event.metrics
            assert state.sums == {}


def test_the_learning_rate_of_an_event_is_the_one_used(run):
    events = run(schedule={"constant": {"warmup_epochs": 1}}, train={"epochs": 2, "batch_size": 10})
    rates = [event.lr for event in events if isinstance(event, StepEnd)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1])
    assert [event.lr for event in events if isinstance(event, EpochEnd)] == pytest.approx([0.1] * 2)


def test_times_are_those_of_the_clock(experiment_of, train_events):
    *_, epoch, stopped = train_events(
        experiment_of(train={"epochs": 1}), now=ticking(1.0), elapsed_s=100.0
    )
    assert 100 < epoch.elapsed_s < stopped.elapsed_s < 120
    assert epoch.samples_per_s == pytest.approx(20 / 7, rel=0.5)


def test_leaving_the_loop_and_coming_back_is_the_same_training(experiment_of, train_events):
    experiment = experiment_of()
    whole, parts = (start(experiment.plan, experiment.network) for _ in range(2))
    expected = [event.step for event in train_events(experiment, whole)]
    found = [next(train_events(experiment, parts)).step for _ in expected]
    assert found == expected
    for name, W in whole.params.items():
        np.testing.assert_array_equal(W, parts.params[name])


# Why it stops


@pytest.mark.parametrize(
    ("train", "reason", "detail", "step"),
    [
        ({"epochs": 2}, "epochs", "2 epochs done", 6),
        ({"epochs": None, "max_steps": 4}, "max_steps", "4 steps done", 4),
        ({"epochs": None, "max_steps": 6}, "max_steps", "6 steps done", 6),
        ({"epochs": 2, "max_steps": 4}, "max_steps", "4 steps done", 4),
        ({"epochs": 1, "max_steps": 4}, "epochs", "1 epochs done", 3),
        ({"epochs": 9, "stop": {"target": {"train/accuracy": 0.0}}},
         "target", r"train/accuracy 0\.\d+ reached 0", 3),
        ({"epochs": 9, "stop": {"target": {"train/loss": 100.0}}},
         "target", r"train/loss 0\.\d+ reached 100", 3),
        ({"epochs": 9, "stop": {"threshold": 1000.0}},
         "threshold", r"every W and b changed by less than 1000 \(\S+\)", 1),
    ],
)  # fmt: skip
def test_reasons_to_stop(run, train, reason, detail, step):
    *_, stopped = run(train=train)
    assert (stopped.reason, stopped.step) == (reason, step)
    assert re.fullmatch(detail, stopped.detail)


def test_a_target_that_is_not_reached_does_not_stop(run):
    *_, stopped = run(train={"stop": {"target": {"train/accuracy": 1.01, "train/loss": -1.0}}})
    assert stopped.reason == "epochs"


def test_the_threshold_is_on_every_change_of_every_array(experiment_of, history):
    """Training stops after the first update that changes no W and no b by ε or more."""
    epsilon = 1e-3
    train = {"mode": "batch", "batch_size": None, "epochs": 500, "stop": {"threshold": epsilon}}
    states = [
        (event, state)
        for event, state in history(experiment_of(**LINE, train=train))
        if not isinstance(event, EpochEnd)
    ]
    stopped, _ = states[-1]
    assert stopped.reason == "threshold"
    largest = [
        max(np.abs(after.params[name] - before.params[name]).max() for name in after.params)
        for (_, before), (_, after) in itertools.pairwise(states[:-1])
    ]
    assert all(change >= epsilon for change in largest[:-1])
    assert largest[-1] < epsilon
    assert states[-2][1].largest_change == pytest.approx(largest[-1])
    assert len(largest) > 20


def test_patience_counts_epochs_since_the_best(experiment_of, history):
    states = history(
        experiment_of(
            data={"source": "synthetic", "problem": "spirals", "n": 40, "validation": 0.5},
            train={"epochs": 200, "stop": {"patience": 3}},
        )
    )
    stopped, last = states[-1]
    assert (stopped.reason, stopped.detail) == ("patience", "no better epoch for 3 epochs")
    assert last.best.epoch == stopped.epoch - 3
    values = [event.metrics["val/accuracy"] for event, _ in states if isinstance(event, EpochEnd)]
    assert max(values) == values[last.best.epoch - 1] == last.best.value
    assert last.best.step == 3 * last.best.epoch


def test_minutes_are_those_spent_training(experiment_of, train_events):
    experiment = experiment_of(train={"epochs": 1000, "stop": {"minutes": 1}})
    *_, stopped = train_events(experiment, now=ticking(1.0))
    assert stopped.reason == "minutes"
    assert stopped.detail == "1.00 minutes spent"
    assert 10 < stopped.step < 60


def test_a_clock_that_goes_backwards_changes_no_figure(experiment_of, train_events):
    experiment = experiment_of(train={"epochs": 2, "stop": {"minutes": 1}})
    backwards = iter(range(10_000, 0, -7))
    shown = list(train_events(experiment, now=lambda: float(next(backwards))))
    usual = list(train_events(experiment))
    assert [(event.step, event.metrics) for event in shown] == [
        (event.step, event.metrics) for event in usual
    ]
    rates = [event.samples_per_s for event in shown if isinstance(event, EpochEnd)]
    assert all(rate > 0 and math.isfinite(rate) for rate in rates)


def test_minutes_spent_before_count(experiment_of, train_events):
    experiment = experiment_of(train={"epochs": 1000, "stop": {"minutes": 1}})
    (stopped,) = train_events(experiment, elapsed_s=61.0)
    assert (stopped.reason, stopped.step) == ("minutes", 0)


def test_stopped_inside_an_epoch_the_figures_are_those_so_far(run):
    data = {"source": "synthetic", "problem": "xor", "n": 25, "validation": 5}
    *steps, stopped = run(data=data, train={"epochs": None, "max_steps": 2})
    mean = sum(event.metrics["loss"] for event in steps) / 2
    assert stopped.metrics["train/loss"] == pytest.approx(mean)
    assert 0 <= stopped.metrics["val/accuracy"] <= 1


# Divergence


def test_a_weight_that_overflows_is_named_with_its_batch(run):
    *_, stopped = run(optimizer={"sgd": {"lr": 1e300}})
    assert stopped.reason == "diverged"
    assert stopped.detail == (
        "step 1 (epoch 1, batch 1): dense1.W is not finite after an update with learning rate"
        " 1e+300"
    )
    assert (stopped.step, stopped.metrics) == (0, {})


def test_an_input_that_overflows_is_named_with_its_batch(run):
    inputs = [[1.0], [1.0], [1.0], [1e39]]  # too large for float32
    data = {"source": "inline", "inputs": inputs, "targets": [0, 1, 0, 1]}
    train = {"mode": "sgd", "batch_size": None, "shuffle": False}
    *_, stopped = run(data=data, network=[{"dense": {"units": 2}}], train=train)
    assert stopped.detail == (
        "step 4 (epoch 1, batch 4): the input is not finite in float32 (sample 3)"
    )
    assert (stopped.step, stopped.samples) == (3, (3,))


def test_a_gradient_that_overflows_is_named(run):
    *_, stopped = run(train={"l2": 1e308})
    assert re.fullmatch(
        r"step 1 \(epoch 1, batch 1\): the gradient of dense\d\.W is not finite", stopped.detail
    )


def test_divergence_keeps_the_figures_of_the_last_good_epoch(run):
    events = run(schedule={"step": {"every_epochs": 2, "gamma": 1e300}}, train={"epochs": 9})
    *_, epoch, stopped = events
    assert stopped.reason == "diverged"
    assert stopped.detail.startswith("step 7 (epoch 3, batch 1): ")
    assert stopped.metrics == epoch.metrics


def test_an_infinite_validation_loss_is_divergence(experiment_of, train_events):
    experiment = experiment_of(data={**LINE["data"], "validation": 1}, network=LINE["network"],
                               loss="squared_error")  # fmt: skip
    held_out = experiment.data.splits["val"]
    experiment.data.splits["val"] = Split(np.full_like(held_out.x, 1e30), held_out.y)
    state = start(experiment.plan, experiment.network)
    *_, stopped = train_events(experiment, state)
    assert stopped.reason == "diverged"
    assert stopped.detail == "step 1 (epoch 1): val/loss is not finite"
    assert state.best is None


# What is best


@pytest.mark.parametrize("monitor", ["val/accuracy", "val/loss", "train/loss"])
def test_the_best_epoch_is_the_first_with_the_best_figure(run, monitor):
    events = run(
        data={"source": "synthetic", "problem": "spirals", "n": 60, "validation": 0.3},
        train={"epochs": 15, "monitor": monitor},
    )
    best = None
    for event in events:
        if isinstance(event, EpochEnd):
            value = event.metrics[monitor] * (1 if monitor.endswith("accuracy") else -1)
            assert event.is_best == (best is None or value > best)
            best = value if event.is_best else best


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, "train/accuracy"),
        ({"data": {"source": "synthetic", "problem": "xor", "n": 9, "validation": 3}},
         "val/accuracy"),
        (LINE, "train/loss"),
        ({**LINE, "data": {**LINE["data"], "validation": 1}}, "val/loss"),
        ({"train": {"monitor": "train/loss"}}, "train/loss"),
    ],
)  # fmt: skip
def test_which_figure_is_monitored(experiment_of, history, sections, expected):
    for event, state in history(experiment_of(**sections)):
        if isinstance(event, EpochEnd) and event.is_best:
            assert state.best.value == event.metrics[expected]


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [("val/accuracy", 0.9, 0.8), ("val/loss", 0.8, 0.9), ("val/rmse", 1.0, 2.0)],
)
def test_what_better_means(name, better, worse):
    assert is_better(name, better, worse)
    assert not is_better(name, worse, better)
    assert not is_better(name, better, better)
    assert is_better(name, better, better, equal=True)


# What cannot be trained


@pytest.mark.parametrize(
    ("train", "path", "message"),
    [
        ({"monitor": "val/loss"}, ("train", "monitor"),
         "this training has no metric 'val/loss'; it has train/loss, train/accuracy"),
        ({"stop": {"target": {"val/accuracy": 0.9}}}, ("train", "stop", "target", "val/accuracy"),
         "this training has no metric 'val/accuracy'; it has train/loss, train/accuracy"),
    ],
)  # fmt: skip
def test_a_metric_that_does_not_exist(checked_training, experiment_of, train, path, message):
    with pytest.raises(ConfigError) as caught:
        checked_training(experiment_of(train=train))
    assert (str(caught.value), caught.value.path) == (message, path)


def test_a_warm_up_longer_than_the_training(checked_training, experiment_of):
    with pytest.raises(ConfigError, match="the warm-up takes 6 steps, but training ends after 6;"):
        checked_training(experiment_of(schedule={"cosine": {"warmup_epochs": 2}}))


def test_the_clock_counts_the_shorter_limit(experiment_of):
    plan = experiment_of(train={"epochs": 5, "max_steps": 7}).plan
    assert training_clock(plan, 20).total_steps == 7
    assert training_clock(plan, 3).total_steps == 5
    assert training_clock(plan, 20).steps_per_epoch == 3


# What changes and what does not


@pytest.mark.parametrize(
    ("trainable", "frozen"),
    [
        (False, {"dense1.W", "dense1.b"}),
        ({"W": False}, {"dense1.W"}),
        ({"b": False}, {"dense1.b"}),
        (True, set()),
    ],
)
def test_frozen_arrays_do_not_change(experiment_of, history, trainable, frozen):
    network = [
        {"dense": {"units": 4, "activation": "tanh", "trainable": trainable}},
        {"dense": {"units": 2}},
    ]
    experiment = experiment_of(
        network=network, optimizer={"sgd": {"lr": 0.1, "momentum": 0.9}}, train={"l2": 1.0}
    )
    first = start(experiment.plan, experiment.network)
    _, last = history(experiment)[-1]
    same = {name for name, W in first.params.items() if np.array_equal(W, last.params[name])}
    assert same == frozen


def test_the_penalty_shrinks_weights_and_is_a_figure(experiment_of, history):
    """The penalty is λ/2m Σ W² over the weights, without biases."""
    train = {"mode": "batch", "batch_size": None, "epochs": 1}
    plain, decayed = (
        experiment_of(dtype="float64", train={**train, "l2": l2}) for l2 in (0.0, 3.0)
    )
    W0 = start(plain.plan, plain.network).params
    (_, after), (event, after_decayed), _ = (
        history(plain)[0], *history(decayed)[1:]
    )  # fmt: skip
    for name, W in W0.items():
        shrunk = 0.1 * 3.0 / 20 * W if name.endswith(".W") else 0
        np.testing.assert_allclose(after_decayed.params[name], after.params[name] - shrunk)
    weights = sum((W**2).sum() for name, W in after_decayed.params.items() if name.endswith(".W"))
    assert event.metrics["train/penalty"] == pytest.approx(3.0 / (2 * 20) * weights)


def test_a_line_is_learnt_exactly(experiment_of, history):
    train = {"mode": "batch", "batch_size": None, "epochs": 400}
    _, last = history(experiment_of(**LINE, train=train))[-1]
    np.testing.assert_allclose(last.params["dense1.W"], [[2.0]], atol=1e-9)
    np.testing.assert_allclose(last.params["dense1.b"], [[-1.0]], atol=1e-9)


# The same bits for any number of threads; memory

MANY_SHARDS = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 1500, "validation": 0.4},
    "network": [
        {"dense": {"units": 30, "activation": "relu"}},
        {"dropout": {"rate": 0.3}},
        {"dense": {"units": 2}},
    ],
    "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
    "train": {"mode": "batch", "batch_size": None, "epochs": 4, "l2": 0.5},
}


def outcome(experiment, threads):
    """All bits that a training leaves behind."""
    state = start(experiment.plan, experiment.network)
    with Workers(threads) as workers:
        events = list(train(experiment, state, workers))
    arrays = {**state.params, **state.optimizer_state}
    return {name: array.tobytes() for name, array in arrays.items()}, events[-1].metrics


def test_the_same_bits_for_any_number_of_threads(experiment_of):
    experiment = experiment_of(**MANY_SHARDS)
    assert shard_count(experiment.network, len(experiment.data.train)) == 4
    expected = outcome(experiment, 1)
    for threads in (2, 3, 4):
        assert outcome(experiment, threads) == expected


def test_another_seed_gives_other_bits(experiment_of):
    assert outcome(experiment_of(seed=1), 1) != outcome(experiment_of(seed=2), 1)


def with_images(experiment, samples):
    """The experiment with so many images (1, 28, 28) of unsigned bytes as training split."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, 1, 28, 28), dtype=np.uint8)
    dataset = Dataset(Split(x, np.arange(samples) % 2), None, ("even", "odd"))
    return Experiment(experiment.plan, experiment.network, prepare(dataset, 0, "unit", seed=0))


@pytest.mark.parametrize("work", ["step", "whole epoch"])
def test_memory_of_a_full_batch_does_not_grow_with_the_data(experiment_of, work):
    experiment = experiment_of(
        input=[1, 28, 28],
        data={"source": "inline", "inputs": np.zeros((1, 1, 28, 28)).tolist(), "targets": [1]},
        network=[
            "flatten",
            {"dense": {"units": 8, "activation": "relu"}},
            {"dense": {"units": 2}},
        ],
        train={"mode": "batch", "batch_size": None, "epochs": 1},
    )

    def peak(samples):
        larger = with_images(experiment, samples)
        state = start(larger.plan, larger.network)
        clock = training_clock(larger.plan, samples)
        tracemalloc.start()
        with Workers(1) as workers:
            if work == "step":
                train_step(larger, state, workers, clock)
            else:
                list(train(larger, state, workers))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(4096), peak(8192)  # more shards than are recorded
    indices = 8192 * 8
    assert large < 1.1 * small + 2 * indices
