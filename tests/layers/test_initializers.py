"""Initializers: documented distribution, requested shape, reproducible values."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from cnntrain.errors import ShapeError
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.conv_transpose2d import ConvTranspose2d
from cnntrain.layers.initializers import (
    Bilinear,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Literal,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from cnntrain.layers.upsample2d import Upsample2d
from cnntrain.rng import Purpose, stream

SHAPE, FAN_IN, FAN_OUT = (200, 30, 5, 5), 750, 5000
NEEDED = {"constant": {"value": 0.5}, "literal": {"values": 0.25}}
KINDS = [
    pytest.param(kind(**NEEDED.get(name, {})), id=name) for name, kind in Initializer.kinds.items()
]
every_kind = pytest.mark.parametrize("init", KINDS)


def draw(init, shape=SHAPE, seed=0):
    return init.draw(shape, FAN_IN, FAN_OUT, stream(seed, Purpose.INIT))


@every_kind
@pytest.mark.parametrize("shape", [(2, 3, 3, 2), (4, 1, 2, 2), (1, 1, 1, 1)])
def test_shape_and_dtype(init, shape):
    array = draw(init, shape)
    assert (array.shape, array.dtype) == (shape, np.float64)
    assert array.flags.writeable


@every_kind
def test_the_same_stream_gives_the_same_numbers(init):
    np.testing.assert_array_equal(draw(init, (2, 3, 3, 2)), draw(init, (2, 3, 3, 2)))


@every_kind
def test_round_trip_through_yaml(init, read_back):
    assert read_back(Initializer, init) == init


NORMALS = [  # init, mean, variance
    (HeNormal(), 0, 2 / FAN_IN),
    (GlorotNormal(), 0, 2 / (FAN_IN + FAN_OUT)),
    (LecunNormal(), 0, 1 / FAN_IN),
    (Normal(), 0, 1e-4),
    (Normal(mean=-3.0, std=0.5), -3, 0.25),
]
UNIFORMS = [  # init, limit
    (HeUniform(), math.sqrt(6 / FAN_IN)),
    (GlorotUniform(), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    (LecunUniform(), math.sqrt(3 / FAN_IN)),
    (Uniform(), 0.05),
    (Uniform(limit=2.0), 2.0),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("init", "mean", "variance"), NORMALS, ids=str)
def test_normal_distributions(init, mean, variance, seed):
    values = draw(init, seed=seed)
    n = values.size
    assert abs(values.mean() - mean) < 4 * math.sqrt(variance / n)
    assert abs(values.var() - variance) < 4 * variance * math.sqrt(2 / n)
    assert np.abs(values - mean).max() > 3.5 * math.sqrt(variance), "truncated"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("init", "limit"), UNIFORMS, ids=str)
def test_uniform_distributions(init, limit, seed):
    values = draw(init, seed=seed)
    variance, n = limit**2 / 3, values.size
    assert abs(values.mean()) < 4 * math.sqrt(variance / n)
    assert abs(values.var() - variance) < 4 * variance * math.sqrt(0.8 / n)
    assert 0.999 * limit < np.abs(values).max() <= limit


@pytest.mark.parametrize("init", [row[0] for row in (*NORMALS, *UNIFORMS)], ids=str)
def test_another_seed_gives_other_numbers(init):
    for shape in ((40, 30), (40, 1)):
        assert not (draw(init, shape, seed=0) == draw(init, shape, seed=1)).any()


def test_fixed_values():
    assert draw(Zeros(), (2, 2)).tolist() == [[0, 0], [0, 0]]
    assert draw(Constant(value=-1.5), (1, 2)).tolist() == [[-1.5, -1.5]]
    assert draw(Normal(std=0.0, mean=2.0), (2,)).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("values", "shape", "expected"),
    [
        (((1, 2), (3, 4)), (2, 2), [[1, 2], [3, 4]]),
        ([[0.5], [1.5]], (2, 1), [[0.5], [1.5]]),
        ((0.5, 1.5), (2, 1), [[0.5], [1.5]]),
        (((0.5, 1.5),), (1, 2), [[0.5, 1.5]]),
        (0.35, (2, 1), [[0.35], [0.35]]),
        (7, (1, 1), [[7]]),
        ((((0, 1), (2, 3)),), (1, 1, 2, 2), [[[[0, 1], [2, 3]]]]),
    ],
)
def test_literal_shapes(values, shape, expected):
    array = draw(Literal(values=values), shape)
    assert array.tolist() == expected
    assert array.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ((1, 2, 3), (2, 1), "literal values have shape (3,); the array has (2, 1)"),
        (((1, 2), (3, 4)), (4, 1), "literal values have shape (2, 2); the array has (4, 1)"),
        (((1, 2, 3),), (3, 2), "literal values have shape (1, 3); the array has (3, 2)"),
        ((1,), (2, 1), "literal values have shape (1,); the array has (2, 1)"),
        ((), (2, 1), "literal values have shape (0,); the array has (2, 1)"),
    ],
)
def test_literals_of_the_wrong_shape(values, shape, message):
    with pytest.raises(ShapeError) as caught:
        draw(Literal(values=values), shape)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "values",
    [
        ((1, 2), (3,)),
        (1, (2, 3)),
        ("a", "b"),
        ("1", "2"),
        (None, 1.0),
        (True, False),
        (math.inf, 1.0),
        (math.nan, 1.0),
        {"a": 1},
    ],
    ids=str,
)
def test_non_numeric_literals(values):
    with pytest.raises(ShapeError) as caught:
        draw(Literal(values=values), (2, 1))
    assert str(caught.value) == "literal values must be numbers in a regular nested list"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("he_uniform", HeUniform()),
        (0.35, Literal(values=0.35)),
        (2, Literal(values=2)),
        (((1.0, 2.0), (3.0, 4.0)), Literal(values=((1.0, 2.0), (3.0, 4.0)))),
        ({"normal": {"std": 0.1}}, Normal(std=0.1)),
        ({"constant": {"value": 1.0}}, Constant(value=1.0)),
    ],
    ids=str,
)
def test_short_forms(written, expected):
    assert TypeAdapter(Initializer).validate_python(written) == expected


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (3, 2, 3, 3), (20, 1, 3, 3), (1, 1)])
def test_orthogonal_rows_or_columns(shape, gain):
    W = draw(Orthogonal(gain=gain), shape).reshape(shape[0], -1)
    product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_uniformly_distributed():
    """Without the sign correction of the QR decomposition, the diagonal would be biased."""
    diagonals = [np.diag(draw(Orthogonal(), (4, 4), seed)) for seed in range(300)]
    assert abs(np.mean(diagonals)) < 4 * math.sqrt(1 / 4 / 1200)


@pytest.mark.parametrize("limit", [0.5, 2.0])
def test_a_truncated_normal_is_redrawn_beyond_its_limit(limit):
    values = draw(TruncatedNormal(mean=1.0, std=0.1, limit=limit)) - 1
    bound = 0.1 * limit
    assert 0.99 * bound < np.abs(values).max() <= bound
    assert (np.abs(values) < 0.999 * bound).mean() > 0.99, "clipped, not redrawn"
    density = math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi)
    variance = 0.01 * (1 - 2 * limit * density / math.erf(limit / math.sqrt(2)))
    assert values.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("kind", [Identity, Bilinear])
def test_every_filter_of_a_depth_wise_kernel_is_the_same(kind):
    W = draw(kind(), (4, 1, 3, 3))
    for filter_ in W:
        np.testing.assert_array_equal(filter_, W[0])
    assert W.any()


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (3, 3, 3, 3), (2, 2, 1, 5)])
def test_identity_passes_the_input_on(shape):
    W = draw(Identity(gain=2.0), shape)
    middle = tuple(size // 2 for size in shape[2:])
    np.testing.assert_array_equal(W[(..., *middle)], 2 * np.eye(*shape[:2]))
    assert W.sum() == 2 * min(shape[:2])


def test_a_convolution_with_the_identity_changes_nothing(evaluation):
    layer, x = Conv2d(filters=2, kernel=3, padding="same", bias=False), np.ones((2, 4, 4, 1))
    x[0, 1, 2] = 5
    y, _ = layer.forward({"W": draw(Identity(), (2, 2, 3, 3))}, x, evaluation)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_upsamples_like_interpolation(evaluation, factor):
    """Caffe's kernel 2f - f mod 2, stride f, padding ceil((f - 1)/2): exact away from the edge."""
    kernel, pad = 2 * factor - factor % 2, math.ceil((factor - 1) / 2)
    layer = ConvTranspose2d(filters=1, kernel=kernel, stride=factor, padding=pad, bias=False)
    x = np.random.default_rng(0).standard_normal((1, 5, 5, 1))
    y, _ = layer.forward({"W": draw(Bilinear(), (1, 1, kernel, kernel))}, x, evaluation)
    expected, _ = Upsample2d(factor=factor, mode="bilinear").forward({}, x, evaluation)
    assert y.shape == expected.shape
    inner = (slice(None), slice(factor, -factor), slice(factor, -factor))
    np.testing.assert_allclose(y[inner], expected[inner], rtol=1e-12)


def test_bilinear_is_for_kernels():
    with pytest.raises(ShapeError, match="bilinear is for kernels, not for an array of"):
        draw(Bilinear(), (2, 3))


def test_every_initial_array_is_contiguous():
    """Compiled kernels refuse others; an orthogonal square matrix once was a transposed view."""
    from cnntrain.layers import Layer
    from cnntrain.network.graph import Item
    from cnntrain.network.network import Network

    dense = Layer.kinds["dense"]
    for units in (2, 3):
        layer = dense(units=units, init={"W": Initializer.kinds["orthogonal"]()})
        network = Network.build((Item(layer=layer),), (2,), ())
        for array in network.init(0, np.dtype(np.float32)).values():
            assert array.flags.c_contiguous
