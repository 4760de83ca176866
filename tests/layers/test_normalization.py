"""Normalization within a sample: PyTorch's layers, and LRN as a naive loop."""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.lrn import Lrn
from cnntrain.layers.normalization import GroupNorm, LayerNorm


def case(layer, shape, seed=0):
    """Random (params, x, dy); x has a mean far from 0."""
    rng = np.random.default_rng(seed)
    declared = layer.params(shape[:-1])
    params = {letter: rng.uniform(0.5, 1.5, param.shape) for letter, param in declared.items()}
    return params, 2 + rng.standard_normal(shape), rng.standard_normal(shape)


def theirs(torch, f, x, dy, *arrays):
    """(y, dx, parameter gradients) of a function of sample-first tensors."""
    tensors = [torch.tensor(a, requires_grad=True) for a in (np.moveaxis(x, -1, 0).copy(), *arrays)]
    y = f(*tensors)
    y.backward(torch.tensor(np.moveaxis(dy, -1, 0).copy()))
    dx, *grads = (tensor.grad.numpy() for tensor in tensors)
    return np.moveaxis(y.detach().numpy(), 0, -1), np.moveaxis(dx, 0, -1), grads


def ours(layer, params, x, dy, ctx):
    y, cache = layer.forward(params, x, ctx)
    return y, *layer.backward(params, cache, dy)


@pytest.mark.parametrize("shape", [(6, 4), (1, 3), (3, 4, 2, 5), (2, 1, 1, 1)])
def test_layer_norm_equals_pytorch(torch, evaluation, shape):
    layer = LayerNorm(epsilon=1e-3)
    params, x, dy = case(layer, shape)
    y, dx, grads = ours(layer, params, x, dy, evaluation)
    expected_y, expected_dx, (gamma, beta) = theirs(
        torch,
        lambda x, g, b: torch.nn.functional.layer_norm(x, shape[:-1], g, b, eps=1e-3),
        *(x, dy, params["gamma"], params["beta"]),
    )
    np.testing.assert_allclose(y, expected_y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(grads["gamma"], gamma, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(grads["beta"], beta, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [((6, 4), 2), ((6, 4), 3), ((4, 3, 2, 5), 1), ((4, 3, 2, 5), 2), ((4, 3, 2, 5), 4)],
)
def test_group_norm_equals_pytorch(torch, evaluation, shape, groups):
    layer = GroupNorm(groups=groups, epsilon=1e-3)
    params, x, dy = case(layer, shape)
    y, dx, grads = ours(layer, params, x, dy, evaluation)
    expected_y, expected_dx, (gamma, beta) = theirs(
        torch,
        lambda x, g, b: torch.nn.functional.group_norm(x, groups, g, b, eps=1e-3),
        *(x, dy, params["gamma"].ravel(), params["beta"].ravel()),
    )
    np.testing.assert_allclose(y, expected_y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(grads["gamma"].ravel(), gamma, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(grads["beta"].ravel(), beta, rtol=1e-10, atol=1e-12)


def test_groups_must_divide_the_channels():
    with pytest.raises(ShapeError) as caught:
        GroupNorm(groups=3).out_shape((4, 2, 2))
    assert str(caught.value) == "3 groups do not divide 4 channels"
    assert caught.value.path == ("groups",)


def naive_lrn(layer, x):
    """y = x / (k + α/n Σ x²)^β, entry by entry."""
    c, h, w, n = x.shape
    reach, y = layer.size // 2, np.empty_like(x)
    for i, row, column, k in np.ndindex(c, h, w, n):
        if layer.across == "channels":
            around = x[max(0, i - reach) : i + reach + 1, row, column, k]
            count = layer.size
        else:
            near = (slice(max(0, p - reach), p + reach + 1) for p in (row, column))
            around, count = x[(i, *near, k)], layer.size**2
        scale = layer.k + layer.alpha / count * (around**2).sum()
        y[i, row, column, k] = x[i, row, column, k] * scale**-layer.beta
    return y


@pytest.mark.parametrize("across", ["channels", "space"])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("shape", [(6, 3, 4, 2), (1, 5, 2, 3)])
def test_lrn_equals_a_naive_loop(evaluation, across, size, shape):
    layer = Lrn(size=size, across=across, alpha=0.7, beta=0.6, k=1.5)
    _, x, _ = case(layer, shape)
    np.testing.assert_allclose(layer.forward({}, x, evaluation)[0], naive_lrn(layer, x), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_lrn_across_channels_equals_pytorch(torch, evaluation, size):
    layer = Lrn(size=size, alpha=0.7, beta=0.6, k=1.5)
    params, x, dy = case(layer, (6, 3, 4, 2))
    y, dx, _ = ours(layer, params, x, dy, evaluation)
    function = torch.nn.functional.local_response_norm
    expected_y, expected_dx, _ = theirs(torch, lambda x: function(x, size, 0.7, 0.6, 1.5), x, dy)
    np.testing.assert_allclose(y, expected_y, rtol=1e-11)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Lrn(size=4), (3, 5, 5), "size 4 is even; it must be odd"),
        (Lrn(), (3,), "needs an image of shape (C, H, W), but the input is (3,)"),
    ],
)
def test_lrn_rejects_invalid_input(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.out_shape(shape)
    assert str(caught.value) == message
