"""Winograd's algorithm and Fourier series against the sum: any map, padding and batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.layers.conv2d import Conv2d, conv2d_da, conv2d_dW, conv2d_forward
from cnntrain.layers.conv_forms import FORMS
from cnntrain.layers.winograd import FORMS as MATRICES
from cnntrain.layers.winograd import LARGE, VECTOR, WEIGHTS_FORMS
from cnntrain.native import NUMPY, available, using
from cnntrain.native.engine import native
from cnntrain.network.network import Pass
from cnntrain.ops.windows import Axis

ENGINES = [NUMPY, *(native(isa) for isa in available())]
SHAPES = [(16, 16, 16, 8), (32, 64, 9, 20), (64, 32, 8, 33), (96, 96, 8, 16)]  # C, F, side, N
WAYS = [("winograd", 3), ("winograd", 5), ("fourier", 5)]
every_way = pytest.mark.parametrize(("name", "taps"), WAYS)
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=str)


@st.composite
def ways(draw):
    """(name of a form, windows that it fits)."""
    name, taps = draw(st.sampled_from(WAYS))

    def axis():
        before, after = draw(st.integers(0, taps)), draw(st.integers(0, taps))
        length = draw(st.integers(max(1, taps - before - after), 13))
        return Axis(length, taps, 1, before, after)

    return name, (axis(), axis())


channels = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 33])
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


def by_tiles(name, a, W, b, delta, windows):
    """The same in the form of that name."""
    form = FORMS[name]
    z = form.forward(a, W, b, *windows)
    return z, form.da(delta, W, *windows), form.dW(delta, a, W.shape, *windows)


@pytest.mark.parametrize("form", [*MATRICES.values(), *WEIGHTS_FORMS.values()])
def test_the_matrices_are_those_of_the_sum(form):
    """In one dimension, with numbers that leave no choice: unit vectors."""
    for d in np.eye(form.B_T.shape[1]):
        for g in np.eye(form.G.shape[1]):
            z = form.A_T @ ((form.G @ g) * (form.B_T @ d))
            np.testing.assert_allclose(z, np.correlate(d, g, "valid"), atol=1e-14)


@every_engine
@given(way=ways(), c=channels, f=channels, n=samples)
def test_equals_the_sum_over_taps(engine, way, c, f, n):
    name, windows = way
    drawn = maps(np.random.default_rng(n), c, f, windows, n)
    with using(engine):
        found, expected = by_tiles(name, *drawn, windows), direct(*drawn, windows)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11)


@given(way=ways(), c=channels, f=channels, n=samples)
def test_every_instruction_set_gives_the_same_bits(way, c, f, n):
    name, windows = way
    drawn = maps(np.random.default_rng(n), c, f, windows, n)
    for dtype in (np.float32, np.float64):
        cast = [array.astype(dtype) for array in drawn]
        results = []
        for isa in available():
            with using(native(isa)):
                results.append(by_tiles(name, *cast, windows))
        for other in results[1:]:
            for left, right in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("engine", ENGINES[1:], ids=str)
@given(way=ways(), c=channels, n=st.integers(2, 40), data=st.data())
def test_a_shard_of_a_batch_gives_the_shard_of_its_result(engine, way, c, n, data):
    name, windows = way
    cut = data.draw(st.integers(1, n - 1))
    drawn = maps(np.random.default_rng(n), c, 9, windows, n)
    a, W, b, delta = (array.astype(np.float32) for array in drawn)
    with using(engine):
        z, da, _ = by_tiles(name, a, W, b, delta, windows)
        for part in (slice(cut), slice(cut, n)):
            own_a, own_delta = (np.ascontiguousarray(x[..., part]) for x in (a, delta))
            own_z, own_da, _ = by_tiles(name, own_a, W, b, own_delta, windows)
            np.testing.assert_array_equal(own_z, z[..., part])
            np.testing.assert_array_equal(own_da, da[..., part])


@pytest.mark.parametrize("engine", ENGINES[1:], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@every_way
def test_no_more_than_twice_the_error_of_the_sum_over_taps(engine, shape, name, taps):
    """Root of the mean square against float64; the largest error is a matter of luck."""
    c, f, side, n = shape
    windows = (Axis(side, taps, 1, taps // 2, taps // 2),) * 2
    drawn = maps(np.random.default_rng(0), c, f, windows, n)
    cast = [array.astype(np.float32) for array in drawn]
    with using(engine):
        exact = direct(*(array.astype(np.float64) for array in cast), windows)
        found, other = by_tiles(name, *cast, windows), direct(*cast, windows)
    for mine, theirs, reference in zip(found, other, exact, strict=True):
        assert rms(mine - reference) <= 2 * rms(theirs - reference)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


# --- the choice ----------------------------------------------------------------------------------


def chosen(engine, in_shape=(VECTOR, LARGE + 2, LARGE + 2), **options):
    """The name of the form that the layer takes, "direct" if none."""
    layer = Conv2d(**{"filters": VECTOR, "kernel": 3, **options})
    with using(engine):
        form = layer.form(in_shape)
    return next((name for name, other in FORMS.items() if other is form), "direct")


@pytest.mark.parametrize("engine", ENGINES[1:2], ids=str)
def test_a_form_is_taken_where_it_is_faster(engine):
    assert chosen(engine) == "winograd"
    assert chosen(engine, kernel=5) == "fourier"
    assert chosen(engine, kernel=5, padding="same", filters=50, in_shape=(20, 7, 7)) == "fourier"
    few, short = {"in_shape": (VECTOR - 1, 16, 16)}, {"in_shape": (VECTOR, LARGE + 1, 16)}
    tiny = {"kernel": 5, "padding": 2, "in_shape": (VECTOR, 5, 5)}
    for other in ({"kernel": 7}, {"kernel": (3, 5)}, {"stride": 2}, {"groups": 2}, {"dilation": 2},
                  {"filters": VECTOR - 1}, {"filters": VECTOR + 8}, few, short, tiny,
                  {"kernel": 5, **few}):  # fmt: skip
        assert chosen(engine, **other) == "direct"


@pytest.mark.parametrize("engine", ENGINES[1:2], ids=str)
@every_way
def test_the_option_and_the_engine_decide_before_the_shape(engine, name, taps):
    assert chosen(engine, kernel=taps, algorithm="direct") == "direct"
    assert chosen(NUMPY, kernel=taps) == "direct"
    assert chosen(NUMPY, kernel=taps, algorithm=name) == name


@pytest.mark.parametrize(
    "options", [{"kernel": 7}, {"stride": 2}, {"groups": 2}, {"dilation": 2}], ids=str
)
@pytest.mark.parametrize(("name", "kernels"), [("winograd", "3x3 or 5x5"), ("fourier", "5x5")])
def test_a_form_is_refused_where_it_does_not_fit(name, kernels, options):
    layer = Conv2d(**{"filters": 4, "kernel": 5, "algorithm": name, **options})
    with pytest.raises(ShapeError, match=f"algorithm: {name} needs a {kernels} kernel"):
        layer.out_shape((2, 9, 9))


@every_engine
@every_way
def test_the_layer_follows_its_option(engine, name, taps):
    rng, pass_ = np.random.default_rng(0), Pass().context(0)
    params = {"W": rng.standard_normal((4, 5, taps, taps)), "b": rng.standard_normal((4, 1))}
    x = rng.standard_normal((5, 6, 7, 3))
    results = {}
    for algorithm in ("direct", name, "auto"):
        layer = Conv2d(filters=4, kernel=taps, algorithm=algorithm)
        with using(engine):
            z, cache = layer.forward(params, x, pass_)
            results[algorithm] = [z, *(layer.backward(params, cache, z)[1].values())]
    for z, other, auto in zip(*results.values(), strict=True):
        np.testing.assert_allclose(z, other, rtol=1e-11, atol=1e-10)
        assert np.array_equal(z, auto)
    assert not np.array_equal(results["direct"][0], results[name][0])


@pytest.mark.parametrize("engine", ENGINES[1:2], ids=str)
@pytest.mark.parametrize("name", FORMS)
def test_arrays_that_do_not_fit_never_reach_a_kernel(engine, name):
    axis, image, W = Axis(6, 5), np.zeros((2, 6, 6, 3)), np.zeros((5, 2, 5, 5))
    seven = np.zeros((5, 2, 7, 7))
    with using(engine):
        for a, weights, windows in (
            (image, W[:, :1], (axis, axis)),
            (image[:, :3], W, (axis, axis)),
            (image, W, (axis, Axis(7, 5))),
            (image, seven, (Axis(6, 7, 1, 3, 3),) * 2),
        ):
            with pytest.raises(ValueError, match="do not fit"):
                FORMS[name].forward(a, weights, None, *windows)
