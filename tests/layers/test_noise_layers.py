"""Spatial dropout and Gaussian noise: distribution, random keys, no effect in evaluation."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.dropout import GaussianNoise, SpatialDropout
from cnntrain.network.network import Pass

SHAPE = (40, 3, 4, 50)
RANDOM = [SpatialDropout(rate=0.3), GaussianNoise(std=0.5)]
every_layer = pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: layer.kind)


def drawn(layer, **keys):
    return layer.forward({}, np.ones(SHAPE), Pass(training=True, **keys).context(0))[0]


@every_layer
def test_evaluation_changes_nothing(layer, evaluation):
    x = np.random.default_rng(0).standard_normal(SHAPE)
    y, cache = layer.forward({}, x, evaluation)
    assert y is x
    np.testing.assert_array_equal(layer.backward({}, cache, x)[0], x)


@every_layer
def test_draws_are_keyed_by_seed_step_and_shard(layer):
    first = drawn(layer, seed=1, step=2, shard=3)
    np.testing.assert_array_equal(first, drawn(layer, seed=1, step=2, shard=3))
    for keys in ({"seed": 2}, {"step": 1}, {"shard": 0}):
        assert (first != drawn(layer, **{"seed": 1, "step": 2, "shard": 3, **keys})).any()


def test_whole_maps_are_dropped():
    y = drawn(SpatialDropout(rate=0.3))
    maps = y.transpose(0, 3, 1, 2).reshape(40 * 50, -1)
    assert (maps == maps[:, :1]).all()
    np.testing.assert_allclose(np.unique(maps), [0, 1 / 0.7], rtol=1e-15)
    left_out = (maps[:, 0] == 0).mean()
    assert abs(left_out - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)


def test_the_gradient_passes_where_the_map_was_kept(training):
    layer, x = SpatialDropout(rate=0.5), np.ones(SHAPE)
    y, cache = layer.forward({}, x, training)
    np.testing.assert_array_equal(layer.backward({}, cache, x)[0], y)


def test_spatial_dropout_requires_images():
    with pytest.raises(ShapeError) as caught:
        SpatialDropout().out_shape((3,))
    assert str(caught.value) == "needs an image of shape (C, H, W), but the input is (3,)"


def test_the_noise_is_normal():
    noise = drawn(GaussianNoise(std=0.5)) - 1
    n = noise.size
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(n)
    assert abs(noise.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * n)
    assert len(np.unique(noise)) > 0.99 * n


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_noise_keeps_the_precision(training, dtype):
    y, cache = GaussianNoise().forward({}, np.ones((3, 4), dtype), training)
    assert y.dtype == dtype
    dy = np.ones((3, 4), dtype)
    np.testing.assert_array_equal(GaussianNoise().backward({}, cache, dy)[0], dy)


def test_no_noise_is_no_change(training):
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_array_equal(GaussianNoise(std=0.0).forward({}, x, training)[0], x)
