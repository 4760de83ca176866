"""The cost with its penalty against the formula, and shards that add up to the batch."""

import numpy as np
import pytest

from cnntrain.layers import alone
from cnntrain.layers.activations import Relu, Sigmoid
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.pooling import MaxPool2d
from cnntrain.layers.shaping import Flatten
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.losses.squared_error import SquaredError
from cnntrain.network.network import Pass
from cnntrain.network.objective import (
    LossTerm,
    Objective,
    Penalty,
    forward_backward,
    forward_backward_steps,
)
from cnntrain.training.shards import cut

FLOAT64 = np.dtype(np.float64)


def objective(loss):
    return Objective((LossTerm(loss=loss),))


@pytest.fixture
def small(network_of):
    """(network, params, x, labels) with simple numbers in the arrays."""
    network = network_of(
        (1, 4, 4),
        *(Conv2d(filters=2, kernel=3), Relu(), MaxPool2d(size=2), Flatten(), Dense(units=3)),
    )
    rng = np.random.default_rng(0)
    params = {name: rng.uniform(-1, 1, p.shape).round(1) for name, p in network.params.items()}
    return network, params, rng.standard_normal((1, 4, 4, 11)), rng.integers(0, 3, 11)


# --- the penalty -----------------------------------------------------------------------------


def test_the_penalty_is_half_the_decay_times_the_squares_of_the_weights(small):
    network, params, _, _ = small
    lam, m = 0.3, 50
    squares = sum(w**2 for name in ("conv1.W", "dense1.W") for w in params[name].ravel().tolist())
    assert Penalty(l2=lam / m).value(network, params) == pytest.approx(lam / (2 * m) * squares)


def test_the_penalty_excludes_biases(small):
    network, params, _, _ = small
    before = Penalty(l2=0.1).value(network, params)
    params["conv1.b"] += 100
    params["dense1.b"] += 100
    assert Penalty(l2=0.1).value(network, params) == before


def test_the_gradient_of_the_penalty_is_the_decay_times_the_weights(small):
    network, params, _, _ = small
    grads = {name: np.full(array.shape, 2.0) for name, array in params.items()}
    given = dict(grads)
    Penalty(l2=0.1).add_gradient(network, params, grads)
    for name in ("conv1.W", "dense1.W"):
        np.testing.assert_allclose(grads[name], 2 + 0.1 * params[name], rtol=1e-15)
    for name in ("conv1.b", "dense1.b"):
        assert grads[name] is given[name]
    assert all((array == 2).all() for array in given.values()), "written into shared arrays"


def test_a_zero_penalty_adds_nothing(small):
    network, params, _, _ = small
    grads = {name: np.ones(array.shape) for name, array in params.items()}
    given = dict(grads)
    Penalty().add_gradient(network, params, grads)
    assert Penalty().value(network, params) == 0.0
    assert all(grads[name] is given[name] for name in grads)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_penalty_preserves_the_precision_of_the_gradients(small, dtype):
    network, params, _, _ = small
    params = {name: array.astype(dtype) for name, array in params.items()}
    grads = {name: np.ones(array.shape, dtype) for name, array in params.items()}
    Penalty(l2=0.1).add_gradient(network, params, grads)
    assert {array.dtype for array in grads.values()} == {np.dtype(dtype)}


# --- shards ----------------------------------------------------------------------------------


def of_shard(network, loss, params, x, y, run, m, need_dx=False):
    steps = forward_backward_steps(network, objective(loss), params, x, y, run, m, need_dx)
    return alone(steps)


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=lambda loss: loss.kind)
@pytest.mark.parametrize("shards", [2, 3, 4, 11])
def test_gradients_of_shards_add_up_to_those_of_the_batch(small, loss, shards):
    network, params, x, y = small
    whole = forward_backward(network, objective(loss), params, x, y, Pass(), need_dx=True)
    parts = [
        of_shard(network, loss, params, x[..., s], y[s], Pass(), m=11, need_dx=True)
        for s in cut(11, shards)
    ]
    assert sum(part.loss for part in parts) == pytest.approx(whole.loss, rel=1e-13)
    for name, grad in whole.grads.items():
        total = sum(part.grads[name] for part in parts)
        np.testing.assert_allclose(total, grad, rtol=1e-11, atol=1e-14)
    for whole_array, arrays in (
        (whole.z, [part.z for part in parts]),
        (whole.dx, [part.dx for part in parts]),
    ):
        np.testing.assert_allclose(np.concatenate(arrays, axis=-1), whole_array, rtol=1e-11)


def test_gradients_are_those_of_the_mean(small):
    network, params, x, y = small
    twice_x, twice_y = np.concatenate([x, x], axis=-1), np.concatenate([y, y])
    once = forward_backward(network, objective(CrossEntropy()), params, x, y, Pass())
    twice = forward_backward(network, objective(CrossEntropy()), params, twice_x, twice_y, Pass())
    assert twice.loss == pytest.approx(2 * once.loss)
    for name, grad in once.grads.items():
        np.testing.assert_allclose(twice.grads[name], grad, rtol=1e-11, atol=1e-14)


def test_every_shard_draws_its_own_masks(network_of):
    network = network_of((30,), Dropout(rate=0.5))
    x, y = np.ones((30, 4)), np.zeros((30, 4))
    first, second = (
        of_shard(network, SquaredError(), {}, x, y, Pass(training=True, shard=k), m=8).z
        for k in (0, 1)
    )
    assert (first != second).any()


def test_arguments_are_not_modified(small):
    network, params, x, y = small
    for array in (x, y, *params.values()):
        array.setflags(write=False)
    forward_backward(network, objective(CrossEntropy()), params, x, y, Pass(), need_dx=True)


def test_the_input_gradient_is_computed_only_on_request(small):
    network, params, x, y = small
    assert forward_backward(network, objective(CrossEntropy()), params, x, y, Pass()).dx is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_of_the_network_is_preserved(network_of, dtype):
    network = network_of((3,), Dense(units=4), Sigmoid(), Dense(units=2))
    params = network.init(0, np.dtype(dtype))
    x, y = np.ones((3, 5), dtype), np.zeros((2, 5), dtype)
    out = forward_backward(network, objective(SquaredError()), params, x, y, Pass(), need_dx=True)
    assert {array.dtype for array in (out.z, out.dx, *out.grads.values())} == {np.dtype(dtype)}
    assert type(out.loss) is float
