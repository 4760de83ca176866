"""Pooling against naive loops and against PyTorch, which breaks ties alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.network.network import Pass
from cnntrain.types import as_pair


@st.composite
def geometries(draw):
    """Matching (options, in_shape, N)."""
    number = st.integers(1, 4)
    size = draw(st.tuples(number, number) | number)
    stride = draw(st.none() | number | st.tuples(number, number))
    most = [k // 2 for k in as_pair(size)]
    pair = st.tuples(*(st.integers(0, pad) for pad in most))
    padding = draw(st.integers(0, min(most)) | pair)
    fits = [max(1, k - 2 * p) for k, p in zip(as_pair(size), as_pair(padding), strict=True)]
    in_shape = (draw(st.integers(1, 3)), *(fit + draw(st.integers(0, 4)) for fit in fits))
    options = {"size": size, "stride": stride, "padding": padding, "ceil": draw(st.booleans())}
    return options, in_shape, draw(st.integers(1, 3))


def few_values(shape, seed):
    """Integers from a range so small that windows are full of ties."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float64)


def windows(length, size, stride, pad, ceil):
    """[(first, stop)] of the windows along an axis, from -pad on, as PyTorch places them."""
    room = length + 2 * pad - size
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= length + pad:
        count -= 1  # the last window must start inside
    return [(o * stride - pad, o * stride - pad + size) for o in range(count)]


def naive(layer, x, delta_of, choose):
    """(y, dx) window by window; ``choose(layer, values, size)`` -> (y, each value's share of δ)."""
    size, pads = as_pair(layer.size), as_pair(layer.padding)
    strides = size if layer.stride is None else as_pair(layer.stride)
    (h, w), (ph, pw) = x.shape[1:3], pads
    rows, columns = (
        windows(x.shape[i + 1], size[i], strides[i], pads[i], layer.ceil) for i in range(2)
    )
    y = np.zeros((len(x), len(rows), len(columns), x.shape[-1]))
    shares = {}
    for place in np.ndindex(y.shape):
        (top, bottom), (left, right) = rows[place[1]], columns[place[2]]
        inside = [
            (place[0], row, column, place[3])
            for row in range(max(0, top), min(h, bottom))
            for column in range(max(0, left), min(w, right))
        ]
        with_padding = (min(bottom, h + ph) - top) * (min(right, w + pw) - left)
        y[place], of_delta = choose(layer, [x[entry] for entry in inside], with_padding)
        shares[place] = zip(inside, of_delta, strict=True)
    dx, delta = np.zeros_like(x), delta_of(y)
    for place, receivers in shares.items():
        for entry, share in receivers:
            dx[entry] += share * delta[place]
    return y, dx


def first_largest(layer, values, with_padding):
    winner = values.index(max(values))
    return values[winner], [float(i == winner) for i in range(len(values))]


def mean(layer, values, with_padding):
    count = with_padding if layer.count_padding else len(values)
    return sum(values) / count, [1 / count] * len(values)


POOLS = {
    "max": (MaxPool2d, {}, first_largest, "max_pool2d", {}),
    "mean": (AvgPool2d, {}, mean, "avg_pool2d", {}),
    "mean without padding": (
        AvgPool2d,
        {"count_padding": False},
        mean,
        "avg_pool2d",
        {"count_include_pad": False},
    ),
}
both_layers = pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d], ids=lambda kind: kind.kind)
every_pool = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)


def both_ways(layer, x, delta_of):
    y, cache = layer.forward({}, x, Pass().context(0))
    dx, grads = layer.backward({}, cache, delta_of(y))
    assert grads == {}
    return y, dx


def random_delta(seed):
    return lambda y: np.random.default_rng([seed, 1]).integers(-8, 9, y.shape).astype(np.float64)


@every_pool
@given(geometry=geometries(), seed=st.integers(0, 1000))
def test_equals_the_naive_loops(pool, geometry, seed):
    (kind, more, choose, *_), (options, in_shape, n) = pool, geometry
    layer, x = kind(**options, **more), few_values((*in_shape, n), seed)
    y, dx = both_ways(layer, x, random_delta(seed))
    expected_y, expected_dx = naive(layer, x, random_delta(seed), choose)
    assert y.shape == (*layer.out_shape(in_shape), n)
    np.testing.assert_allclose(y, expected_y, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-13, atol=1e-14)


@every_pool
@given(geometry=geometries(), seed=st.integers(0, 1000))
def test_equals_pytorch_with_ties(torch, pool, geometry, seed):
    (kind, more, _, name, their_options), (options, in_shape, n) = pool, geometry
    layer, x = kind(**options, **more), few_values((*in_shape, n), seed)
    y, dx = both_ways(layer, x, random_delta(seed))

    tensor = torch.tensor(np.moveaxis(x, -1, 0), requires_grad=True)
    theirs = getattr(torch.nn.functional, name)(
        tensor,
        as_pair(layer.size),
        None if layer.stride is None else as_pair(layer.stride),
        as_pair(layer.padding),
        ceil_mode=layer.ceil,
        **their_options,
    )
    theirs.backward(torch.tensor(np.moveaxis(random_delta(seed)(y), -1, 0)))
    expected_y, expected_dx = theirs.detach().numpy(), tensor.grad.numpy()
    np.testing.assert_allclose(y, np.moveaxis(expected_y, 0, -1), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(dx, np.moveaxis(expected_dx, 0, -1), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("size", [(3, 2), (2, 3)])
@pytest.mark.parametrize("dilation", [(2, 1), (2, 3)])
@pytest.mark.parametrize("ceil", [False, True])
def test_dilated_windows_equal_pytorch(torch, size, dilation, ceil):
    layer = MaxPool2d(size=size, stride=2, padding=(1, 0), dilation=dilation, ceil=ceil)
    x = few_values((2, 7, 9, 3), 0)
    y, dx = both_ways(layer, x, random_delta(0))
    tensor = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 0)), requires_grad=True)
    theirs = torch.nn.functional.max_pool2d(tensor, size, 2, (1, 0), dilation, ceil_mode=ceil)
    theirs.backward(torch.tensor(np.moveaxis(random_delta(0)(y), -1, 0)))
    np.testing.assert_array_equal(np.moveaxis(y, -1, 0), theirs.detach().numpy())
    np.testing.assert_array_equal(np.moveaxis(dx, -1, 0), tensor.grad.numpy())


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("count_padding", [False, True])
def test_padding_of_each_side_equals_a_border_of_zeros(dilation, count_padding):
    sides, x = (0, 1, 2, 0), np.random.default_rng(0).uniform(1, 2, (2, 6, 5, 3))
    layer = AvgPool2d(
        size=3, stride=2, padding=sides, dilation=dilation, count_padding=count_padding
    )
    top, bottom, left, right = sides
    border = ((0, 0), (top, bottom), (left, right), (0, 0))
    inner = AvgPool2d(size=3, stride=2, dilation=dilation)
    expected, _ = both_ways(inner, np.pad(x, border), np.copy)
    if not count_padding:
        shares, _ = both_ways(inner, np.pad(np.ones_like(x), border), np.copy)
        expected /= shares
    y, _ = both_ways(layer, x, np.copy)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    pool = MaxPool2d(size=3, stride=2, padding=sides, dilation=dilation)
    largest, _ = both_ways(pool, x, np.copy)
    expected, _ = both_ways(
        MaxPool2d(size=3, stride=2, dilation=dilation),
        np.pad(x, border, constant_values=-np.inf),
        lambda y: np.zeros_like(y),
    )
    np.testing.assert_array_equal(largest, expected)


@both_layers
@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (7, 2)])
def test_a_window_as_large_as_the_map(kind, shape):
    x = np.random.default_rng(0).standard_normal((3, *shape, 2))
    y, _ = both_ways(kind(size=shape), x, np.copy)
    whole = x.max(axis=(1, 2)) if kind is MaxPool2d else x.mean(axis=(1, 2))
    np.testing.assert_allclose(y[:, 0, 0], whole, rtol=1e-13)


def test_ties_send_delta_to_the_first_value():
    x = np.ones((1, 4, 4, 1))
    _, dx = both_ways(MaxPool2d(size=2), x, np.copy)
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_the_first_row_wins_over_the_first_column():
    x = np.array([[0.0, 5.0], [5.0, 5.0]])[None, :, :, None]
    _, dx = both_ways(MaxPool2d(size=2), x, np.copy)
    assert dx[0, :, :, 0].tolist() == [[0, 5], [0, 0]]


def test_padding_never_wins():
    x = np.full((1, 3, 3, 1), -7.0)
    y, dx = both_ways(MaxPool2d(size=2, stride=2, padding=1), x, np.ones_like)
    assert (y == -7).all()
    assert dx.sum() == 4


def test_padding_counts_as_zeros_in_the_mean():
    y, _ = both_ways(AvgPool2d(size=2, padding=1), np.full((1, 2, 2, 1), 8.0), np.copy)
    assert y[0, :, :, 0].tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize("at", [(0, 0), (0, 1), (1, 0), (1, 1)])
@both_layers
def test_nan_propagates(kind, at):
    x = np.zeros((1, 4, 4, 1))
    x[(0, *at, 0)] = np.nan
    y, _ = both_ways(kind(size=2), x, np.copy)
    assert np.isnan(y[0, :, :, 0]).tolist() == [[True, False], [False, False]]


def test_a_window_longer_than_a_byte_can_index():
    x = np.zeros((1, 1, 300, 1))
    x[0, 0, 299] = 1
    _, dx = both_ways(MaxPool2d(size=(1, 300)), x, np.copy)
    assert np.argmax(dx) == 299


@both_layers
def test_flops_are_those_of_two_passes(kind):
    assert kind(size=(2, 3)).flops((4, 6, 6)) == (2 + 3) * 4 * 3 * 2


@pytest.mark.parametrize(
    ("options", "in_shape", "path", "message"),
    [
        (
            {"size": 2, "padding": 2},
            (1, 4, 4),
            ("padding",),
            "padding 2 is so much that a window (2, 2) holds nothing else; use at most half the "
            "window",
        ),
        (
            {"size": (4, 1), "padding": (2, 1)},
            (1, 4, 4),
            ("padding",),
            "padding (2, 1) is so much that a window (4, 1) holds nothing else; use at most half "
            "the window",
        ),
        (
            {"size": 3},
            (6, 2, 8),
            (),
            "a window of 3x3 does not fit into the input (6, 2, 8) with padding 0; "
            "use a smaller window, more padding or fewer poolings",
        ),
        (
            {"size": 2},
            (84,),
            (),
            "needs an image of shape (C, H, W), but the input is (84,)",
        ),
    ],
    ids=["too much padding", "too much in one direction", "does not fit", "vector"],
)
@both_layers
def test_messages(kind, options, in_shape, path, message):
    with pytest.raises(ShapeError) as caught:
        kind(**options).out_shape(in_shape)
    assert (str(caught.value), caught.value.path) == (message, path)
