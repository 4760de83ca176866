"""Global pooling reduces each map to one number."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.global_pooling import GlobalAvgPool2d, GlobalMaxPool2d

BOTH = [GlobalAvgPool2d(), GlobalMaxPool2d()]


@pytest.mark.parametrize("layer", BOTH, ids=lambda layer: layer.kind)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 1, 6, 2)])
def test_equals_pytorch(torch, evaluation, layer, shape):
    rng = np.random.default_rng(0)
    x = rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape)
    x_theirs = torch.tensor(x, requires_grad=True)
    kind = "amax" if "max" in layer.kind else "mean"
    expected = getattr(x_theirs, kind)(dim=(1, 2))
    y, cache = layer.forward({}, x, evaluation)
    dy = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(dy))
    dx, _ = layer.backward({}, cache, dy)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-13)
    np.testing.assert_allclose(dx, x_theirs.grad, rtol=1e-13)


def test_ties_send_the_gradient_to_the_first_value(evaluation):
    y, cache = GlobalMaxPool2d().forward({}, np.ones((1, 2, 2, 1)), evaluation)
    dx, _ = GlobalMaxPool2d().backward({}, cache, np.full((1, 1), 3.0))
    assert y.tolist() == [[1]]
    assert dx[0, :, :, 0].tolist() == [[3, 0], [0, 0]]


@pytest.mark.parametrize("layer", BOTH, ids=lambda layer: layer.kind)
def test_nan_propagates(layer, evaluation):
    x = np.zeros((1, 2, 2, 1))
    x[0, 1, 0, 0] = np.nan
    assert np.isnan(layer.forward({}, x, evaluation)[0]).all()


@pytest.mark.parametrize("layer", BOTH, ids=lambda layer: layer.kind)
def test_a_vector_is_rejected(layer):
    with pytest.raises(ShapeError) as caught:
        layer.out_shape((3,))
    assert str(caught.value) == "needs an image of shape (C, H, W), but the input is (3,)"
