"""Adaptive pooling against PyTorch, for every pair of sizes."""

import itertools

import numpy as np
import pytest

from cnntrain.layers.adaptive_pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d

LAYERS = {AdaptiveAvgPool2d: "adaptive_avg_pool2d", AdaptiveMaxPool2d: "adaptive_max_pool2d"}


@pytest.mark.parametrize("kind", LAYERS, ids=LAYERS.values())
@pytest.mark.parametrize("sides", [(1, 7), (5, 4), (8, 3)])
def test_equals_pytorch_with_ties(torch, kind, sides, evaluation):
    rng = np.random.default_rng(0)
    for size in itertools.product((1, 2, 3, 8), (1, 3, 5)):
        x = rng.integers(-2, 3, (2, *sides, 3)).astype(np.float64)
        theirs = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 0)), requires_grad=True)
        expected = getattr(torch.nn.functional, LAYERS[kind])(theirs, size)
        layer = kind(size=size)
        y, cache = layer.forward({}, x, evaluation)
        assert layer.out_shape(x.shape[:3]) == y.shape[:3]
        dy = rng.standard_normal(y.shape)
        expected.backward(torch.tensor(np.moveaxis(dy, -1, 0)))
        dx, _ = layer.backward({}, cache, dy)
        np.testing.assert_allclose(np.moveaxis(y, -1, 0), expected.detach().numpy(), atol=1e-14)
        np.testing.assert_allclose(np.moveaxis(dx, -1, 0), theirs.grad.numpy(), atol=1e-13)


@pytest.mark.parametrize("kind", LAYERS, ids=LAYERS.values())
def test_nan_is_not_lost(kind, evaluation):
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 2, 0] = np.nan
    y, _ = kind(size=2).forward({}, x, evaluation)
    assert np.isnan(y[0, 0, 1, 0])
    if (
        kind is AdaptiveMaxPool2d
    ):  # the NumPy engine takes means by matrices with zeros: 0·NaN = NaN
        assert np.isnan(y).sum() == 1
