"""Winograd's algorithm against the sum that it stands for: any map, padding and batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.layers.conv2d import Conv2d, conv2d_da, conv2d_dW, conv2d_forward
from cnntrain.layers.winograd import (
    A_T,
    B_T,
    LARGE,
    MANY,
    G,
    winograd_da,
    winograd_dW,
    winograd_forward,
)
from cnntrain.native import NUMPY, available, using
from cnntrain.native.engine import native
from cnntrain.network.network import Pass
from cnntrain.ops.windows import Axis

ENGINES = [NUMPY, *(native(isa) for isa in available())]
SHAPES = [(16, 16, 16, 8), (32, 64, 9, 20), (64, 32, 8, 33), (96, 96, 8, 16)]  # C, F, side, N
TAPS = [3, 5]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=str)


@st.composite
def pairs_of_axes(draw):
    taps = draw(st.sampled_from(TAPS))

    def axis():
        before, after = draw(st.integers(0, taps)), draw(st.integers(0, taps))
        length = draw(st.integers(max(1, taps - before - after), 13))
        return Axis(length, taps, 1, before, after)

    return axis(), axis()


channels = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17])
samples = st.sampled_from([1, 2, 5, 8, 15, 16, 17, 33])


def maps(rng, c, f, windows, n):
    """(a, W, b, δ), normally distributed."""
    vertical, horizontal = windows
    shapes = ((c, vertical.length, horizontal.length, n), (f, c, vertical.size, horizontal.size),
              (f, 1), (f, vertical.out, horizontal.out, n))  # fmt: skip
    return [rng.standard_normal(shape) for shape in shapes]


def direct(a, W, b, delta, windows):
    """(z, ∂C/∂a, ∂C/∂W) as sums over the taps."""
    z = conv2d_forward(a, W, b, *windows)
    return z, conv2d_da(delta, W, *windows), conv2d_dW(delta, a, W.shape, *windows)


def winograd(a, W, b, delta, windows):
    """The same by tiles."""
    z = winograd_forward(a, W, b, *windows)
    return z, winograd_da(delta, W, *windows), winograd_dW(delta, a, W.shape, *windows)


@pytest.mark.parametrize("taps", TAPS)
def test_the_matrices_are_those_of_two_outputs(taps):
    """In one dimension, with numbers that leave no choice: unit vectors."""
    for d in np.eye(taps + 1):
        for g in np.eye(taps):
            z = A_T[taps] @ ((G[taps] @ g) * (B_T[taps] @ d))
            np.testing.assert_array_equal(z, np.correlate(d, g, "valid"))


@every_engine
@given(windows=pairs_of_axes(), c=channels, f=channels, n=samples)
def test_equals_the_sum_over_taps_of_whole_numbers(engine, windows, c, f, n):
    rounded = [np.round(2 * array) for array in maps(np.random.default_rng(n), c, f, windows, n)]
    with using(engine):
        found, expected = winograd(*rounded, windows), direct(*rounded, windows)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(windows=pairs_of_axes(), c=channels, f=channels, n=samples)
def test_every_instruction_set_gives_the_same_bits(windows, c, f, n):
    drawn = maps(np.random.default_rng(n), c, f, windows, n)
    for dtype in (np.float32, np.float64):
        cast = [array.astype(dtype) for array in drawn]
        results = []
        for isa in available():
            with using(native(isa)):
                results.append(winograd(*cast, windows))
        for other in results[1:]:
            for left, right in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("engine", ENGINES[1:], ids=str)
@given(windows=pairs_of_axes(), n=st.integers(2, 40), data=st.data())
def test_a_shard_of_a_batch_gives_the_shard_of_its_result(engine, windows, n, data):
    cut = data.draw(st.integers(1, n - 1))
    drawn = maps(np.random.default_rng(n), 5, 9, windows, n)
    a, W, b, delta = (array.astype(np.float32) for array in drawn)
    with using(engine):
        z, da, _ = winograd(a, W, b, delta, windows)
        for part in (slice(cut), slice(cut, n)):
            own_a, own_delta = (np.ascontiguousarray(x[..., part]) for x in (a, delta))
            own_z, own_da, _ = winograd(own_a, W, b, own_delta, windows)
            np.testing.assert_array_equal(own_z, z[..., part])
            np.testing.assert_array_equal(own_da, da[..., part])


@pytest.mark.parametrize("engine", ENGINES[1:], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("taps", TAPS)
def test_no_more_than_twice_the_error_of_the_sum_over_taps(engine, shape, taps):
    """Root of the mean square against float64; the largest error is a matter of luck."""
    c, f, side, n = shape
    windows = (Axis(side, taps, 1, taps // 2, taps // 2),) * 2
    drawn = maps(np.random.default_rng(0), c, f, windows, n)
    cast = [array.astype(np.float32) for array in drawn]
    with using(engine):
        exact = direct(*(array.astype(np.float64) for array in cast), windows)
        found, other = winograd(*cast, windows), direct(*cast, windows)
    for mine, theirs, reference in zip(found, other, exact, strict=True):
        assert rms(mine - reference) <= 2 * rms(theirs - reference)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


# --- the choice ----------------------------------------------------------------------------------


def chosen(engine, in_shape=(MANY, LARGE + 2, LARGE + 2), **options):
    layer = Conv2d(**{"filters": MANY, "kernel": 3, **options})
    with using(engine):
        return layer.uses_winograd(in_shape)


@pytest.mark.parametrize("engine", ENGINES[1:2], ids=str)
def test_winograd_is_taken_where_it_is_faster(engine):
    assert chosen(engine)
    assert not chosen(engine, algorithm="direct")
    assert not chosen(NUMPY)
    assert chosen(NUMPY, algorithm="winograd")
    few, short = {"in_shape": (MANY - 1, 16, 16)}, {"in_shape": (MANY, LARGE + 1, 16)}
    for other in ({"kernel": 5}, {"kernel": (3, 5)}, {"stride": 2}, {"groups": 2}, {"dilation": 2},
                  {"filters": MANY - 1}, {"filters": MANY + 8}, few, short):  # fmt: skip
        assert not chosen(engine, **other)


@pytest.mark.parametrize(
    "options", [{"kernel": 7}, {"stride": 2}, {"groups": 2}, {"dilation": 2}], ids=str
)
def test_winograd_is_refused_where_it_does_not_fit(options):
    layer = Conv2d(**{"filters": 4, "kernel": 3, "algorithm": "winograd", **options})
    with pytest.raises(ShapeError, match="algorithm: winograd needs a 3x3 or 5x5 kernel"):
        layer.out_shape((2, 9, 9))


@every_engine
def test_the_layer_follows_its_option(engine):
    rng, pass_ = np.random.default_rng(0), Pass().context(0)
    params = {"W": rng.standard_normal((4, 5, 3, 3)), "b": rng.standard_normal((4, 1))}
    x = rng.standard_normal((5, 6, 7, 3))
    results = {}
    for algorithm in ("direct", "winograd", "auto"):
        layer = Conv2d(filters=4, kernel=3, algorithm=algorithm)
        with using(engine):
            z, cache = layer.forward(params, x, pass_)
            results[algorithm] = [z, *(layer.backward(params, cache, z)[1].values())]
    for z, other, auto in zip(*results.values(), strict=True):
        np.testing.assert_allclose(z, other, rtol=1e-12, atol=1e-11)
        assert np.array_equal(z, auto)
    assert not np.array_equal(results["direct"][0], results["winograd"][0])


@pytest.mark.parametrize("engine", ENGINES[1:2], ids=str)
def test_arrays_that_do_not_fit_never_reach_a_kernel(engine):
    axis, image, W = Axis(4, 3), np.zeros((2, 4, 4, 3)), np.zeros((5, 2, 3, 3))
    seven = np.zeros((5, 2, 7, 7))
    with using(engine):
        for a, weights, windows in (
            (image, W[:, :1], (axis, axis)),
            (image[:, :3], W, (axis, axis)),
            (image, W, (axis, Axis(5, 3))),
            (np.zeros((2, 6, 6, 3)), seven, (Axis(6, 7, 1, 3, 3),) * 2),
        ):
            with pytest.raises(ValueError, match="do not fit"):
                winograd_forward(a, weights, None, *windows)
