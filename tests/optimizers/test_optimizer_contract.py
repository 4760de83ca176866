"""The contract of every registered optimizer; the registry is the list of optimizers."""

import dataclasses

import numpy as np
import pytest

from cnntrain.optimizers import Optimizer

KINDS = [pytest.param(kind, id=name) for name, kind in Optimizer.kinds.items()]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

WITH_EVERY_SWITCH = {"momentum": 0.9, "nesterov": True, "centered": True}


def plain_and_switched(kind):
    """The optimizer with its defaults, and with every optional part enabled."""
    names = {field.name for field in dataclasses.fields(kind)}
    switched = {name: value for name, value in WITH_EVERY_SWITCH.items() if name in names}
    return [kind(), kind(**switched)]


def empty_state(rule, like):
    return {slot: np.zeros_like(like) for slot in rule.active_slots()}


def gradient(dtype, step=0):
    g = np.random.default_rng([7, step]).standard_normal((3, 4)).astype(dtype)
    g.setflags(write=False)
    return g


@every_kind
@every_dtype
def test_shape_and_dtype_are_those_of_the_gradient(kind, dtype):
    for rule in plain_and_switched(kind):
        state = empty_state(rule, gradient(dtype))
        for step in range(3):
            change = rule.change(gradient(dtype, step), state, 0.1, step)
            assert (change.shape, change.dtype) == ((3, 4), np.dtype(dtype))
            assert np.isfinite(change).all()
        assert {array.dtype for array in state.values()} <= {np.dtype(dtype)}
        assert set(state) == set(rule.active_slots())


@every_kind
def test_the_gradient_is_not_modified_and_not_kept(kind):
    for rule in plain_and_switched(kind):
        dW = gradient(np.float64)  # read-only: writing into it raises
        state = empty_state(rule, dW)
        change = rule.change(dW, state, 0.1, 0)
        for array in (change, *state.values()):
            assert not np.shares_memory(array, dW)


@every_kind
def test_the_change_shares_no_memory(kind):
    """Writing into the change must not reach the state."""
    for rule in plain_and_switched(kind):
        state = empty_state(rule, gradient(np.float64))
        change = rule.change(gradient(np.float64), state, 0.1, 0)
        assert not any(np.shares_memory(change, array) for array in state.values())


@every_kind
def test_all_state_is_in_the_optimizer_state(kind):
    """Two arrays updated alternately by one optimizer do not affect each other."""
    for rule in plain_and_switched(kind):
        alone, in_turn, other = (empty_state(rule, gradient(np.float64)) for _ in range(3))
        for step in range(4):
            expected = rule.change(gradient(np.float64, step), alone, 0.1, step)
            found = rule.change(gradient(np.float64, step), in_turn, 0.1, step)
            rule.change(gradient(np.float64, step + 100), other, 0.1, step)
            np.testing.assert_array_equal(found, expected)


@every_kind
def test_it_goes_downhill(kind):
    for rule in plain_and_switched(kind):
        W = np.array([1.0, -2.0])
        state = empty_state(rule, W)
        start = W.copy()
        for step in range(200):
            W += rule.change(2 * W, state, rule.lr, step)
        assert (np.abs(W) < np.abs(start)).all()


@every_kind
def test_no_gradient_no_change(kind):
    for rule in plain_and_switched(kind):
        state = empty_state(rule, np.zeros(3))
        assert not rule.change(np.zeros(3), state, 0.1, 0).any()


@every_kind
def test_round_trip_through_yaml(kind, read_back):
    for rule in plain_and_switched(kind):
        assert read_back(Optimizer, rule) == rule
