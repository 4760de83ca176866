"""Convolution against naive loops, against PyTorch, and its two implementations compared."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.layers import conv2d
from cnntrain.layers.conv2d import Conv2d, conv2d_da_rows, conv2d_da_scatter, works_by_rows
from cnntrain.network.network import Pass
from cnntrain.ops.windows import lower_columns, place
from cnntrain.types import as_pair


@pytest.fixture(autouse=True, scope="module")
def short_rows_and_long_ones():
    """Lower the bound so that the small cases of these tests lie on both sides of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv2d, "LONG_ROW", 6)
        yield


def pad_before_and_after(padding, axis, length, span, stride):
    """The number of zeros on either side, as documented."""
    if padding == "valid":
        return 0, 0
    if padding == "same":  # ceil(length / stride) outputs, an odd zero at the end
        outputs = (length + stride - 1) // stride
        total = max(0, (outputs - 1) * stride + span - length)
        return total // 2, total - total // 2
    return (as_pair(padding)[axis],) * 2


def spans(layer):
    """Rows and columns from the first tap of the kernel to the last."""
    pairs = zip(as_pair(layer.kernel), as_pair(layer.dilation), strict=True)
    return [(k - 1) * d + 1 for k, d in pairs]


def padded(x, layer):
    stride = as_pair(layer.stride)
    pads = [
        pad_before_and_after(layer.padding, i, x.shape[i + 1], spans(layer)[i], stride[i])
        for i in range(2)
    ]
    return np.pad(x, [(0, 0), *pads, (0, 0)]), pads


def products(layer, z, W):
    """((f, oh, ow), (f, c, i, j), (channel, row, column)) of every product in z."""
    (sh, sw), (dh, dw) = as_pair(layer.stride), as_pair(layer.dilation)
    for f, oh, ow in np.ndindex(z.shape[:3]):
        first_channel = f // (len(W) // layer.groups) * W.shape[1]
        for c, i, j in np.ndindex(W.shape[1:]):
            yield (f, oh, ow), (f, c, i, j), (first_channel + c, oh * sh + i * dh, ow * sw + j * dw)


def naive(layer, W, b, x, delta_of):
    """(z, dx, dW, db) by one loop over all products; ``delta_of(z)`` is δ."""
    image, ((top, _), (left, _)) = padded(x, layer)
    _, height, width, n = image.shape
    sizes = zip((height, width), spans(layer), as_pair(layer.stride), strict=True)
    z = np.zeros((len(W), *((length - span) // s + 1 for length, span, s in sizes), n))
    for output, weight, tap in products(layer, z, W):
        z[output] += W[weight] * image[tap]
    z += b[:, :, None, None]
    delta = delta_of(z)
    d_image, dW = np.zeros_like(image), np.zeros_like(W)
    for output, weight, tap in products(layer, z, W):
        dW[weight] += (delta[output] * image[tap]).sum()
        d_image[tap] += W[weight] * delta[output]
    dx = d_image[:, top : top + x.shape[1], left : left + x.shape[2]]
    return z, dx, dW, delta.sum(axis=(1, 2, 3))[:, None]


def single_or_pair(numbers):
    return st.tuples(numbers, numbers) | numbers


PADDINGS = st.sampled_from(["same", "valid"]) | single_or_pair(st.integers(0, 3))


@st.composite
def geometries(draw, paddings=PADDINGS, max_stride=3, max_dilation=3, max_groups=3):
    """(layer, in_shape, N): a layer that fits its input, with all options varied."""
    groups = draw(st.integers(1, max_groups))
    layer = Conv2d(
        filters=groups * draw(st.integers(1, 3)),
        kernel=draw(single_or_pair(st.integers(1, 4))),
        stride=draw(single_or_pair(st.integers(1, max_stride))),
        padding=draw(paddings),
        dilation=draw(single_or_pair(st.integers(1, max_dilation))),
        groups=groups,
    )
    pads = (0, 0) if isinstance(layer.padding, str) else as_pair(layer.padding)
    least = [
        1 if layer.padding == "same" else max(1, span - 2 * pad)
        for span, pad in zip(spans(layer), pads, strict=True)
    ]
    sides = [size + draw(st.integers(0, 4)) for size in least]
    channels = groups * draw(st.integers(1, 2))
    return layer, (channels, *sides), draw(st.integers(1, 3))


def whole_numbers(shape, seed):
    """Small integers, so that every order of summation gives identical results."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)


def arrays_of(layer, in_shape, n, seed):
    declared = layer.params(in_shape)
    params = {
        name: whole_numbers(p.shape, [seed, i]) for i, (name, p) in enumerate(declared.items())
    }
    return params, whole_numbers((*in_shape, n), [seed, 9])


def both_ways(layer, params, x, delta_of):
    """(z, dx, dW, db) of the layer."""
    z, cache = layer.forward(params, x, Pass().context(0))
    dx, grads = layer.backward(params, cache, delta_of(z))
    return z, dx, grads["W"], grads["b"]


def assert_equal(found, expected):
    for mine, theirs, name in zip(found, expected, ("z", "dx", "dW", "db"), strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=name)


def random_delta(seed):
    return lambda z: whole_numbers(z.shape, [seed, 5])


@given(geometries(), st.integers(0, 1000))
def test_equals_the_naive_loops(geometry, seed):
    layer, in_shape, n = geometry
    params, x = arrays_of(layer, in_shape, n, seed)
    delta_of = random_delta(seed)
    found = both_ways(layer, params, x, delta_of)
    assert found[0].shape == (*layer.out_shape(in_shape), n)
    assert_equal(found, naive(layer, params["W"], params["b"], x, delta_of))


@pytest.mark.parametrize(
    ("layer", "in_shape"),
    [
        (Conv2d(filters=2, kernel=(5, 3)), (2, 5, 3)),
        (Conv2d(filters=2, kernel=(1, 4)), (1, 3, 4)),
        (Conv2d(filters=1, kernel=3, padding=3), (1, 1, 2)),
        (Conv2d(filters=2, kernel=(3, 2), stride=(2, 1), dilation=(1, 2)), (33, 5, 4)),
        (Conv2d(filters=2, kernel=(3, 2), stride=(1, 2), padding=1), (32, 3, 4)),
        (Conv2d(filters=2, kernel=(1, 4)), (32, 2, 4)),
        (Conv2d(filters=3, kernel=1), (2, 3, 4)),
        (Conv2d(filters=3, kernel=1, stride=2), (2, 3, 4)),
        (Conv2d(filters=3, kernel=1, padding=1), (2, 3, 4)),
        (Conv2d(filters=4, kernel=1, groups=2), (2, 3, 4)),
        (Conv2d(filters=2, kernel=2, stride=5), (1, 7, 7)),
        (Conv2d(filters=2, kernel=3, dilation=3), (1, 7, 8)),
        (Conv2d(filters=6, kernel=3, groups=3, padding="same"), (3, 4, 4)),
        (Conv2d(filters=2, kernel=(4, 1), stride=(3, 2), padding="same"), (2, 2, 5)),
        (Conv2d(filters=3, kernel=3, padding="same"), (32, 4, 3)),
        (Conv2d(filters=1, kernel=2, padding="same"), (32, 3, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [1, 2])
def test_corners_equal_the_naive_loops(layer, in_shape, n):
    params, x = arrays_of(layer, in_shape, n, seed=3)
    delta_of = random_delta(3)
    found = both_ways(layer, params, x, delta_of)
    assert_equal(found, naive(layer, params["W"], params["b"], x, delta_of))


def test_without_bias_there_is_no_b():
    layer = Conv2d(filters=2, kernel=2, bias=False)
    params, x = arrays_of(layer, (1, 3, 3), 2, seed=0)
    assert list(params) == ["W"]
    z, cache = layer.forward(params, x, Pass().context(0))
    _, grads = layer.backward(params, cache, z)
    assert list(grads) == ["W"]
    with_zero = both_ways(Conv2d(filters=2, kernel=2), params | {"b": np.zeros((2, 1))}, x, np.copy)
    np.testing.assert_array_equal(z, with_zero[0])
    np.testing.assert_array_equal(grads["W"], with_zero[2])


# --- the two methods of computing ∂C/∂a ------------------------------------------------------


@given(geometries(max_stride=1, max_dilation=1, max_groups=1), st.integers(0, 1000))
def test_rows_and_scatter_agree(geometry, seed):
    layer, in_shape, n = geometry
    axes = place(in_shape, as_pair(layer.kernel), (1, 1), layer.padding)
    assume(axes[0].before < axes[0].size and axes[0].after < axes[0].size)
    W = whole_numbers(layer.params(in_shape)["W"].shape, [seed, 0])
    delta = whole_numbers((*layer.out_shape(in_shape), n), [seed, 1])
    by_rows = conv2d_da_rows(delta, W, *axes)
    assert by_rows.shape == (*in_shape, n)
    np.testing.assert_array_equal(by_rows, conv2d_da_scatter(delta, W, *axes))


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "groups", "padding", "rows", "da_rows"),
    [
        ((3, 3), (1, 1), (1, 1), 1, "same", True, True),
        ((3, 3), (1, 2), (1, 2), 1, (3, 1), True, False),  # a padding as large as the window
        ((3, 3), (1, 2), (1, 2), 1, (1, 3), True, True),
        ((3, 3), (2, 1), (1, 1), 1, (1, 1), True, False),
        ((3, 3), (1, 1), (2, 1), 1, (1, 1), False, False),
        ((3, 3), (1, 1), (1, 1), 2, "same", False, False),
        ((1, 1), (1, 1), (1, 1), 1, "valid", False, False),
        ((1, 3), (1, 1), (1, 1), 1, "valid", True, True),
    ],
)
@pytest.mark.usefixtures("numpy_engine")
def test_the_method_depends_on_shapes_only(
    monkeypatch, kernel, stride, dilation, groups, padding, rows, da_rows
):
    vertical, horizontal = axes = place((2, 8, 9), kernel, stride, padding, dilation)
    samples = conv2d.LONG_ROW // horizontal.out + 1
    assert works_by_rows(vertical, horizontal, groups, samples) is rows
    assert not works_by_rows(vertical, horizontal, groups, 0)
    W = whole_numbers((2, 2 // groups, *kernel), 0)
    delta = whole_numbers((2, vertical.out, horizontal.out, 2), 1)
    expected = conv2d_da_scatter(delta, W, *axes, groups)
    called = []
    monkeypatch.setattr(
        conv2d, "conv2d_da_rows", lambda *given: called.append(given) or conv2d_da_rows(*given)
    )
    np.testing.assert_array_equal(conv2d.conv2d_da(delta, W, *axes, groups), expected)
    assert bool(called) is da_rows


def test_a_pointwise_convolution_copies_nothing():
    x = whole_numbers((2, 3, 4, 2), 0)
    axes = place(x.shape[:3], (1, 1), (1, 1), "valid")
    assert np.shares_memory(lower_columns(x, *axes), x)


# --- PyTorch ---------------------------------------------------------------------------------


@given(geometries(paddings=single_or_pair(st.integers(0, 3))), st.integers(0, 1000))
def test_equals_pytorch(torch, geometry, seed):
    layer, in_shape, n = geometry
    rng = np.random.default_rng(seed)
    declared = layer.params(in_shape)
    params = {name: rng.standard_normal(p.shape) for name, p in declared.items()}
    x = rng.standard_normal((*in_shape, n))
    found = both_ways(layer, params, x, np.cos)

    tensors = [
        torch.tensor(array, requires_grad=True)
        for array in (np.moveaxis(x, -1, 0), params["W"], params["b"][:, 0])
    ]
    pairs = {name: as_pair(getattr(layer, name)) for name in ("stride", "padding", "dilation")}
    z = torch.nn.functional.conv2d(*tensors, **pairs, groups=layer.groups)
    z.backward(torch.cos(z.detach()))
    dx, dW, db = (tensor.grad.numpy() for tensor in tensors)
    expected = np.moveaxis(z.detach().numpy(), 0, -1), np.moveaxis(dx, 0, -1), dW, db[:, None]
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


# --- shapes and messages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "in_shape", "out_shape"),
    [
        (Conv2d(filters=6, kernel=5, padding="same"), (1, 28, 28), (6, 28, 28)),
        (Conv2d(filters=16, kernel=5), (6, 14, 14), (16, 10, 10)),
        (Conv2d(filters=2, kernel=(3, 5), stride=(2, 1), padding=(1, 0)), (3, 9, 7), (2, 5, 3)),
        (Conv2d(filters=2, kernel=3, stride=2), (1, 6, 6), (2, 2, 2)),
        (Conv2d(filters=1, kernel=3, stride=4, padding="same"), (1, 5, 8), (1, 2, 2)),
    ],
    ids=str,
)
def test_out_shape(layer, in_shape, out_shape):
    assert layer.out_shape(in_shape) == out_shape


def test_parameters_are_declared():
    declared = Conv2d(filters=4, kernel=(3, 2), trainable={"b": False}).params((5, 9, 9))
    assert {name: p.shape for name, p in declared.items()} == {"W": (4, 5, 3, 2), "b": (4, 1)}
    assert {name: (p.fan_in, p.fan_out) for name, p in declared.items()} == {
        "W": (30, 24),
        "b": (30, 24),
    }
    assert {name: (p.trainable, p.decay_mult) for name, p in declared.items()} == {
        "W": (True, 1),
        "b": (False, 0),
    }


def test_flops_count_multiplications_and_additions():
    assert Conv2d(filters=6, kernel=5, padding="same").flops((1, 28, 28)) == 2 * 25 * 6 * 28 * 28


@pytest.mark.parametrize(
    ("layer", "in_shape", "message"),
    [
        (
            Conv2d(filters=1, kernel=5),
            (1, 4, 9),
            "a window of 5x5 does not fit into the input (1, 4, 9) with padding valid; "
            "use a smaller window, more padding or fewer poolings",
        ),
        (
            Conv2d(filters=1, kernel=(2, 6), padding=(0, 1)),
            (3, 2, 3),
            "a window of 2x6 does not fit into the input (3, 2, 3) with padding (0, 1); "
            "use a smaller window, more padding or fewer poolings",
        ),
        (
            Conv2d(filters=1, kernel=2),
            (10,),
            "needs an image of shape (C, H, W), but the input is (10,)",
        ),
        (
            Conv2d(filters=1, kernel=2),
            (3, 3),
            "needs an image of shape (C, H, W), but the input is (3, 3)",
        ),
        (
            Conv2d(filters=4, kernel=2, groups=2),
            (3, 3, 3),
            "2 groups must divide both the 3 channels and the 4 filters",
        ),
    ],
    ids=["too small", "too narrow", "vector", "two axes", "groups"],
)
def test_messages(layer, in_shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.out_shape(in_shape)
    assert str(caught.value) == message
