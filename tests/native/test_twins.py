"""Every pair of a NumPy function and its compiled twin, found by running what uses them.

The small examples of all layers and losses, and some batches, are run under the NumPy engine while
every call of a function with a twin is noted; each call is then made again under every instruction
set.
"""

import copy
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data.normalize import Normalizer
from cnntrain.diagnostics.gradcheck import example_input
from cnntrain.layers import Layer
from cnntrain.layers.activations import Relu
from cnntrain.layers.batch_norm import BatchNorm
from cnntrain.layers.conv2d import Conv2d, conv2d_da, conv2d_dW, conv2d_forward
from cnntrain.layers.dense import dense_backward, dense_forward
from cnntrain.layers.joining import Add
from cnntrain.layers.pooling import (
    MaxPool2d,
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from cnntrain.losses import Loss
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.metrics import sums
from cnntrain.native import NUMPY, TWINS, available
from cnntrain.native.engine import native, using
from cnntrain.network.fuse import fused
from cnntrain.network.graph import Item
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import LossTerm, Objective, loss_and_delta
from cnntrain.ops.windows import Axis

OPAQUE = {
    "max_pool2d_forward",
    "max_pool2d_backward",
    "conv2d_pool_forward",
    "pool_forward",
}  # the engines note winners differently
IN_PLACE = {"add_to"}  # they change their first argument
CANCELS = {"sample_norm_dx"}  # of two channels 1 and -1 in x̂, nothing is left but rounding
FORMS = (("direct", 3), ("winograd", 3), ("winograd", 5), ("fourier", 5))  # of convolutions
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-11}


# --- the calls -------------------------------------------------------------------------------


def run_layers(dtype):
    rng = np.random.default_rng(0)
    for kind in Layer.kinds.values():
        for example in kind.examples():
            for n in (1, 5, 20):
                run_layer(example, n, dtype, rng)


def run_layer(example, n, dtype, rng):
    layer, drawn = example.layer, example_input(replace(example, batch=n), rng)
    x = tuple(a.astype(dtype) for a in drawn) if layer.joins else drawn.astype(dtype)
    params = {
        letter: np.asarray(param.init.draw(param.shape, param.fan_in, param.fan_out, rng), dtype)
        for letter, param in layer.params(example.in_shape).items()
    }
    y, cache = layer.forward(params, x, Pass(training=True).context(0))
    layer.buffers(params, cache)
    layer.backward(params, cache, rng.standard_normal(y.shape).astype(dtype))


def run_losses(dtype):
    rng = np.random.default_rng(1)
    for kind in Loss.kinds.values():
        for loss, out_shape, target_shape in kind.examples():
            z = 3 * rng.standard_normal((*out_shape, 19)).astype(dtype)
            if target_shape is None:
                loss.forward(z, rng.integers(0, out_shape[0], 19))
            else:
                loss.forward(z, rng.random((*target_shape, 19)).astype(dtype))
    objective = Objective((LossTerm(loss=CrossEntropy(), weight=0.5),))
    loss_and_delta(objective, z, {}, rng.random(z.shape).astype(dtype), m=3)


def run_batches(dtype):
    rng = np.random.default_rng(2)
    stored = rng.standard_normal((9, 3, 5, 7)).astype(dtype)
    normalizer = Normalizer(rng.random((3, 1, 1)), 1 + rng.random((3, 1, 1)))
    for n in (1, 5, 20):
        normalizer.gather(stored, rng.integers(0, 9, n), np.dtype(dtype))


def run_fused(dtype):
    """What the graph pass makes of pairs of layers."""
    rng = np.random.default_rng(4)
    for algorithm, kernel in FORMS:
        conv = Conv2d(filters=3, kernel=kernel, padding="same", algorithm=algorithm)
        run_pairs(conv, dtype, rng)


def run_branches(dtype):
    """Two layers that read the same maps, so that their gradients are added up."""
    rng = np.random.default_rng(5)
    conv = Conv2d(filters=2, kernel=3, padding="same")
    items = [
        Item(layer=conv, name="in"), Item(layer=conv), Item(layer=conv, name="out"),
        Item(layer=Add(), source=("in", "out")),
    ]  # fmt: skip
    network = Network.build(items, (2, 6, 6))
    params = network.init(0, np.dtype(dtype))
    x = rng.standard_normal((*network.in_shape, 5)).astype(dtype)
    z, caches = network.forward(params, x, Pass(training=True))
    network.backward(params, caches, rng.standard_normal(z.shape).astype(dtype))


def run_pairs(conv, dtype, rng):
    items = [Item(layer=layer) for layer in (conv, MaxPool2d(size=2), conv, BatchNorm(), Relu())]
    items[2:2] = [Item(layer=Relu())]
    network = fused(Network.build([*items, Item(layer=conv), Item(layer=Relu())], (2, 6, 6)))
    params = network.init(0, np.dtype(dtype))
    for n in (1, 5, 20):
        x = rng.standard_normal((*network.in_shape, n)).astype(dtype)
        z, caches = network.forward(params, x, Pass(training=True))
        network.backward(params, caches, rng.standard_normal(z.shape).astype(dtype))


def run_metrics(dtype):
    rng = np.random.default_rng(3)
    for n in (1, 5, 40):
        z = rng.integers(-4, 5, (7, n)).astype(dtype)  # with equals
        sums.winners(np.where(rng.random(z.shape) < 0.05, np.nan, z).astype(dtype))
        sums.error_sums(z, rng.standard_normal(z.shape))


@contextmanager
def recorded_calls():
    """[(name, arguments)] of every call, from now on, that the native engine would take over."""
    noted = []

    def noting(name, twin):
        def run(*args, **kwargs):
            if twin.takes(*args, **kwargs):
                noted.append((name, copy.deepcopy(args), kwargs))
            return twin.numpy(*args, **kwargs)

        return run

    places = [
        (owner, attribute, name)
        for name, twin in TWINS.items()
        for owner, attribute in owners(twin)
    ]
    with pytest.MonkeyPatch.context() as patch, using(NUMPY):
        for owner, attribute, name in places:
            patch.setattr(owner, attribute, noting(name, TWINS[name]))
        yield noted


@pytest.fixture(scope="module")
def calls():
    """[(name, arguments)] of every function with a twin."""
    with recorded_calls() as noted:
        for dtype in (np.float32, np.float64):
            run_layers(dtype)
            run_losses(dtype)
            run_batches(dtype)
            run_metrics(dtype)
            run_fused(dtype)
            run_branches(dtype)
    return noted


def owners(twin):
    """(module or class, attribute): every place in which the pair can be called."""
    for module in [m for name, m in sys.modules.items() if name.startswith("cnntrain.")]:
        for holder in (module, *(v for v in vars(module).values() if isinstance(v, type))):
            for attribute, value in list(vars(holder).items()):
                if getattr(value, "__wrapped__", None) is twin.numpy:
                    yield holder, attribute


def test_every_pair_is_called(calls):
    assert {name for name, _, _ in calls} == TWINS.keys()


def test_a_layer_knows_whether_its_options_leave_it_to_numpy():
    for kind in Layer.kinds.values():
        for example in kind.examples():
            with recorded_calls() as noted:
                run_layer(example, 2, np.float32, np.random.default_rng(0))
            if getattr(example.layer, "rate", 1) != 0:  # else there is nothing to do
                assert bool(noted) == example.layer.has_twin(), example


# --- the contract ----------------------------------------------------------------------------


def arrays_of(result):
    """All arrays and numbers of a nested result."""
    if isinstance(result, tuple | list):
        for part in result:
            yield from arrays_of(part)
    elif result is not None:
        yield np.asarray(result)


def lock(arguments):
    for array in arrays_of([a for a in arguments if isinstance(a, np.ndarray)]):
        array.setflags(write=False)
    return arguments


def close(found, expected, precision, what):
    for left, right in zip(arrays_of(found), arrays_of(expected), strict=True):
        assert left.shape == right.shape, what
        assert left.dtype == right.dtype, what
        least = 1.0 if what.rpartition(".")[2] in CANCELS else 1e-3
        scale = max(least, float(np.abs(right).max(initial=0)))
        atol = scale * TOLERANCE[precision]
        np.testing.assert_allclose(left, right, rtol=0, atol=atol, err_msg=what)


def test_twins_agree_and_leave_their_arguments_alone(calls):
    for name, args, kwargs in calls:
        short = name.rpartition(".")[2]
        may_write = kwargs.get("in_place") or any(getattr(a, "is_own", False) for a in args)
        given = copy.deepcopy(args) if short in IN_PLACE or may_write else lock(args)
        if short in OPAQUE:
            continue
        expected = TWINS[name].numpy(*copy.deepcopy(args), **kwargs)
        with using(native()):
            found = TWINS[name].native(*given, **kwargs)
        close(found, expected, next(a.dtype for a in arrays_of(args) if a.dtype in TOLERANCE), name)


def test_every_instruction_set_gives_the_same_bits(calls):
    for name, args, kwargs in calls:
        if name.endswith("max_pool2d_backward"):
            continue  # of winners that only NumPy understands; see below
        results = []
        for isa in available():
            with using(native(isa)):
                results.append(TWINS[name].native(*copy.deepcopy(args), **kwargs))
        for other in results[1:]:
            for left, right in zip(arrays_of(results[0]), arrays_of(other), strict=True):
                np.testing.assert_array_equal(left, right, err_msg=name)


# --- any geometry ----------------------------------------------------------------------------


@st.composite
def axes(draw, max_stride=3, max_dilation=2, pad=3):
    size = draw(st.integers(1, 5))
    stride, dilation = draw(st.integers(1, max_stride)), draw(st.integers(1, max_dilation))
    before, after = draw(st.integers(0, pad)), draw(st.integers(0, pad))
    span = (size - 1) * dilation + 1
    length = draw(st.integers(max(1, span - before - after), 12))
    return Axis(length, size, stride, before, after, dilation)


samples = st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33])


def both(function, *args):
    """(by NumPy in float64, by every instruction set in both precisions), the bits compared."""
    with using(NUMPY):
        exact = function(*args)
    for dtype in (np.float32, np.float64):
        cast = [a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args]
        lock(cast)
        results = []
        for isa in available():
            with using(native(isa)):
                results.append(function(*cast))
        for other in results[1:]:
            for left, right in zip(arrays_of(results[0]), arrays_of(other), strict=True):
                np.testing.assert_array_equal(left, right)
        yield results[0], exact, np.dtype(dtype)


def assert_near(found, exact, dtype):
    for left, right in zip(arrays_of(found), arrays_of(exact), strict=True):
        scale = max(1.0, float(np.abs(right).max(initial=0)))
        np.testing.assert_allclose(left, right, rtol=0, atol=scale * TOLERANCE[dtype])


@given(axes(), axes(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 11), samples)
def test_convolutions(vertical, horizontal, groups, c, f, n):
    rng = np.random.default_rng([c, f, n])
    a = rng.standard_normal((groups * c, vertical.length, horizontal.length, n))
    W = rng.standard_normal((groups * f, c, vertical.size, horizontal.size))
    b = rng.standard_normal((groups * f, 1))
    delta = rng.standard_normal((groups * f, vertical.out, horizontal.out, n))
    windows = (vertical, horizontal, groups)
    for found in both(conv2d_forward, a, W, b, *windows):
        assert_near(*found)
    for found in both(conv2d_dW, delta, a, W.shape, *windows):
        assert_near(*found)
    for found in both(conv2d_da, delta, W, *windows):
        assert_near(*found)


@given(st.integers(1, 40), st.integers(1, 300), samples)
def test_dense_layers(k, j, n):
    rng = np.random.default_rng([k, j, n])
    W, a, b = (rng.standard_normal(shape) for shape in ((k, j), (j, n), (k, 1)))
    for found in both(dense_forward, a, W, b):
        assert_near(*found)
    for found in both(dense_backward, rng.standard_normal((k, n)), a, W):
        assert_near(*found)


@given(axes(max_dilation=1, pad=0), axes(max_dilation=1, pad=0), st.integers(1, 3), samples)
def test_pooling(vertical, horizontal, c, n):
    rng = np.random.default_rng([c, n])
    x = rng.permutation(c * vertical.length * horizontal.length * n).astype(float)
    x = x.reshape(c, vertical.length, horizontal.length, n) / x.size
    dy = rng.standard_normal((c, vertical.out, horizontal.out, n))

    def there_and_back(x, dy):
        y, winners = max_pool2d_forward(x, vertical, horizontal)
        return y, max_pool2d_backward(dy, winners, vertical, horizontal)

    def average(x, dy, counts):
        windows = (vertical, horizontal, counts)
        return avg_pool2d_forward(x, *windows), avg_pool2d_backward(dy, *windows)

    for found in both(there_and_back, x, dy):
        assert_near(*found)
    counts = np.full((vertical.out, horizontal.out, 1), float(vertical.size * horizontal.size))
    for found in both(average, x, dy, counts):
        assert_near(*found)


@given(axes(), axes(), st.integers(2, 40), st.data())
def test_a_shard_of_a_batch_gives_the_shard_of_its_result(vertical, horizontal, n, data):
    cut = data.draw(st.integers(1, n - 1))
    rng = np.random.default_rng(n)
    a = rng.standard_normal((2, vertical.length, horizontal.length, n)).astype(np.float32)
    W = rng.standard_normal((3, 2, vertical.size, horizontal.size)).astype(np.float32)
    windows = (vertical, horizontal)
    with using(native()):
        z = conv2d_forward(a, W, None, *windows)
        da = conv2d_da(z, W, *windows)
        for part in (slice(cut), slice(cut, n)):
            own = np.ascontiguousarray(z[..., part])
            shard = conv2d_forward(np.ascontiguousarray(a[..., part]), W, None, *windows)
            np.testing.assert_array_equal(shard, own)
            np.testing.assert_array_equal(conv2d_da(own, W, *windows), da[..., part])


# --- hostile shapes --------------------------------------------------------------------------


def test_shapes_that_do_not_fit_never_reach_a_kernel():
    axis = Axis(4, 3)
    image, W = np.zeros((2, 4, 4, 3)), np.zeros((5, 2, 3, 3))
    with using(native()):
        for a, weights, windows in (
            (image, W[:, :1], (axis, axis)),
            (image[:, :3], W, (axis, axis)),
            (image, W, (axis, Axis(5, 3))),
            (image, W, (axis, Axis(4, 2))),
        ):
            with pytest.raises(ValueError, match="do not fit"):
                conv2d_forward(a, weights, None, *windows)
        with pytest.raises(ValueError, match="do not fit"):
            dense_forward(np.zeros((3, 2)), np.zeros((4, 5)), None)
        with pytest.raises(ValueError, match="needed"):
            max_pool2d_forward(image, axis, Axis(5, 3))
        with pytest.raises(TypeError, match="numbers of 4 bytes"):
            native().kernels["d"]["relu"](np.zeros(2), np.zeros(2, np.float32), 2, 1.0, 1.0)
