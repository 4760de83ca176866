"""Borders around maps against NumPy and PyTorch."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.padding import Pad2d, ZeroPad2d


@pytest.mark.parametrize(
    ("padding", "sides"),
    [(2, ((2, 2), (2, 2))), ((1, 3), ((1, 1), (3, 3))), ((1, 2, 3, 4), ((1, 2), (3, 4)))],
)
def test_zero_padding_on_each_side(padding, sides, evaluation):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    layer = ZeroPad2d(padding=padding)
    y, cache = layer.forward({}, x, evaluation)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), *sides, (0, 0))))
    assert layer.out_shape((2, 3, 4)) == y.shape[:3]
    dx, _ = layer.backward({}, cache, y)
    np.testing.assert_array_equal(dx, x)


MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sides", [(2, 1, 0, 3), (0, 2, 3, 0), (1, 1, 1, 1)])
def test_equals_pytorch(torch, mode, sides, evaluation):
    rng = np.random.default_rng(0)
    layer = Pad2d(padding=sides, mode=mode, value=0.5 if mode == "constant" else 0.0)
    x = rng.standard_normal((2, 4, 5, 3))
    top, bottom, left, right = sides
    theirs = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 0)), requires_grad=True)
    value = {"value": 0.5} if mode == "constant" else {}
    expected = torch.nn.functional.pad(theirs, (left, right, top, bottom), MODES[mode], **value)
    y, cache = layer.forward({}, x, evaluation)
    dy = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 0)))
    dx, _ = layer.backward({}, cache, dy)
    np.testing.assert_array_equal(np.moveaxis(y, -1, 0), expected.detach().numpy())
    np.testing.assert_allclose(np.moveaxis(dx, -1, 0), theirs.grad.numpy(), rtol=1e-14)


def test_a_mirror_has_to_be_long_enough():
    with pytest.raises(ShapeError, match="reflect can add 2 to a side of length 3, not 3"):
        Pad2d(padding=3, mode="reflect").out_shape((1, 3, 8))
    assert Pad2d(padding=3, mode="edge").out_shape((1, 3, 8)) == (1, 9, 14)
