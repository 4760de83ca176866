"""Upsampling against PyTorch."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.upsample2d import Upsample2d, interpolation


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [1, 2, 3, (1, 4), (3, 2)])
@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (1, 1, 1, 1), (3, 1, 5, 2)])
def test_equals_pytorch(torch, evaluation, mode, factor, shape):
    rng = np.random.default_rng(0)
    x, layer = rng.standard_normal(shape), Upsample2d(factor=factor, mode=mode)
    x_theirs = torch.tensor(np.moveaxis(x, -1, 0).copy(), requires_grad=True)
    corners = {"align_corners": False} if mode == "bilinear" else {}
    factors = factor if isinstance(factor, tuple) else (factor, factor)
    scale = tuple(map(float, factors))
    expected = torch.nn.functional.interpolate(x_theirs, scale_factor=scale, mode=mode, **corners)
    y, cache = layer.forward({}, x, evaluation)
    assert y.shape[:3] == layer.out_shape(shape[:3])
    np.testing.assert_allclose(np.moveaxis(y, -1, 0), expected.detach(), rtol=1e-12, atol=1e-13)
    dy = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 0).copy()))
    dx, _ = layer.backward({}, cache, dy)
    np.testing.assert_allclose(np.moveaxis(dx, -1, 0), x_theirs.grad, rtol=1e-11, atol=1e-12)


def test_nearest_repeats_every_pixel(evaluation):
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    y, _ = Upsample2d().forward({}, x, evaluation)
    np.testing.assert_array_equal(y, x.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("length", [1, 2, 7])
def test_a_constant_map_stays_constant(mode, length):
    np.testing.assert_allclose(interpolation(length, 3, mode).sum(axis=1), 1, rtol=1e-15)


def test_a_pass_does_not_change_the_matrices(evaluation):
    layer, x = Upsample2d(mode="bilinear"), np.random.default_rng(0).standard_normal((1, 2, 2, 1))
    first, _ = layer.forward({}, x, evaluation)
    first *= 0
    assert layer.forward({}, x, evaluation)[0].any()


def test_a_vector_is_rejected():
    with pytest.raises(ShapeError, match=r"needs an image of shape \(C, H, W\)"):
        Upsample2d().out_shape((3,))
