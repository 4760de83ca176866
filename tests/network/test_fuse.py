"""Pairs in one pass: the bits of the separate functions, and only where nothing else can tell."""

import numpy as np
import pytest

from cnntrain.layers.activations import Relu, Tanh
from cnntrain.layers.batch_norm import BatchNorm
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.joining import Add
from cnntrain.layers.pooling import MaxPool2d
from cnntrain.layers.shaping import Flatten
from cnntrain.native import NUMPY, available, using, why_not
from cnntrain.native.engine import native
from cnntrain.network.fuse import fast, fused, inside
from cnntrain.network.graph import Item
from cnntrain.network.network import Network, Pass, by_numpy

ENGINES = [NUMPY, *(native(isa) for isa in available())]
CONV = Conv2d(filters=3, kernel=3, padding="same")
WINOGRAD = Conv2d(filters=3, kernel=3, padding="same", algorithm="winograd")
FOURIER = Conv2d(filters=3, kernel=5, padding="same", algorithm="fourier")


def residual(behind):
    """Two branches with batch norm, added; the second one is longer."""
    items = [
        Item(layer=CONV, name="start"),
        Item(layer=BatchNorm(), name="short"),
        Item(layer=CONV, name="long", source="start"),
        Item(layer=BatchNorm()),
        Item(layer=Relu()),
        Item(layer=CONV),
        Item(layer=BatchNorm(), name="longer"),
        Item(layer=Add(), source=("longer", "short")),
        Item(layer=behind),
        Item(layer=Flatten()),
        Item(layer=Dense(units=4)),
    ]
    return Network.build(items, (2, 5, 5))


@pytest.fixture(scope="module")
def networks(network_of):
    behind = (Flatten(), Dense(units=4))
    return {
        "conv": network_of((2, 5, 5), CONV, Relu(), *behind),
        "without b": network_of((2, 5, 5), Conv2d(filters=3, kernel=2, bias=False), Relu()),
        "strided groups": network_of((2, 5, 5), Conv2d(filters=4, kernel=2, stride=2, groups=2),
                                     Relu(), CONV, Relu(), *behind),
        "pool": network_of((2, 6, 6), CONV, MaxPool2d(size=2), Relu(), CONV, MaxPool2d(size=3)),
        "strided pool": network_of((4, 9, 9), Conv2d(filters=6, kernel=3, stride=2, groups=2),
                                   MaxPool2d(size=2), Flatten()),
        "winograd": network_of((2, 5, 6), WINOGRAD, Relu(), *behind),
        "winograd pool": network_of((2, 6, 8), WINOGRAD, MaxPool2d(size=2), Relu()),
        "fourier": network_of((2, 5, 6), FOURIER, Relu(), *behind),
        "fourier pool": network_of((2, 6, 10), FOURIER, MaxPool2d(size=2), Relu()),
        "large tiles pool": network_of((32, 8, 10), WINOGRAD, MaxPool2d(size=2), Relu()),
        "norm": network_of((2, 5, 5), CONV, BatchNorm(), Relu(), *behind),
        "residual": residual(Relu()),
        "residual without ReLU": residual(Flatten()),
        "norm of units": network_of((6,), Dense(units=5), BatchNorm(), Relu(), Dense(units=3)),
    }  # fmt: skip


def results(network, dtype, n, training):
    """Outputs, new running statistics and all gradients, with infinities and NaN among them."""
    rng = np.random.default_rng(n)
    params = network.init(0, dtype)
    for name, array in params.items():
        if name.endswith(("beta", "b")):
            array += rng.standard_normal(array.shape).astype(dtype)
    x = rng.standard_normal((*network.in_shape, n)).astype(dtype)
    z, caches = network.forward(params, x, Pass(training=training))
    buffers = network.buffers(params, caches)
    delta = rng.standard_normal(z.shape).astype(dtype)
    delta.flat[::7] = 0.0
    dx, grads = network.backward(params, caches, delta, need_dx=True)
    return {"z": z, "dx": dx} | buffers | grads


@pytest.mark.parametrize("engine", ENGINES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_fused_equals_separate_bit_for_bit(networks, engine, dtype, training):
    for name, network in networks.items():
        other = fused(network)
        assert sorted(node.name for node in other.nodes) == sorted(n.name for n in network.nodes)
        assert other.params == network.params
        assert other.nodes != network.nodes, name
        for n in (1, 5, 33):
            with using(engine):
                expected = results(network, np.dtype(dtype), n, training)
                found = results(other, np.dtype(dtype), n, training)
            assert found.keys() == expected.keys()
            for key, array in expected.items():
                assert found[key].tobytes() == array.tobytes(), (name, n, key)


def test_a_convolution_counts_the_outputs_that_are_pooled(network_of):
    network = network_of((2, 6, 6), CONV, MaxPool2d(size=2))
    alone, together = network.nodes[0], fused(network).nodes[0]
    assert together.out_shape != alone.out_shape
    assert together.layer.flops(together.in_shape) == alone.layer.flops(alone.in_shape)


def test_only_pairs_that_nobody_else_reads_are_fused(network_of):
    shared = network_of((2, 5, 5), CONV, Tanh(), Relu())
    assert fused(shared) == shared
    assert fused(network_of((3,), Relu())).nodes == network_of((3,), Relu()).nodes


@pytest.mark.skipif(why_not() is not None, reason="no compiled kernels here")
def test_the_compiled_engine_fuses_and_numpy_does_not(networks):
    network = networks["norm"]
    with using(native()):
        assert inside(network) == {"relu1": "batch_norm1"}
        assert inside(networks["residual"]) == {
            "add1": "longer", "relu1": "batch_norm1", "relu2": "longer"
        }  # fmt: skip
        assert fast(network) == fused(network)
        for each in networks.values():
            assert by_numpy(fast(each)) == by_numpy(each) == ()
    with using(NUMPY):
        assert inside(network) == {}
        assert fast(network) == network
