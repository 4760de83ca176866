"""Exponentials that never overflow, checked against Python's scalar arithmetic."""

import math

import numpy as np
import pytest

from cnntrain.ops.stable import log_softmax, sigmoid, softmax

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def exact_log_softmax(column):
    largest = max(column)
    log_sum = math.log(math.fsum(math.exp(z - largest) for z in column))
    return [z - largest - log_sum for z in column]


def columns(scale, dtype):
    return (np.random.default_rng(3).uniform(-scale, scale, (6, 20))).astype(dtype)


@DTYPES
@pytest.mark.parametrize("scale", [1, 30, 1e4])
def test_log_softmax_and_softmax(dtype, scale):
    z, eps = columns(scale, dtype), np.finfo(dtype).eps
    expected = np.array([exact_log_softmax(column) for column in z.T.tolist()]).T
    np.testing.assert_allclose(log_softmax(z), expected, rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(softmax(z), np.exp(expected), rtol=32 * eps, atol=eps**2)


@DTYPES
def test_sigmoid(dtype):
    z, eps = np.linspace(-80, 80, 401).astype(dtype), np.finfo(dtype).eps
    expected = [1 / (1 + math.exp(-v)) for v in z.tolist()]
    np.testing.assert_allclose(sigmoid(z), expected, rtol=8 * eps)
    np.testing.assert_allclose(sigmoid(z) + sigmoid(-z), 1, rtol=2 * eps)


@DTYPES
@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax])
def test_no_overflow_and_the_same_dtype(function, dtype):
    z = np.array([[-1e4, 1e4, 0.0, -1e30], [1e4, -1e4, 0.0, 1e30]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = function(z)
    assert found.dtype == dtype
    assert np.isfinite(found).all()


@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax])
def test_the_argument_is_not_modified(function):
    z = columns(5, np.float64)
    z.setflags(write=False)
    function(z)


def test_softmax_of_equal_inputs_is_uniform():
    np.testing.assert_array_equal(softmax(np.full((4, 2), 7.0)), 0.25)
