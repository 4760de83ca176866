"""Dropout preserves the mean, derives its mask from the context, and is off in evaluation."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cnntrain.layers.dropout import Dropout
from cnntrain.network.network import Pass

LARGE = np.ones((100, 1000))
CONTEXT = Pass(training=True, seed=1, step=5, shard=2)


def mask(run=CONTEXT, layer=3, rate=0.4, x=LARGE):
    y, _ = Dropout(rate=rate).forward({}, x, run.context(layer))
    return y


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_dropped_share_is_the_rate_and_the_mean_is_preserved(rate):
    y = mask(rate=rate)
    error = math.sqrt(rate * (1 - rate) / y.size)  # standard error of the dropped share
    assert abs((y == 0).mean() - rate) < 4 * error
    assert abs(y.mean() - 1) < 4 * error / (1 - rate)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-15)


def test_kept_values_are_scaled_by_the_rate_and_delta_alike(training):
    x, dy = np.random.default_rng(0).standard_normal((2, 6, 50))
    layer = Dropout(rate=0.75)
    y, cache = layer.forward({}, x, training)
    dx, _ = layer.backward({}, cache, dy)
    kept = y != 0
    np.testing.assert_array_equal(y[kept], 4 * x[kept])
    np.testing.assert_array_equal(dx[kept], 4 * dy[kept])
    assert not dx[~kept].any()


def test_the_mask_is_frozen_for_the_same_context():
    np.testing.assert_array_equal(mask(), mask())
    context = CONTEXT.context(3)
    first, _ = Dropout().forward({}, LARGE, context)
    again, _ = Dropout().forward({}, LARGE, context)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("run", "layer"),
    [
        (replace(CONTEXT, step=6), 3),
        (CONTEXT, 4),
        (replace(CONTEXT, shard=3), 3),
        (replace(CONTEXT, seed=2), 3),
    ],
    ids=["step", "layer", "shard", "seed"],
)
def test_the_mask_is_independent_elsewhere(run, layer):
    same = (mask() == mask(run, layer)).mean()
    expected = 0.4**2 + 0.6**2
    assert abs(same - expected) < 5 * math.sqrt(expected * (1 - expected) / LARGE.size)


def test_float32_and_float64_drop_the_same_units():
    exact, rough = mask(), mask(x=LARGE.astype(np.float32))
    assert rough.dtype == np.float32
    np.testing.assert_array_equal(exact != 0, rough != 0)


@pytest.mark.parametrize(
    ("layer", "run"),
    [(Dropout(rate=0.0), CONTEXT), (Dropout(rate=0.5), Pass())],
    ids=["rate 0", "evaluation"],
)
def test_identity(layer, run):
    x = np.random.default_rng(0).standard_normal((3, 4))
    y, cache = layer.forward({}, x, run.context(0))
    dx, grads = layer.backward({}, cache, 2 * x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dx, 2 * x)
    assert grads == {}


def test_evaluation_draws_nothing():
    def generator():
        raise AssertionError("evaluation drew a random number")

    context = replace(Pass().context(0), generator=generator)
    Dropout(rate=0.5).forward({}, LARGE, context)
