"""What training remembers at the start: weights by the seed, and the optimizer's memory."""

import numpy as np
import pytest

from cnntrain.training.state import optimizer_state_names, start, weights_sha256

LAYERS = [
    {"dense": {"units": 3, "activation": "relu", "trainable": {"b": False}}},
    {"dense": {"units": 2, "bias": False}},
]


def test_nothing_is_remembered_before_the_first_step(experiment_of):
    experiment = experiment_of()
    state = start(experiment.plan, experiment.network)
    assert (state.step, state.sums, state.metrics, state.best) == (0, {}, {}, None)
    assert (state.stale_epochs, state.largest_change) == (0, None)
    assert state.optimizer_state == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_have_the_precision_of_the_plan(experiment_of, dtype):
    momentum = {"sgd": {"lr": 0.1, "momentum": 0.9}}
    experiment = experiment_of(network=LAYERS, dtype=dtype, optimizer=momentum)
    state = start(experiment.plan, experiment.network)
    assert list(state.params) == ["dense1.W", "dense1.b", "dense2.W"]
    for array in [*state.params.values(), *state.optimizer_state.values()]:
        assert array.dtype == np.dtype(dtype)
        assert array.flags.c_contiguous


def test_memory_belongs_to_trainable_arrays_and_starts_at_zero(experiment_of):
    momentum = {"sgd": {"lr": 0.1, "momentum": 0.9}}
    experiment = experiment_of(network=LAYERS, optimizer=momentum)
    state = start(experiment.plan, experiment.network)
    names = optimizer_state_names(experiment.plan, experiment.network)
    assert names == {"velocity:dense1.W": "dense1.W", "velocity:dense2.W": "dense2.W"}
    assert state.optimizer_state.keys() == names.keys()
    for slot, name in names.items():
        assert state.optimizer_state[slot].shape == state.params[name].shape
        assert not state.optimizer_state[slot].any()


def test_weights_are_a_function_of_the_seed(experiment_of):
    first, again, other = (
        start(experiment.plan, experiment.network).params["dense1.W"].tobytes()
        for experiment in (experiment_of(seed=5), experiment_of(seed=5), experiment_of(seed=6))
    )
    assert first == again != other


def test_the_digest_of_the_weights_sees_every_name_shape_type_and_bit():
    W = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = np.ones(2, np.float32)
    changed = W.copy()
    changed.view(np.uint32)[0, 0] ^= 1
    variants = [
        {"W": W, "b": b},
        {"V": W, "b": b},
        {"W": W.reshape(3, 2), "b": b},
        {"W": W.view(np.int32), "b": b},
        {"W": changed, "b": b},
        {"W": W},
    ]
    assert len({weights_sha256(params) for params in variants}) == len(variants)
    assert weights_sha256({"b": b, "W": np.asfortranarray(W)}) == weights_sha256({"W": W, "b": b})
