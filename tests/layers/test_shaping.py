"""Layers that rearrange values: channel by channel, row by row, the same for every sample."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.shaping import Flatten, Reshape


def test_flatten_orders_by_channel_row_column(evaluation):
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    y, cache = Flatten().forward({}, x, evaluation)
    for c, h, w, n in np.ndindex(x.shape):
        assert y[(c * 3 + h) * 4 + w, n] == x[c, h, w, n]
    dx, _ = Flatten().backward({}, cache, y)
    np.testing.assert_array_equal(dx, x)


@pytest.mark.parametrize("layer", [Flatten(), Reshape(shape=(6, 4))], ids=lambda layer: layer.kind)
def test_nothing_is_copied(layer, evaluation):
    x = np.zeros((2, 3, 4, 5))
    y, _ = layer.forward({}, x, evaluation)
    assert np.shares_memory(x, y)
    assert layer.flops((2, 3, 4)) == 0


@pytest.mark.parametrize(("in_shape", "length"), [((2, 3, 4), 24), ((5,), 5), ((1, 1, 1), 1)])
def test_out_shape_of_flatten(in_shape, length):
    assert Flatten().out_shape(in_shape) == (length,)


def test_reshape_inverts_flatten(evaluation):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    flat, _ = Flatten().forward({}, x, evaluation)
    y, _ = Reshape(shape=(2, 3, 4)).forward({}, flat, evaluation)
    np.testing.assert_array_equal(y, x)


def test_reshape_keeps_the_number_of_values():
    with pytest.raises(ShapeError, match=r"^\(5,\) has 5 values, \(2, 3\) has 6$"):
        Reshape(shape=(2, 3)).out_shape((5,))
