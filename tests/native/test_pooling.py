"""Compiled pooling of one sample, which has a way of its own: the bits that it has in a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.layers.pooling import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from cnntrain.native import NUMPY, available
from cnntrain.native.engine import native, using
from cnntrain.ops.windows import Axis

pytestmark = pytest.mark.skipif(not available(), reason="needs the compiled kernels")


@st.composite
def axes(draw):
    """A window along an axis: often pairs that cover it, else anything that leaves none empty."""
    if draw(st.booleans()):
        return Axis(2 * draw(st.integers(1, 40)), 2, 2)
    size, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    before, after = (draw(st.integers(0, size // 2)) for _ in range(2))
    length = draw(st.integers(max(1, size - before - after), 20))
    return Axis(length, size, stride, before, after)


def there_and_back(x, dy, vertical, horizontal, counts):
    y, winners = max_pool2d_forward(x, vertical, horizontal)
    dx = max_pool2d_backward(dy, winners, vertical, horizontal)
    mean = avg_pool2d_forward(x, vertical, horizontal, counts)
    return y, dx, mean, avg_pool2d_backward(dy, vertical, horizontal, counts)


def few_values(rng, shape, dtype):
    """Full of ties and zeros of both signs."""
    x = rng.integers(-2, 3, shape).astype(dtype)
    return np.where(rng.random(shape) < 0.1, dtype(-0.0), x)


@given(axes(), axes(), st.integers(1, 3), st.sampled_from([np.float32, np.float64]), st.data())
def test_one_sample_and_a_batch_have_the_same_bits(vertical, horizontal, c, dtype, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x = few_values(rng, (c, vertical.length, horizontal.length, 18), dtype)
    dy = few_values(rng, (c, vertical.out, horizontal.out, 18), dtype)
    counts = rng.integers(1, 9, (vertical.out, horizontal.out, 1)).astype(dtype)
    with using(native()):
        batch = there_and_back(x, dy, vertical, horizontal, counts)
    for isa in available():
        with using(native(isa)):
            for k in (0, 17):
                own = (np.ascontiguousarray(array[..., [k]]) for array in (x, dy))
                found = there_and_back(*own, vertical, horizontal, counts)
                for left, right in zip(found, batch, strict=True):
                    assert left.tobytes() == np.ascontiguousarray(right[..., [k]]).tobytes()


@pytest.mark.parametrize("n", [1, 3, 16])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_treated_as_in_numpy(n, special):
    rng = np.random.default_rng(n)
    x = few_values(rng, (3, 8, 12, n), np.float32)
    x[rng.random(x.shape) < 0.3] = special
    vertical, horizontal = Axis(8, 2, 2), Axis(12, 2, 2)
    dy = rng.standard_normal((3, 4, 6, n)).astype(np.float32)
    found = []
    for one in (NUMPY, *map(native, available())):
        with using(one):
            y, winners = max_pool2d_forward(x, vertical, horizontal)
            found.append((y, max_pool2d_backward(dy, winners, vertical, horizontal)))
    for y, dx in found[1:]:
        np.testing.assert_array_equal(y, found[0][0])
        if not np.isnan(special):
            np.testing.assert_array_equal(dx, found[0][1])


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("number", [np.uint8, np.int32])
def test_winners_that_cannot_be_stay_inside(n, number):
    """A damaged cache must not make a kernel write elsewhere."""
    axis = Axis(6, 3, 2, 1, 1)
    dy = np.ones((2, 3, 3, n), np.float32)
    worst = [255] if number == np.uint8 else [-1, 9, 2**31 - 1, -(2**31)]
    with using(native()):
        for tap in worst:
            dx = max_pool2d_backward(dy, (np.full(dy.shape, tap, number),), axis, axis)
            assert not dx.any()
