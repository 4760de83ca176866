"""Activations and their derivatives as closed forms, and at both ends of the number range."""

import math

import numpy as np
import pytest

from cnntrain.layers import Layer
from cnntrain.layers.activations import (
    Activation,
    Identity,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softmax,
    Tanh,
)

CLOSED_FORMS = [
    pytest.param(layer, f, slope, id=name)
    for name, layer, f, slope in [
        ("identity", Identity(), lambda z: z, lambda z: 1.0),
        (
            "sigmoid",
            Sigmoid(),
            lambda z: 1 / (1 + math.exp(-z)),
            lambda z: 0.25 / math.cosh(z / 2) ** 2,
        ),
        ("tanh", Tanh(), math.tanh, lambda z: 1 / math.cosh(z) ** 2),
        ("relu", Relu(), lambda z: max(z, 0.0), lambda z: float(z > 0)),
        (
            "leaky_relu",
            LeakyRelu(),
            lambda z: z if z > 0 else 0.01 * z,
            lambda z: 1.0 if z > 0 else 0.01,
        ),
        (
            "slope 0.3",
            LeakyRelu(slope=0.3),
            lambda z: max(z, 0.3 * z),
            lambda z: 1.0 if z > 0 else 0.3,
        ),
        ("slope 0", LeakyRelu(slope=0.0), lambda z: max(z, 0.0), lambda z: float(z > 0)),
        (
            "slope 2",
            LeakyRelu(slope=2.0),
            lambda z: z if z > 0 else 2 * z,
            lambda z: 1.0 if z > 0 else 2.0,
        ),
    ]
]
ACTIVATIONS = [
    pytest.param(kind(), id=name)
    for name, kind in Layer.kinds.items()
    if issubclass(kind, Activation)
]
EXTREME = [-1e4, -745.2, -88.8, -1e-30, 0.0, 1e-30, 88.8, 709.8, 1e4]


def both_ways(layer, z, dy, evaluation):
    a, cache = layer.forward({}, z, evaluation)
    return a, layer.backward({}, cache, dy)[0]


@pytest.mark.parametrize(("layer", "f", "slope"), CLOSED_FORMS)
def test_closed_forms(layer, f, slope, evaluation):
    z = np.linspace(-6, 6, 50).reshape(10, 5)
    a, dz = both_ways(layer, z, np.full_like(z, 3.0), evaluation)
    np.testing.assert_allclose(a, np.vectorize(f)(z), rtol=1e-13)
    np.testing.assert_allclose(dz, 3 * np.vectorize(slope)(z), rtol=1e-11)


def test_softmax_is_its_closed_form(evaluation):
    z, dy = np.array([[0.5], [-1.0], [2.0]]), np.array([[1.0], [-2.0], [0.5]])
    a, dz = both_ways(Softmax(), z, dy, evaluation)
    e = [math.exp(0.5), math.exp(-1.0), math.exp(2.0)]
    p = np.array(e)[:, None] / sum(e)
    jacobian = np.diag(p[:, 0]) - p @ p.T
    np.testing.assert_allclose(a, p, rtol=1e-14)
    np.testing.assert_allclose(dz, jacobian @ dy, rtol=1e-12)


@pytest.mark.parametrize("shape", [(4, 7), (3, 2, 5, 4)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_sums_to_one_over_channels(shape, scale, dtype, evaluation):
    z = (np.random.default_rng(0).uniform(-1, 1, shape) * scale).astype(dtype)
    a, dz = both_ways(Softmax(), z, np.ones_like(z), evaluation)
    assert (a >= 0).all()
    np.testing.assert_allclose(a.sum(axis=0), 1, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(dz, 0, atol=8 * np.finfo(dtype).eps)  # a sum of 1 is constant


def test_softmax_is_unchanged_by_a_common_offset(evaluation):
    z = np.random.default_rng(0).standard_normal((5, 3))
    a, _ = both_ways(Softmax(), z, z, evaluation)
    moved, _ = both_ways(Softmax(), z + 1000.0, z, evaluation)
    np.testing.assert_allclose(moved, a, rtol=1e-12)


@pytest.mark.parametrize("layer", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_overflow_at_either_end(layer, dtype, evaluation):
    z = np.array(EXTREME, dtype)[:, None].repeat(2, axis=1)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, dz = both_ways(layer, z, np.ones_like(z), evaluation)
    assert np.isfinite(a).all()
    assert np.isfinite(dz).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_exact_for_large_arguments(dtype, evaluation):
    z = np.array([[-1e4, -50.0, 0.0, 50.0, 1e4]], dtype)
    a, _ = both_ways(Sigmoid(), z, z, evaluation)
    assert a[0, 0] == 0
    assert a[0, 1] == pytest.approx(math.exp(-50), rel=1e-5)
    assert a[0, 2:].tolist() == [0.5, 1, 1]


@pytest.mark.parametrize("layer", ACTIVATIONS)
def test_nan_propagates(layer, evaluation):
    a, _ = layer.forward({}, np.array([[np.nan], [1.0]]), evaluation)
    assert np.isnan(a[0, 0])


def test_relu_and_leaky_relu_at_zero(evaluation):
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    assert both_ways(Relu(), zero, one, evaluation)[1] == 0
    assert both_ways(LeakyRelu(slope=0.3), zero, one, evaluation)[1] == 0.3


@pytest.mark.parametrize("layer", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_any_shape_is_preserved(layer, shape):
    assert layer.out_shape(shape) == shape
    assert layer.params(shape) == {}
