"""A trace shows what training does, and its text has the numbers of the worked examples."""

import itertools

import numpy as np
import pytest

from cnntrain.errors import Diverged
from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers
from cnntrain.views.trace.samples import chosen_sample, default_samples
from cnntrain.views.trace.text import trace_text
from cnntrain.views.trace.trace import trace

NETWORK = [
    {"dense": {"units": 4}},
    "batch_norm",
    "relu",
    {"dropout": {"rate": 0.3}},
    {"dense": {"units": 2, "trainable": {"b": False}}},
]
TRAIN = {"mode": "batch", "batch_size": None, "l2": 2.0, "clip": {"norm": 0.1}}


def started(experiment):
    state = start(experiment.plan, experiment.network)
    return state, training_clock(experiment.plan, len(experiment.data.train))


@pytest.mark.parametrize("optimizer", [{"sgd": {"lr": 0.1, "momentum": 0.9}}, "adam"])
def test_traced_updates_equal_those_of_training(experiment_of, optimizer):
    experiment = experiment_of(network=NETWORK, optimizer=optimizer, train=TRAIN)
    trained, clock = started(experiment)
    with Workers(1) as workers:
        for _ in range(3):
            train_step(experiment, trained, workers, clock)
        traced, _ = started(experiment)
        order = range(len(experiment.data.train))
        found = trace(experiment, traced, clock, order, 3)
    for name, array in trained.params.items():
        np.testing.assert_array_equal(traced.params[name], array)
    for name, array in trained.optimizer_state.items():
        np.testing.assert_array_equal(traced.optimizer_state[name], array)
    assert traced.step == 3
    first, second, _ = found.steps
    for before, after in zip(first.updates, second.updates, strict=True):
        np.testing.assert_array_equal(before.after, after.before)
    frozen = next(updated for updated in first.updates if updated.name == "dense2.b")
    assert frozen.gradient is None
    assert not frozen.change.any()


def test_the_output_of_a_layer_is_the_input_of_the_next(experiment_of):
    experiment = experiment_of(network=NETWORK)
    state, clock = started(experiment)
    found = trace(experiment, state, clock, [3, 5], 1)
    assert found.edges[0] == ("input", "dense1")
    layers = found.steps[0].layers
    for layer, following in itertools.pairwise(layers):
        assert following.reads[0].name == layer.gives.name
        np.testing.assert_array_equal(following.reads[0].array, layer.gives.array)
        np.testing.assert_array_equal(following.to_inputs[0].array, layer.delta)
    np.testing.assert_array_equal(found.steps[0].losses[0].delta, layers[-1].delta)


def test_all_samples_are_shown_if_few_else_the_first(experiment_of):
    experiment = experiment_of()
    assert default_samples(experiment, start(experiment.plan, experiment.network)) == [0]
    inline = {"source": "inline", "inputs": [[0.0, 1.0], [1.0, 0.0]], "targets": [0, 1]}
    experiment = experiment_of(data=inline)
    assert default_samples(experiment, start(experiment.plan, experiment.network)) == [0, 1]


def test_the_worst_sample_is_the_most_confident_mistake(experiment_of):
    inputs = [[x] for x in (-9.0, -2.0, -1.0, 1.0, 2.0, 9.0)]
    data = {"source": "inline", "inputs": inputs, "targets": [0, 1, 0, 0, 1, 1]}
    network = [{"dense": {"units": 2, "init": {"W": [[0.0], [1.0]], "b": 0}}}]
    experiment = experiment_of(data=data, network=network, loss="cross_entropy")
    state = start(experiment.plan, experiment.network)
    state.step = 1
    assert default_samples(experiment, state) == [1]
    assert chosen_sample(experiment, state, "best") in (0, 5)
    assert chosen_sample(experiment, state, "random") in range(6)
    data["targets"] = [0, 0, 0, 1, 1, 1]  # all are right: the least confident one
    assert default_samples(experiment_of(data=data, network=network), state)[0] in (2, 3)


def test_the_worst_sample_of_a_regression_has_the_largest_error(experiment_of):
    data = {"source": "inline", "inputs": [[0.0], [1.0], [2.0], [3.0], [4.0]],
            "targets": [[0.0], [1.0], [7.0], [3.5], [4.0]]}  # fmt: skip
    network = [{"dense": {"units": 1, "init": {"W": [[1.0]], "b": 0}}}]
    experiment = experiment_of(data=data, network=network, loss="squared_error")
    state = start(experiment.plan, experiment.network)
    assert chosen_sample(experiment, state, "worst") == 2


def test_divergence_is_reported(experiment_of):
    network = [{"dense": {"units": 4}}, "leaky_relu", {"dense": {"units": 2}}]
    experiment = experiment_of(network=network, optimizer={"sgd": {"lr": 1e200}}, dtype="float64")
    state, clock = started(experiment)
    with pytest.raises(Diverged, match=r"^step \d: .* is not finite"):
        trace(experiment, state, clock, [0], 5)


def test_large_arrays_become_statistics_and_an_excerpt(experiment_of):
    network = [{"dense": {"units": 80}}, "relu", {"dense": {"units": 2}}]
    experiment = experiment_of(network=network)
    state, clock = started(experiment)
    text = trace_text(trace(experiment, state, clock, [0], 1), only=["relu1"])
    line = next(line for line in text.splitlines() if line.startswith("  a "))
    assert "80        min 0  mean" in line
    assert "zeros" in line
    assert "dense1:" not in text
    assert max(map(len, text.splitlines())) <= 100
