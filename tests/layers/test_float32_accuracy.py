"""How many digits float32 keeps: every layer against its own float64, and against PyTorch.

The inputs are those that sums lose digits on: many numbers, all equal, or far from 0. Errors are
measured against the largest number of the exact result; u = 2⁻²⁴ is the rounding of one operation.
"""

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers import Layer

U = 2.0**-24
BOUND = 20 * U  # of chains of some hundred products next to an offset that cancels
BOUND_OF_PRODUCTS = 100 * U  # of matrix products over positions: BLAS adds up some hundred in a row
SIDE = 24  # of maps, in the fast tests
INPUTS = {
    "constant": lambda rng, shape: np.full(shape, 254.7),
    "shifted": lambda rng, shape: 1000 + rng.standard_normal(shape),
    "spread": lambda rng, shape: rng.standard_normal(shape),
}
EXAMPLES = [
    pytest.param(example, id=f"{kind}-{i}")
    for kind, layer in Layer.kinds.items()
    for i, example in enumerate(layer.examples())
]
every_input = pytest.mark.parametrize("kind", INPUTS)


def drawn(kind, shape, seed=0):
    return INPUTS[kind](np.random.default_rng(seed), shape).astype(np.float32)


def wide(value):
    """Arrays, also those in a tuple or a dict, as float64."""
    if isinstance(value, tuple):
        return tuple(map(wide, value))
    if isinstance(value, dict):
        return {name: wide(part) for name, part in value.items()}
    return value.astype(np.float64)


def enlarged(example, side):
    """The example's shape with maps of about ``side``, if the layer takes them; vectors stay."""

    def larger(shape):
        factor = max(1, side // max(shape[1:])) if len(shape) == 3 else 1
        return (shape[0], *(factor * length for length in shape[1:]))

    layer, shape = example.layer, example.in_shape
    found = tuple(map(larger, shape)) if layer.joins else larger(shape)
    try:
        layer.out_shape(found)
    except ShapeError:
        return shape
    return found


def parameters(layer, in_shape):
    rng = np.random.default_rng(1)
    return {
        letter: param.init.draw(param.shape, param.fan_in, param.fan_out, rng).astype(np.float32)
        for letter, param in layer.params(in_shape).items()
    }


def results(layer, params, x, dy, ctx):
    """{"y": ..., "dx": ..., "W": ..., "mean": ...}: all that a pass gives."""
    y, cache = layer.forward(params, x, ctx)
    dx, grads = layer.backward(params, cache, dy)
    parts = {f"dx{i}": part for i, part in enumerate(dx)} if layer.joins else {"dx": dx}
    return {"y": y, **parts, **grads, **layer.buffers(params, cache)}


def largest(array):
    return float(np.abs(array).max())


def scale_of(name, exact, x, dy):
    """What an error is measured against. Sums that cancel are measured by what they add up."""
    if name in ("y", "mean", "variance"):
        terms = 1.0
    elif name.startswith("dx"):
        terms = largest(dy)
    elif name == "W":
        terms = float(np.abs(dy).sum()) / len(exact) * largest(x)
    else:
        terms = float(np.abs(dy).sum()) / exact.size
    return max(largest(exact), terms)


def check_layer(layer, in_shape, batch, kind, ctx):
    shapes = in_shape if layer.joins else (in_shape,)
    xs = tuple(drawn(kind, (*shape, batch), seed) for seed, shape in enumerate(shapes))
    x = xs if layer.joins else xs[0]
    params = parameters(layer, in_shape)
    dy = drawn("spread", (*layer.out_shape(in_shape), batch), 7)
    for delta in (dy, np.full_like(dy, 0.1)):
        found = results(layer, params, x, delta, ctx)
        exact = results(layer, wide(params), wide(x), wide(delta), ctx)
        assert all(array.dtype == np.float32 for array in found.values())
        for name, value in exact.items():
            error = largest(found[name] - value) / scale_of(name, value, xs[0], delta)
            bound = BOUND_OF_PRODUCTS if name == "W" else BOUND
            assert error <= bound, f"{name}: {error / U:.1f} u"


@every_input
@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_layer_on_larger_maps(example, batch, kind, training, evaluation):
    layer = example.layer
    ctx = evaluation if layer.is_random else training  # masks are drawn in the type of the input
    check_layer(layer, enlarged(example, SIDE), batch, kind, ctx)


@pytest.mark.slow
@every_input
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.id.endswith("-0")])
def test_every_layer_on_maps_of_512(example, batch, kind, training, evaluation):
    ctx = evaluation if example.layer.is_random else training
    check_layer(example.layer, enlarged(example, 512), batch, kind, ctx)


# --- beside PyTorch ------------------------------------------------------------------------------


def options(**chosen):
    """{"kind": options} as (kind, layer)."""
    ((kind, given),) = chosen.items()
    return Layer.kinds[kind](**given)


def batch_norm(torch, x, p):
    mean, variance = torch.zeros(x.shape[1]), torch.ones(x.shape[1])
    scale = (p["gamma"].flatten(), p["beta"].flatten())
    y = torch.nn.functional.batch_norm(x, mean, variance, *scale, training=True)
    return y, {"mean": mean[:, None], "variance": variance[:, None]}


def group_norm(torch, x, p):
    scale = (p["gamma"].flatten(), p["beta"].flatten())
    return torch.nn.functional.group_norm(x, 2, *scale), {}


def layer_norm(torch, x, p):
    return torch.nn.functional.layer_norm(x, x.shape[1:], p["gamma"], p["beta"]), {}


def conv2d(torch, x, p):
    return torch.nn.functional.conv2d(x, p["W"], p["b"].flatten(), padding=1), {}


def conv_transpose2d(torch, x, p):
    return torch.nn.functional.conv_transpose2d(x, p["W"], p["b"].flatten()), {}


PAIRS = {
    "global_avg_pool2d": (options(global_avg_pool2d={}), lambda torch, x, p: (x.mean((2, 3)), {})),
    "batch_norm": (options(batch_norm={}), batch_norm),
    "layer_norm": (options(layer_norm={}), layer_norm),
    "group_norm": (options(group_norm={"groups": 2}), group_norm),
    "conv2d": (options(conv2d={"filters": 2, "kernel": 3, "padding": 1}), conv2d),
    "conv_transpose2d": (options(conv_transpose2d={"filters": 2, "kernel": 3}), conv_transpose2d),
    "prelu": (
        options(prelu={}),
        lambda torch, x, p: (torch.nn.functional.prelu(x, p["slope"]), {}),
    ),
    "softmax": (options(softmax={}), lambda torch, x, p: (x.softmax(1), {})),
    "log_softmax": (options(log_softmax={}), lambda torch, x, p: (x.log_softmax(1), {})),
}


def sample_first(array):
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))


def of_pytorch(torch, function, params, x, dy):
    """What ``results`` gives, by PyTorch."""
    given = torch.from_numpy(sample_first(x)).requires_grad_()
    held = {name: torch.from_numpy(array).requires_grad_() for name, array in params.items()}
    y, buffers = function(torch, given, held)
    y.backward(torch.from_numpy(sample_first(dy)))
    found = {name: array.grad.numpy() for name, array in held.items() if array.grad is not None}
    found |= {name: array.numpy() for name, array in buffers.items()}
    turned = {"y": y.detach().numpy(), "dx": given.grad.numpy()}
    return found | {name: np.moveaxis(array, 0, -1) for name, array in turned.items()}


def check_beside_pytorch(torch, pair, shape, kind, ctx):
    layer, function = PAIRS[pair]
    x, dy = drawn(kind, shape), drawn("spread", (*layer.out_shape(shape[:-1]), shape[-1]), 7)
    params = parameters(layer, shape[:-1])
    for delta in (dy, np.full_like(dy, 0.1)):
        ours = results(layer, params, x, delta, ctx)
        theirs = of_pytorch(torch, function, params, x, delta)
        for name, exact in results(layer, wide(params), wide(x), wide(delta), ctx).items():
            scale = scale_of(name, exact, x, delta)
            mine, other = (largest(found[name] - exact) / scale for found in (ours, theirs))
            assert mine <= 4 * max(other, U), f"{name}: {mine / U:.1f} u, PyTorch {other / U:.1f} u"


@every_input
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("shape", [(4, 16, 16, 1), (2, 40, 40, 16), (2, 3, 5, 256)], ids=str)
def test_no_more_than_4_times_the_error_of_pytorch(torch, pair, shape, kind, training):
    check_beside_pytorch(torch, pair, shape, kind, training)


@pytest.mark.slow
@every_input
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(
    "shape", [(2, 512, 512, 1), (2, 512, 512, 8), (2, 64, 64, 256), (2, 301, 7, 33)], ids=str
)
def test_no_more_than_4_times_the_error_of_pytorch_on_large_maps(
    torch, pair, shape, kind, training
):
    check_beside_pytorch(torch, pair, shape, kind, training)


# --- figures that were wrong once ----------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_mean_of_a_map_of_512_keeps_its_value(evaluation, n):
    x = np.full((1, 512, 512, n), 0.1, np.float32)
    y, _ = options(global_avg_pool2d={}).forward({}, x, evaluation)  # 0.09975 once, with n = 2
    np.testing.assert_array_equal(y, np.float32(0.1))


@pytest.mark.parametrize("layer", [options(layer_norm={}), options(group_norm={"groups": 1})])
def test_nothing_is_left_of_a_constant_sample(training, layer):
    x = np.full((3, 32, 32, 4), 254.7, np.float32)
    y, _ = layer.forward(parameters(layer, x.shape[:-1]), x, training)  # 0.92 once
    np.testing.assert_array_equal(y, 0)


@pytest.mark.parametrize("kind", ["spread", "shifted"])
def test_the_variance_of_a_batch_of_large_maps(training, kind):
    layer = options(batch_norm={"momentum": 0.0})
    x = drawn(kind, (2, 512, 512, 2))
    found = results(layer, parameters(layer, x.shape[:-1]), x, x, training)["variance"]
    m = x[0].size
    exact = x.reshape(2, -1).var(axis=1, dtype=np.float64) * (m / (m - 1))
    np.testing.assert_allclose(found[:, 0], exact, rtol=4 * U)  # 1.5e-4 off once, with 8 samples


def test_the_slope_of_a_prelu_and_the_gradients_of_a_layer_norm_over_many_samples(training):
    layer, x = options(prelu={"shared": True}), np.full((1, 9, 9, 5000), -1.0, np.float32)
    grads = results(layer, parameters(layer, x.shape[:-1]), x, np.full_like(x, 0.1), training)
    assert grads["slope"] == pytest.approx(-x.size * float(np.float32(0.1)), rel=2 * U)


@pytest.mark.parametrize("value", [0.1, 254.7, 1 / 3])
@pytest.mark.parametrize("size", [9, 199])
def test_the_mean_of_a_large_window(evaluation, size, value):
    x = np.full((1, 200, 200, 1), value, np.float32)
    y, _ = options(avg_pool2d={"size": size, "stride": 1}).forward({}, x, evaluation)
    np.testing.assert_allclose(y, np.float32(value), rtol=3 * U)
