"""The order in which a network is trained gives results identical to the order in the config."""

from dataclasses import fields, replace

import numpy as np
import pytest

from cnntrain.config.read import plan_from_tree
from cnntrain.layers import Layer
from cnntrain.network.graph import Node
from cnntrain.network.network import Pass
from cnntrain.network.objective import Objective, forward_backward
from cnntrain.network.reorder import moved, reordered
from cnntrain.training.experiment import network_for

IN_SHAPE, BATCH = (2, 8, 9), 5
END = ["flatten", {"dense": {"units": 3}}]


def conv(**beside):
    return {"conv2d": {"filters": 3, "kernel": 3, "padding": "same"}, **beside}


def pool(**options):
    return {"max_pool2d": {"size": 2, **options}}


MOVED = {  # (layers, layers that are exchanged)
    "pairs": ([conv(), "relu", pool(), *END], {"relu1": "max_pool1"}),
    "overlapping windows": (
        [conv(), "relu", pool(size=3, stride=2), *END],
        {"relu1": "max_pool1"},
    ),
    "padding": ([conv(), "relu", pool(size=3, stride=2, padding=1), *END], {"relu1": "max_pool1"}),
    "window over edge": (
        [conv(), "relu", pool(size=3, ceil=True), *END],
        {"relu1": "max_pool1"},
    ),
    "gaps": ([conv(), "relu", pool(size=2, stride=3), *END], {"relu1": "max_pool1"}),
    "relu6": ([conv(), "relu6", pool(), *END], {"relu61": "max_pool1"}),
    "global": ([conv(), "relu", "global_max_pool2d", END[1]], {"relu1": "global_max_pool1"}),
    "batch_norm": ([conv(), "batch_norm", "relu", pool(), *END], {"relu1": "max_pool1"}),
    "two in a row": ([conv(), "relu", pool(), pool(), *END], {"relu1": "max_pool1"}),
    "a branch": (
        [
            conv(name="a"),
            "relu",
            {**conv(name="b"), "from": "a"},
            {**pool(), "from": "relu1", "name": "left"},
            {**pool(), "from": "b", "name": "right"},
            {"add": {}, "from": ["left", "right"]},
            *END,
        ],
        {"relu1": "left"},
    ),
    "dropout keeps its numbers": (
        [conv(), "relu", pool(), {"dropout": {"rate": 0.5}}, *END],
        {"relu1": "max_pool1"},
    ),
    "the mean is no maximum": ([conv(), "relu", {"avg_pool2d": {"size": 2}}, *END], {}),
    "rounding may make ties": ([conv(), "leaky_relu", pool(), *END], {}),
    "two readers": (
        [conv(), "relu", pool(stride=1, size=1), {"add": {}, "from": ["relu1", "max_pool1"]}, *END],
        {},
    ),
}


def network(layers, loss="cross_entropy"):
    tree = {"name": "x", "data": {"source": "digits"}, "network": layers, "loss": loss}
    plan = plan_from_tree(tree)
    return network_for(plan, IN_SHAPE), Objective(plan.loss)


@pytest.mark.parametrize(("layers", "expected"), MOVED.values(), ids=MOVED)
@pytest.mark.parametrize("values", ["any", "many ties"])
def test_outputs_and_gradients_are_identical(layers, expected, values):
    written, objective = network(layers)
    assert moved(written) == expected
    rng = np.random.default_rng(0)
    params = written.init(3, np.dtype(np.float32))
    x = rng.standard_normal((*IN_SHAPE, BATCH)).astype(np.float32)
    if values == "many ties":
        params = {name: np.round(2 * W) for name, W in params.items()}
        x = np.round(x)
    y = rng.integers(0, 3, BATCH)
    run = Pass(training=True, seed=4, step=5)
    one, other = (
        forward_backward(n, objective, params, x, y, run, need_dx=True)
        for n in (written, reordered(written))
    )
    assert one.loss == other.loss
    np.testing.assert_array_equal(one.z, other.z)
    np.testing.assert_array_equal(one.dx, other.dx)
    assert one.grads.keys() == other.grads.keys()
    for name, dW in one.grads.items():
        np.testing.assert_array_equal(dW, other.grads[name], err_msg=name)
    assert any(dW.any() for dW in one.grads.values())


def test_an_output_read_by_a_loss_is_not_moved():
    layers = [conv(), {"relu": None, "name": "head"}, pool(), *END]
    losses = [{"squared_error": {}, "output": "head"}, "cross_entropy"]
    written, _ = network(layers, losses)
    assert moved(written) == {}
    assert reordered(written) == written


def test_training_uses_the_cheaper_order(experiment_of):
    experiment = experiment_of(
        data={"source": "digits"},
        network=[conv(), "relu", pool(), *END[:1], {"dense": {"units": 10}}],
    )
    assert [node.name for node in experiment.network.nodes][1:3] == ["relu1", "max_pool1"]
    fast = experiment.fast_network.nodes
    assert [node.name for node in fast][1:3] == ["max_pool1", "relu1"]
    assert fast[2].in_shape == fast[2].out_shape == (3, 4, 4)


def test_only_elementwise_layers_commute_and_only_pooling_takes_the_maximum():
    commuting = {kind for kind, layer in Layer.kinds.items() if layer.commutes_with_max}
    largest = {kind for kind, layer in Layer.kinds.items() if layer.takes_largest}
    assert commuting == {"relu", "relu6", "hard_tanh"}
    assert largest == {"max_pool2d", "global_max_pool2d", "adaptive_max_pool2d"}


def test_the_work_grows_with_the_layers_not_with_their_square():
    """A config of some hundred kilobytes has thousands of them."""
    looks = []

    class Watched(Node):
        def __getattribute__(self, name):
            if name == "inputs":
                looks.append(self)
            return super().__getattribute__(name)

    whole, _ = network(["flatten", *["relu"] * 200, END[1]])
    nodes = [
        Watched(**{field.name: getattr(node, field.name) for field in fields(Node)})
        for node in whole.nodes
    ]
    looks.clear()
    reordered(replace(whole, nodes=tuple(nodes)))
    assert len(looks) <= 2 * len(nodes)
