"""Compiled layer and group normalisation: as exact as NumPy's, the same bits everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.layers.normalization import sample_norm_dx, sample_norm_forward
from cnntrain.native import NUMPY, available
from cnntrain.native.engine import native, using
from cnntrain.ops.sums import row_dots, row_sums

pytestmark = pytest.mark.skipif(not available(), reason="needs the compiled kernels")

EPSILON = 1e-5


def there_and_back(x, gamma, beta, groups, dy):
    y, x_hat, inverse = sample_norm_forward(x, gamma, beta, groups, EPSILON)
    return y, x_hat, inverse, sample_norm_dx(dy, x_hat, gamma, inverse)


@given(
    st.sampled_from([(1, 1), (2, 3), (6, 1), (8, 4)]),  # channels, groups that divide them or 1
    st.sampled_from([(), (1, 1), (3, 5), (9, 8)]),
    st.sampled_from([1, 2, 7, 16, 31, 32, 33, 70]),
    st.booleans(),
    st.floats(-1e3, 1e3),
)
def test_every_shape(channels, maps, n, per_channel, far):
    c, groups = channels
    groups = groups if c % groups == 0 else 1
    rng = np.random.default_rng([c, n])
    x = (far + rng.standard_normal((c, *maps, n))).astype(np.float32).astype(np.float64)
    dy = rng.standard_normal(x.shape)
    shape = (c, *(1 for _ in maps)) if per_channel else x.shape[:-1]
    gamma, beta = rng.standard_normal((2, *shape))
    with using(NUMPY):
        exact = there_and_back(x, gamma, beta, groups, dy)
    for dtype, rough in ((np.float32, 2e-3), (np.float64, 1e-9)):
        cast = [array.astype(dtype) for array in (x, gamma, beta)]
        for array in cast:
            array.setflags(write=False)
        results = []
        for isa in available():
            with using(native(isa)):
                results.append(there_and_back(*cast, groups, dy.astype(dtype)))
        for found in results:
            for k, (left, right) in enumerate(zip(found, exact, strict=True)):
                assert (left.shape, left.dtype) == (right.shape, np.dtype(dtype))
                assert left.tobytes() == results[0][k].tobytes()
                # few numbers may nearly cancel, which makes 1/σ and all that follows large
                size = float(np.abs(right).max()) + float(exact[2].max())
                np.testing.assert_allclose(left, right, rtol=0, atol=rough * size)


@pytest.mark.parametrize("n", [1, 3, 40])
@pytest.mark.parametrize("value", [0.1, 1e4 / 3, -7.7])
def test_of_a_constant_nothing_is_left(n, value):
    x = np.full((3, 33, 33, n), value, np.float32)
    ones = np.ones(x.shape[:-1], np.float32)
    with using(native()):
        y, x_hat, _ = sample_norm_forward(x, ones, 0 * ones, 1, EPSILON)
    assert not y.any()
    assert not x_hat.any()


def test_a_shard_of_a_batch_gives_the_shard_of_its_result():
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 4, 37, 23, 50)).astype(np.float32)
    gamma, beta = rng.standard_normal((2, 4, 37, 23)).astype(np.float32)
    with using(native()):
        whole = there_and_back(x, gamma, beta, 2, dy)
        for part in (slice(1), slice(1, 34), slice(34, 50)):
            own = (np.ascontiguousarray(array[..., part]) for array in (x, dy))
            x_part, dy_part = own
            for found, all_ in zip(
                there_and_back(x_part, gamma, beta, 2, dy_part), whole, strict=True
            ):
                np.testing.assert_array_equal(found, all_[..., part])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_single_number_are_sums_like_others(dtype):
    x = np.array([[1.5], [-0.0], [np.inf], [np.nan], [-3e30]], dtype)
    longer = np.concatenate([x, np.zeros_like(x)], axis=1)
    with using(native()), np.errstate(all="ignore"):
        np.testing.assert_array_equal(row_sums(x), row_sums(longer))
        assert row_sums(x).tobytes() == row_sums(longer).tobytes()
        finite = [0, 1, 4]
        dots, others = row_dots(x[finite], x[finite]), row_dots(longer[finite], longer[finite])
        assert dots.tobytes() == others.tobytes()


def test_what_does_not_fit_is_refused():
    x, ones = np.zeros((4, 5)), np.ones(4)
    with using(native()):
        for groups in (0, 3):
            with pytest.raises(ValueError, match="do not divide"):
                sample_norm_forward(x, ones, ones, groups, EPSILON)
        with pytest.raises(ValueError, match="does not fit x"):
            sample_norm_forward(x, np.ones(3), ones, 2, EPSILON)
        for x_hat, inverse in ((x[:3], np.ones((2, 1, 5))), (x, np.ones((2, 1, 4)))):
            with pytest.raises(ValueError, match="do not fit"):
                sample_norm_dx(x, x_hat, ones, inverse)
