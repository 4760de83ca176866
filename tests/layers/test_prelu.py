"""PReLU against PyTorch."""

import numpy as np
import pytest

from cnntrain.layers.initializers import Constant
from cnntrain.layers.prelu import Prelu


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (3, 2, 4, 5), (1, 1)])
def test_equals_pytorch(torch, evaluation, shared, shape):
    layer, rng = Prelu(shared=shared), np.random.default_rng(0)
    slope = rng.uniform(-0.5, 0.5, layer.params(shape[:-1])["slope"].shape)
    z, dy = rng.standard_normal(shape), rng.standard_normal(shape)
    z_theirs = torch.tensor(np.moveaxis(z, -1, 0).copy(), requires_grad=True)
    slope_theirs = torch.tensor(slope, requires_grad=True)
    expected = torch.nn.functional.prelu(z_theirs, slope_theirs)
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 0).copy()))
    a, cache = layer.forward({"slope": slope}, z, evaluation)
    dz, grads = layer.backward({"slope": slope}, cache, dy)
    np.testing.assert_allclose(np.moveaxis(a, -1, 0), expected.detach(), rtol=1e-13)
    np.testing.assert_allclose(np.moveaxis(dz, -1, 0), z_theirs.grad, rtol=1e-13)
    np.testing.assert_allclose(grads["slope"], slope_theirs.grad, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("shared", "shape"), [(False, (3,)), (True, (1,))])
def test_it_starts_at_a_quarter_without_weight_decay(shared, shape):
    param = Prelu(shared=shared).params((3, 2, 2))["slope"]
    assert (param.shape, param.decay_mult, param.trainable) == (shape, 0.0, True)
    assert param.init.draw(shape, 1, 1, None).tolist() == [0.25] * shape[0]


def test_the_initial_slope_can_be_chosen():
    layer = Prelu(init={"slope": Constant(value=0.1)})
    assert layer.params((2,))["slope"].init == Constant(value=0.1)
