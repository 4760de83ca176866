"""Transposed convolution against PyTorch, over random geometries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.conv_transpose2d import ConvTranspose2d

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def geometries(draw):
    """(layer, shape of x), with a nonempty output and an output padding below the stride."""
    kernel, stride = draw(pairs), draw(pairs)
    padding = tuple(draw(st.integers(0, (k - 1) // 2)) for k in kernel)
    extra = tuple(draw(st.integers(0, s - 1)) for s in stride)
    layer = ConvTranspose2d(
        filters=draw(st.integers(1, 3)), kernel=kernel, stride=stride, padding=padding,
        output_padding=extra, bias=draw(st.booleans()),
    )  # fmt: skip
    return layer, tuple(draw(st.integers(1, 4)) for _ in range(4))


@settings(max_examples=80)
@given(geometry=geometries())
def test_equals_pytorch(torch, evaluation, geometry):
    layer, shape = geometry
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    declared = layer.params(shape[:3])
    params = {letter: rng.standard_normal(param.shape) for letter, param in declared.items()}
    x_theirs = torch.tensor(np.moveaxis(x, -1, 0).copy(), requires_grad=True)
    W = torch.tensor(params["W"], requires_grad=True)
    b = torch.tensor(params["b"][:, 0], requires_grad=True) if layer.bias else None
    expected = torch.nn.functional.conv_transpose2d(
        x_theirs, W, b, layer.stride, layer.padding, layer.output_padding
    )
    y, cache = layer.forward(params, x, evaluation)
    assert y.shape[:3] == layer.out_shape(shape[:3]) == tuple(expected.shape[1:])
    np.testing.assert_allclose(np.moveaxis(y, -1, 0), expected.detach(), rtol=1e-10, atol=1e-11)
    dy = rng.standard_normal(y.shape)
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 0).copy()))
    dx, grads = layer.backward(params, cache, dy)
    np.testing.assert_allclose(np.moveaxis(dx, -1, 0), x_theirs.grad, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(grads["W"], W.grad, rtol=1e-10, atol=1e-11)
    if layer.bias:
        np.testing.assert_allclose(grads["b"][:, 0], b.grad, rtol=1e-10, atol=1e-11)


@given(
    size=st.integers(1, 9),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    extra=st.integers(0, 3),
)
def test_the_shape_follows_the_formula(size, kernel, stride, extra):
    extra = min(extra, stride - 1)
    layer = ConvTranspose2d(filters=2, kernel=kernel, stride=stride, output_padding=extra)
    side = (size - 1) * stride + kernel + extra
    assert layer.out_shape((1, size, size)) == (2, side, side)


def test_it_inverts_the_shape_of_a_convolution():
    for side in range(5, 12):
        conv = Conv2d(filters=1, kernel=3, stride=2, padding=1)
        small = conv.out_shape((1, side, side))[1]
        options = {"kernel": 3, "stride": 2, "padding": 1, "output_padding": (side + 1) % 2}
        assert ConvTranspose2d(filters=1, **options).out_shape((1, small, small)) == (1, side, side)


def test_a_single_input_gives_a_scaled_kernel(evaluation):
    layer = ConvTranspose2d(filters=1, kernel=(2, 3), stride=2)
    W = np.arange(6.0).reshape(1, 1, 2, 3)
    y, _ = layer.forward({"W": W, "b": np.ones((1, 1))}, np.full((1, 1, 1, 1), 2.0), evaluation)
    np.testing.assert_array_equal(y[0, :, :, 0], 2 * W[0, 0] + 1)


@pytest.mark.parametrize(
    ("options", "shape", "message", "path"),
    [
        ({"kernel": 3, "padding": 2}, (1, 1, 1), "padding 2 leaves no output; use less",
         ("padding",)),
        ({"kernel": 3, "output_padding": 1}, (1, 4, 4),
         "output_padding 1 must be less than the stride 1", ("output_padding",)),
        ({"kernel": 3, "stride": (3, 2), "output_padding": (2, 2)}, (1, 4, 4),
         "output_padding 2 must be less than the stride 2", ("output_padding",)),
        ({"kernel": 3}, (4,), "needs an image of shape (C, H, W), but the input is (4,)", ()),
    ],
)  # fmt: skip
def test_invalid_geometry_is_rejected(options, shape, message, path):
    with pytest.raises(ShapeError) as caught:
        ConvTranspose2d(filters=1, **options).out_shape(shape)
    assert str(caught.value) == message
    assert caught.value.path == path
