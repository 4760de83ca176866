"""The error function against that of the C library."""

import math

import numpy as np
import pytest

from cnntrain.ops.erf import FAR, NEAR, erf

POINTS = np.concatenate(
    [
        np.linspace(-6, 6, 4001),
        np.array([NEAR, FAR])[:, None].repeat(3, 1).ravel() + np.tile([-1e-12, 0, 1e-12], 2),
        [0.0, 1e-300, 1e-20, 1e-8, 26.0, 1e4, 1e308],
    ]
)


def test_equals_the_c_library():
    expected = np.array([math.erf(x) for x in POINTS.tolist()])
    np.testing.assert_allclose(erf(POINTS), expected, rtol=1e-15, atol=0)
    np.testing.assert_allclose(erf(-POINTS), -expected, rtol=1e-15, atol=0)


def test_float32_is_rounded_once():
    x = POINTS[np.abs(POINTS) < 1e30].astype(np.float32)
    expected = np.array([math.erf(v) for v in x.tolist()], np.float32)
    np.testing.assert_allclose(erf(x), expected, rtol=1.2e-7)
    assert erf(x).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arguments(dtype):
    found = erf(np.array([-np.inf, np.inf, -0.0, np.nan], dtype))
    assert found[:2].tolist() == [-1, 1]
    assert found[2] == 0
    assert math.copysign(1, found[2]) == -1
    assert np.isnan(found[3])


def test_it_is_non_decreasing_and_bounded():
    found = erf(np.linspace(-7, 7, 20_001))
    assert (np.diff(found) >= -1e-16).all()
    assert np.abs(found).max() <= 1


@pytest.mark.parametrize("shape", [(0,), (1, 1), (2, 3, 4)])
def test_any_shape(shape):
    assert erf(np.ones(shape)).shape == shape
