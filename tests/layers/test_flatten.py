"""Flatten: the order is channel by channel, row by row, for every sample alike."""

import numpy as np
import pytest

from cnntrain.layers.shaping import Flatten


def test_the_order_is_channel_row_column(evaluation):
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    y, cache = Flatten().forward({}, x, evaluation)
    for c, h, w, n in np.ndindex(x.shape):
        assert y[(c * 3 + h) * 4 + w, n] == x[c, h, w, n]
    dx, _ = Flatten().backward({}, cache, y)
    np.testing.assert_array_equal(dx, x)


def test_nothing_is_copied(evaluation):
    x = np.zeros((2, 3, 4, 5))
    y, _ = Flatten().forward({}, x, evaluation)
    assert np.shares_memory(x, y)
    assert Flatten().flops((2, 3, 4)) == 0


@pytest.mark.parametrize(("in_shape", "length"), [((2, 3, 4), 24), ((5,), 5), ((1, 1, 1), 1)])
def test_out_shape(in_shape, length):
    assert Flatten().out_shape(in_shape) == (length,)
