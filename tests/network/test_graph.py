"""Graphs: connections, gradients through every branch, and messages that name both ends."""

import numpy as np
import pytest

from cnntrain.config.read import plan_from_tree, plan_to_tree, read_config
from cnntrain.diagnostics.differences import DEFAULT_TOLERANCE
from cnntrain.diagnostics.gradcheck import check_network
from cnntrain.errors import ConfigError, ShapeError
from cnntrain.layers.activations import Relu
from cnntrain.layers.dense import Dense
from cnntrain.layers.joining import Add
from cnntrain.network.graph import MOST_LAYERS, Item
from cnntrain.network.network import Network, Pass
from cnntrain.network.objective import Objective, Penalty, forward_backward
from cnntrain.training.experiment import network_for

FLOAT64 = np.dtype(np.float64)


def dense(units, **beside):
    return {"dense": {"units": units, "activation": "tanh"}, **beside}


def conv(filters, **beside):
    return {"conv2d": {"filters": filters, "kernel": 3, "padding": "same"}, **beside}


GRAPHS = {  # (sample shape, network with three classes)
    "skip": (
        (4,),
        [dense(4, name="a"), dense(4, name="b"), {"add": {}, "from": ["a", "b"]}, dense(3)],
    ),
    "from the input": (
        (3,),
        [dense(3, name="a"), dense(3, name="b"), {"add": {}, "from": ["input", "a", "b"]}],
    ),
    "the input itself": ((3,), [dense(5), dense(3, name="b"), {"add": {}, "from": ["b", "input"]}]),
    "three consumers": (
        (2,),
        [
            dense(3, name="trunk"),
            dense(2, name="left"),
            dense(4, **{"name": "right", "from": "trunk"}),
            {"concat": {}, "from": ["left", "right", "trunk"]},
            {"dense": {"units": 3}},
        ],
    ),
    "one input twice": ((3,), [dense(3, name="a"), {"add": {}, "from": ["a", "a"]}]),
    "residual blocks": (
        (2, 4, 4),
        [
            conv(3, name="stem"),
            {**conv(3), "name": "one"},
            {"batch_norm": {}},
            {"add": {}, "from": ["batch_norm1", "stem"], "name": "sum"},
            "tanh",
            {"conv2d": {"filters": 4, "kernel": 3, "stride": 2, "padding": 1}, "name": "down"},
            {"conv2d": {"filters": 4, "kernel": 1, "stride": 2}, "from": "tanh1", "name": "short"},
            {"add": {}, "from": ["down", "short"]},
            "global_avg_pool2d",
            {"dense": {"units": 3}},
        ],
    ),
    "inception": (
        (2, 4, 3),
        [
            conv(2, **{"from": "input", "name": "a"}),
            {"conv2d": {"filters": 1, "kernel": 1}, "from": "input", "name": "b"},
            {"avg_pool2d": {"size": 3, "stride": 1, "padding": 1}, "from": "input", "name": "c"},
            {"concat": {}, "from": ["a", "b", "c"]},
            "flatten",
            {"dense": {"units": 3}},
        ],
    ),
}
every_graph = pytest.mark.parametrize("name", GRAPHS)


@pytest.fixture
def plan_of(small_tree):
    return lambda network, **sections: plan_from_tree(small_tree(network=network, **sections))


@pytest.fixture
def graph(plan_of):
    """``graph(network, in_shape, loss)``: (network, objective)."""

    def laid_out(network, in_shape=(4,), loss="cross_entropy"):
        plan = plan_of(network, loss=loss)
        return network_for(plan, in_shape), Objective(plan.loss)

    return laid_out


def assert_gradients(network, objective):
    params = network.init(1, FLOAT64)
    verdicts = list(check_network(network, objective, params, Penalty(), 0, DEFAULT_TOLERANCE))
    learned = [name for name, param in network.params.items() if not param.is_buffer]
    assert [verdict.name for verdict in verdicts] == ["input", *learned]
    for verdict in verdicts:
        assert verdict.ok, verdict


@every_graph
def test_gradients_reach_every_branch(graph, name):
    in_shape, items = GRAPHS[name]
    assert_gradients(*graph(items, in_shape))


@every_graph
def test_a_graph_survives_a_round_trip(plan_of, name):
    plan = plan_of(GRAPHS[name][1])
    assert plan_from_tree(plan_to_tree(plan)) == plan


@every_graph
def test_the_trace_equals_the_forward_pass(graph, name):
    in_shape, items = GRAPHS[name]
    network, _ = graph(items, in_shape)
    params = network.init(0, FLOAT64)
    x = np.random.default_rng(0).standard_normal((*in_shape, 3))
    outputs = {node.name: y for node, y in network.trace(params, x, Pass())}
    assert list(outputs) == [node.name for node in network.nodes]
    z, _ = network.forward(params, x, Pass())
    np.testing.assert_array_equal(outputs[network.nodes[-1].name], z)


def test_a_skip_connection_by_hand(graph):
    """y = tanh(W₂ a + b₂) + a with a = tanh(W₁ x + b₁)."""
    items = [dense(2, name="a"), dense(2, name="b"), {"add": {}, "from": ["a", "b"]}]
    network, _ = graph(items, in_shape=(2,))
    params = network.init(0, FLOAT64)
    x = np.array([[0.3], [-0.7]])
    a = np.tanh(params["a.W"] @ x + params["a.b"])
    y = np.tanh(params["b.W"] @ a + params["b.b"]) + a
    np.testing.assert_allclose(network.forward(params, x, Pass())[0], y, rtol=1e-14)


def test_a_given_name_refers_to_the_layer_with_its_activation(graph):
    network, _ = graph([dense(3, name="a"), {"add": {}, "from": ["a", "a"]}])
    assert network.nodes[-1].inputs == (1, 1)
    assert network.nodes[1].layer.kind == "tanh"


def test_a_generated_name_refers_to_the_layer_without_its_activation(graph):
    """``dense1`` and ``tanh1`` are two names, so each can be read."""
    network, _ = graph([dense(3), {"add": {}, "from": ["dense1", "tanh1"]}])
    assert network.nodes[-1].inputs == (0, 1)


def test_a_joining_layer_without_from_has_too_few_inputs(graph):
    with pytest.raises(ShapeError, match=r"add1 \(after tanh1\): needs two or more inputs of"):
        graph([dense(3), "add"])


BAD = [  # network, message, path
    (
        [dense(3, name="trunk"), {"add": {}, "from": ["trunk", "trunc"]}],
        "add1 reads 'trunc', but no layer has that name; did you mean 'trunk'?",
        ("network", 1, "from"),
    ),
    (
        [dense(3, name="a"), dense(3, **{"from": "b"}), dense(3, name="b")],
        "dense1 reads 'b', which is not before it; read only earlier layers",
        ("network", 1, "from"),
    ),
    (
        [dense(3, **{"name": "a", "from": "a"})],
        "a reads 'a', which is not before it; read only earlier layers",
        ("network", 0, "from"),
    ),
    (
        [dense(3, name="a"), dense(5, name="side"), dense(3, **{"name": "end", "from": "a"})],
        "tanh2: nothing reads its output, and it is not the last layer (tanh3); "
        "name it in a 'from' or remove it",
        ("network", 1),
    ),
    (
        [dense(3), {"dense": {"units": 3}, "from": "input"}],
        "tanh1: nothing reads its output, and it is not the last layer (dense2); "
        "name it in a 'from' or remove it",
        ("network", 0),
    ),
    (
        [dense(3, name="a"), dense(2, name="b"), {"add": {}, "from": ["a", "b"]}],
        "add1 (after tanh1 and tanh2): needs two or more inputs of the same shape, but got "
        "(3,) and (2,)",
        ("network", 2),
    ),
    (
        [dense(3, name="a"), {"dense": {"units": 3}, "from": ["a", "input"]}],
        "dense1 reads tanh1 and input, but dense takes one input",
        ("network", 1, "from"),
    ),
    (
        [dense(3, name="a"), dense(3, name="a")],
        "two layers are named 'a'; names must be unique",
        ("network", 1, "name"),
    ),
]


@pytest.mark.parametrize(("network", "message", "path"), BAD, ids=lambda case: str(case)[:40])
def test_mistakes_name_both_ends(graph, network, message, path):
    with pytest.raises(ShapeError) as caught:
        graph(network)
    assert str(caught.value) == message
    assert caught.value.path == path


def test_maps_of_different_size_cannot_be_joined(graph):
    items = [
        conv(2, name="a"),
        {"max_pool2d": {"size": 2}},
        {"concat": {}, "from": ["a", "max_pool1"]},
    ]
    with pytest.raises(ShapeError) as caught:
        graph(items, in_shape=(1, 4, 4))
    assert str(caught.value) == (
        "concat1 (after a and max_pool1): needs two or more inputs that differ only in their "
        "channels, but got (2, 4, 4) and (2, 2, 2)"
    )


def test_a_mistake_is_reported_with_its_position(tmp_path):
    path = tmp_path / "graph.yaml"
    path.write_text(
        "data: {source: synthetic, problem: xor}\n"
        "network:\n"
        "  - dense: {units: 2}\n"
        "    name: a\n"
        "  - add:\n"
        "    from: [a, b]\n"
        "loss: cross_entropy\n"
    )
    config = read_config(path)
    with pytest.raises(ShapeError) as caught:
        network_for(config.plan, (2,))
    assert str(config.located(caught.value)) == (
        f"{path}:6:5: network[1].from: add1 reads 'b', but no layer has that name; "
        "known: a, input\n"
        "    6 |     from: [a, b]\n"
        "      |     ^"
    )


# --- several losses --------------------------------------------------------------------------

TRUNK = dense(4, name="trunk")
AUX = {"dense": {"units": 3}, "name": "aux", "from": "trunk"}
MAIN = [dense(5, **{"from": "trunk"}), {"dense": {"units": 3}, "name": "main"}]
DEEP = [TRUNK, AUX, *MAIN]
WEIGHTED = [{"cross_entropy": {}}, {"squared_error": {}, "output": "aux", "weight": 0.3}]


def test_gradients_of_several_losses(graph):
    assert_gradients(*graph(DEEP, (4,), WEIGHTED))


def test_two_losses_on_outputs_with_other_readers(graph):
    loss = [
        "cross_entropy",
        {"cross_entropy": {"label_smoothing": 0.1}, "output": "trunk", "weight": 2.0},
        {"huber": {}, "output": "aux"},
    ]
    items = [TRUNK, dense(4, name="aux"), {"add": {}, "from": ["aux", "trunk"]}]
    assert_gradients(*graph(items, (4,), loss))


def test_several_losses_are_their_weighted_sum(graph):
    network, objective = graph(DEEP, (4,), WEIGHTED)
    params = network.init(0, FLOAT64)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 6)), rng.integers(0, 3, 6)

    def alone(items, loss):
        part, own = graph(items, (4,), loss)
        return forward_backward(part, own, params, x, y, Pass())

    both = forward_backward(network, objective, params, x, y, Pass())
    main = alone([TRUNK, *MAIN], "cross_entropy")
    aux = alone([TRUNK, AUX], "squared_error")
    assert both.loss == pytest.approx(main.loss + 0.3 * aux.loss, rel=1e-13)
    np.testing.assert_array_equal(both.z, main.z)
    assert both.grads.keys() == main.grads.keys() | aux.grads.keys()
    for name, grad in both.grads.items():
        expected = main.grads.get(name, 0) + 0.3 * aux.grads.get(name, 0)
        np.testing.assert_allclose(grad, expected, rtol=1e-12, atol=1e-14)


def test_the_order_of_heads_is_that_of_the_losses(graph):
    """Terms are matched with the outputs they name, in any order."""
    items = [dense(3, name="one"), dense(3, name="two"), {"dense": {"units": 3}}]
    terms = [
        {"squared_error": {}, "output": "two", "weight": 7.0},
        "cross_entropy",
        {"absolute_error": {}, "output": "one", "weight": 0.1},
    ]
    network, objective = graph(items, (4,), terms)
    swapped_network, swapped = graph(items, (4,), terms[::-1])
    params = network.init(0, FLOAT64)
    x, y = np.random.default_rng(0).standard_normal((4, 6)), np.arange(6) % 3
    first = forward_backward(network, objective, params, x, y, Pass())
    second = forward_backward(swapped_network, swapped, params, x, y, Pass())
    assert first.loss == pytest.approx(second.loss, rel=1e-13)
    for name, grad in first.grads.items():
        np.testing.assert_allclose(grad, second.grads[name], rtol=1e-12, atol=1e-14)


def test_several_losses_survive_a_round_trip(plan_of):
    plan = plan_of(DEEP, loss=WEIGHTED)
    assert plan_from_tree(plan_to_tree(plan)) == plan


def test_a_network_with_heads_trains(experiment_of, train_events):
    items = [{"dense": {"units": 2}, "name": "aux"}, "tanh", {"dense": {"units": 2}}]
    loss = ["cross_entropy", {"cross_entropy": {}, "output": "aux", "weight": 0.5}]
    experiment = experiment_of(network=items, loss=loss, train={"epochs": 30})
    *_, end = train_events(experiment)
    first = next(iter(train_events(experiment)))
    assert end.metrics["train/loss"] < first.metrics["loss"]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (["cross_entropy", {"huber": {}, "output": "au"}],
         "no layer is named 'au'; did you mean 'aux'?"),
        ([{"cross_entropy": {}, "output": "aux"}],
         "exactly one loss must omit 'output'; found 0"),
        (["cross_entropy", "huber"], "exactly one loss must omit 'output'; found 2"),
    ],
)  # fmt: skip
def test_mistakes_in_the_outputs_of_losses(graph, loss, message):
    with pytest.raises(ConfigError) as caught:
        graph(DEEP, (4,), loss)
    assert str(caught.value) == message


def test_a_head_must_match_its_loss(experiment_of):
    items = [{"dense": {"units": 3}, "name": "aux"}, "softmax", {"dense": {"units": 2}}]
    loss = ["cross_entropy", {"cross_entropy": {}, "output": "softmax1"}]
    with pytest.raises(ShapeError) as caught:
        experiment_of(network=items, loss=loss)
    assert caught.value.path == ("network", 1)
    assert "contains the softmax" in str(caught.value)


def test_adding_does_not_write_into_its_inputs(evaluation):
    x = tuple(np.full((2, 3), float(k)) for k in range(4))
    y, _ = Add().forward({}, x, evaluation)
    assert (y == 6).all()
    assert [array[0, 0] for array in x] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("output", "'output' is the last layer; omit 'output'"),
        ("input", "no layer is named 'input'"),
    ],
)
def test_a_head_is_a_layer_inside_the_network(head, message):
    items = [Item(layer=Dense(units=2)), Item(layer=Dense(units=2), name="output")]
    with pytest.raises(ShapeError, match=message) as caught:
        Network.build(items, (3,), [head])
    assert caught.value.path == ("loss",)


def test_an_output_has_at_most_one_loss():
    items = [Item(layer=Dense(units=2), name="aux"), Item(layer=Dense(units=2))]
    with pytest.raises(ShapeError, match="two losses on the same output"):
        Network.build(items, (3,), ["aux", "aux"])


def test_the_name_of_the_input_is_reserved():
    with pytest.raises(ShapeError, match="'input' is the name of the network's input"):
        Network.build([Item(layer=Dense(units=2), name="input")], (3,))


def test_the_number_of_layers_is_limited():
    def build(count):
        return Network.build([Item(layer=Relu(), activation=Relu())] * (count // 2), (2,))

    assert len(build(MOST_LAYERS).nodes) == MOST_LAYERS
    with pytest.raises(ShapeError) as caught:
        build(MOST_LAYERS + 2)
    assert str(caught.value) == "3,002 layers; a network may have up to 3,000"
    assert caught.value.path == ("network",)
