"""Networks: names, shapes, messages, initial arrays, forward and backward pass."""

import dataclasses

import numpy as np
import pytest

from cnntrain.errors import ShapeError
from cnntrain.layers.activations import Relu, Sigmoid, Tanh
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.dropout import Dropout
from cnntrain.layers.initializers import Constant, Literal, Normal, Uniform
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.layers.shaping import Flatten
from cnntrain.native.engine import native, using
from cnntrain.network.network import Item, Network, Pass, by_numpy, equal_units
from cnntrain.optimizers.sgd import Sgd

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

LENET = [
    Item(layer=Conv2d(filters=6, kernel=5, padding="same"), activation=Relu()),
    Item(layer=MaxPool2d(size=2)),
    Item(layer=Conv2d(filters=16, kernel=5), activation=Relu()),
    Item(layer=MaxPool2d(size=2)),
    Item(layer=Flatten()),
    Item(layer=Dense(units=120), activation=Relu()),
    Item(layer=Dense(units=84), activation=Tanh()),
    Item(layer=Dense(units=10)),
]


@pytest.fixture(scope="module")
def lenet():
    return Network.build(LENET, (1, 28, 28))


def names(items, in_shape=(4,)):
    return [node.name for node in Network.build(items, in_shape).nodes]


# --- names and shapes ------------------------------------------------------------------------


def test_names_are_kinds_with_counters(lenet):
    assert [node.name for node in lenet.nodes] == [
        *("conv1", "relu1", "max_pool1", "conv2", "relu2", "max_pool2", "flatten1"),
        *("dense1", "relu3", "dense2", "tanh1", "dense3"),
    ]


def test_every_node_knows_its_item(lenet):
    assert [node.item for node in lenet.nodes] == [0, 0, 1, 2, 2, 3, 4, 5, 5, 6, 6, 7]


def test_a_given_name_belongs_to_the_layer_not_to_its_activation():
    items = [
        Item(layer=Dense(units=2), name="hidden", activation=Relu()),
        Item(layer=Dense(units=1)),
    ]
    assert names(items) == ["hidden", "relu1", "dense1"]


def test_a_generated_name_never_collides_with_a_given_one():
    items = [Item(layer=Dense(units=2)), Item(layer=Dense(units=2), name="dense1")]
    assert names(items) == ["dense2", "dense1"]


@pytest.mark.parametrize(
    ("items", "message", "path"),
    [
        (
            [Item(layer=Dense(units=2), name="a"), Item(layer=Dense(units=2), name="a")],
            "two layers are named 'a'; names must be unique",
            ("network", 1, "name"),
        ),
        (
            [Item(layer=Dense(units=2), name="my layer")],
            "'my layer' is not a valid name; use letters, digits and _",
            ("network", 0, "name"),
        ),
        (
            [Item(layer=Dense(units=2), name="a.W")],
            "'a.W' is not a valid name; use letters, digits and _",
            ("network", 0, "name"),
        ),
    ],
    ids=["twice", "space", "dot"],
)
def test_invalid_names(items, message, path):
    with pytest.raises(ShapeError) as caught:
        Network.build(items, (4,))
    assert (str(caught.value), caught.value.path) == (message, path)


def test_shapes_of_consecutive_layers(lenet):
    assert [node.out_shape for node in lenet.nodes] == [
        *((6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5)),
        *((400,), (120,), (120,), (84,), (84,), (10,)),
    ]
    assert [node.in_shape for node in lenet.nodes[1:]] == [n.out_shape for n in lenet.nodes[:-1]]
    assert (lenet.in_shape, lenet.out_shape) == ((1, 28, 28), (10,))


def test_parameters_by_their_full_name(lenet):
    assert {name: param.shape for name, param in lenet.params.items()} == {
        "conv1.W": (6, 1, 5, 5),
        "conv1.b": (6, 1),
        "conv2.W": (16, 6, 5, 5),
        "conv2.b": (16, 1),
        "dense1.W": (120, 400),
        "dense1.b": (120, 1),
        "dense2.W": (84, 120),
        "dense2.b": (84, 1),
        "dense3.W": (10, 84),
        "dense3.b": (10, 1),
    }
    assert lenet.parameter_count == 61_706  # the usual number for LeNet-5


def test_counts(network_of):
    network = network_of((3,), Dense(units=4), Relu(), Dense(units=2, bias=False))
    assert network.parameter_count == 4 * 3 + 4 + 2 * 4
    assert network.activation_count == 4 + 4 + 2
    assert network.flops == 2 * 12 + 4 + 2 * 8


def test_a_network_is_immutable(lenet):
    with pytest.raises(dataclasses.FrozenInstanceError):
        lenet.in_shape = (3,)


@pytest.mark.parametrize(
    ("items", "in_shape", "item", "name", "problem"),
    [
        (
            [
                Item(layer=Conv2d(filters=2, kernel=3), activation=Relu()),
                Item(layer=Dense(units=2)),
            ],
            (1, 5, 5),
            1,
            "dense1",
            "needs a vector, but the input is an image of shape (2, 3, 3); put 'flatten' before it",
        ),
        (
            [Item(layer=Flatten()), Item(layer=Conv2d(filters=2, kernel=3), name="edges")],
            (1, 5, 5),
            1,
            "edges",
            "needs an image of shape (C, H, W), but the input is (25,); "
            "it must come before 'flatten'",
        ),
        (
            [Item(layer=MaxPool2d(size=2)), Item(layer=MaxPool2d(size=3))],
            (1, 5, 5),
            1,
            "max_pool2",
            "a window of 3x3 does not fit into the input (1, 2, 2) with padding 0; "
            "use a smaller window, more padding or fewer poolings",
        ),
        (
            [Item(layer=Dense(units=2, init={"V": Constant(value=1.0)}))],
            (3,),
            0,
            "dense1",
            "init: this layer has no array 'V'; known: W, b",
        ),
    ],
    ids=["vector wanted", "image wanted", "too small", "no such array"],
)
def test_a_shape_error_names_the_item_the_layer_and_the_remedy(
    items, in_shape, item, name, problem
):
    with pytest.raises(ShapeError) as caught:
        Network.build(items, in_shape)
    message = str(caught.value)
    assert message.partition(" ")[0].removesuffix(":") == name
    assert message.endswith(problem)
    assert caught.value.path[:2] == ("network", item)


def test_a_literal_of_the_wrong_shape_is_reported_with_its_array(network_of):
    network = network_of(
        (3,), Dense(units=2), Dense(units=2, init={"W": Literal(values=(1, 2, 3))})
    )
    with pytest.raises(ShapeError) as caught:
        network.init(0, FLOAT32)
    assert str(caught.value) == ("dense2.W: literal values have shape (3,); the array has (2, 2)")
    assert caught.value.path[:2] == ("network", 1)


# --- initial arrays --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_initial_arrays_have_the_declared_shapes(lenet, dtype):
    arrays = lenet.init(0, dtype)
    assert list(arrays) == list(lenet.params)
    for name, array in arrays.items():
        assert (array.shape, array.dtype) == (lenet.params[name].shape, dtype)


def test_initial_arrays_are_the_same_in_every_precision(lenet):
    rough, exact = lenet.init(3, FLOAT32), lenet.init(3, FLOAT64)
    for name, array in rough.items():
        np.testing.assert_array_equal(array, exact[name].astype(np.float32))


def test_initial_arrays_depend_on_the_seed(lenet):
    first, again, other = lenet.init(1, FLOAT64), lenet.init(1, FLOAT64), lenet.init(2, FLOAT64)
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert not (first["dense1.W"] == other["dense1.W"]).any()


def test_an_initial_array_depends_only_on_its_own_position(network_of):
    first = network_of((3,), Dense(units=4), Relu(), Dense(units=4), Dense(units=2))
    other = network_of(
        (3,), Dense(units=4, init={"W": Normal()}, bias=False), Tanh(), Dense(units=4)
    )
    np.testing.assert_array_equal(
        first.init(5, FLOAT64)["dense2.W"], other.init(5, FLOAT64)["dense2.W"]
    )


def test_no_two_arrays_have_the_same_values(network_of):
    init = {"W": Uniform(limit=1.0), "b": Uniform(limit=1.0)}
    network = network_of((3,), *(Dense(units=3, init=init) for _ in range(4)))
    drawn = np.concatenate([array.ravel() for array in network.init(0, FLOAT64).values()])
    assert len(np.unique(drawn)) == drawn.size


# --- forward and backward --------------------------------------------------------------------


@pytest.fixture
def small(network_of):
    """(network, params, x): flatten and a relu precede the first layer with parameters."""
    network = network_of((1, 3, 2), Flatten(), Relu(), Dense(units=4), Sigmoid(), Dense(units=2))
    x = np.random.default_rng(0).standard_normal((1, 3, 2, 5))
    return network, network.init(0, FLOAT64), x


def test_forward_is_layer_after_layer(small):
    network, params, x = small
    y, _ = network.forward(params, x, Pass())
    a = np.maximum(x.reshape(6, 5), 0)
    a = 1 / (1 + np.exp(-(params["dense1.W"] @ a + params["dense1.b"])))
    np.testing.assert_allclose(y, params["dense2.W"] @ a + params["dense2.b"], rtol=1e-13)


def test_trace_shows_the_output_of_every_layer(small):
    network, params, x = small
    traced = list(network.trace(params, x, Pass()))
    assert [node.name for node, _ in traced] == [node.name for node in network.nodes]
    assert [y.shape for _, y in traced] == [(*node.out_shape, 5) for node in network.nodes]
    np.testing.assert_array_equal(traced[-1][1], network.forward(params, x, Pass())[0])


def back(small, need_dx):
    network, params, x = small
    y, caches = network.forward(params, x, Pass())
    return network.backward(params, caches, y.copy(), need_dx=need_dx)


def test_the_input_gradient_is_computed_only_on_request(small):
    dx, grads = back(small, need_dx=True)
    none, same = back(small, need_dx=False)
    assert dx.shape == small[2].shape
    assert none is None
    assert grads.keys() == same.keys() == small[0].params.keys()
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, same[name])


def test_backward_skips_what_nothing_reads(small, monkeypatch):
    asked = []
    real = Dense.backward

    def spy(self, params, cache, dy, need_dx=True):
        asked.append(need_dx)
        return real(self, params, cache, dy, need_dx)

    def refuse(*_):
        raise AssertionError("backward ran for a layer before the first one with parameters")

    monkeypatch.setattr(Dense, "backward", spy)
    monkeypatch.setattr(Relu, "backward", refuse)
    monkeypatch.setattr(Flatten, "backward", refuse)
    back(small, need_dx=False)
    assert asked == [True, False]


def test_a_network_without_parameters_has_no_gradients(network_of):
    network = network_of((3,), Relu(), Sigmoid())
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert back((network, {}, x), need_dx=False) == (None, {})
    dx, grads = back((network, {}, x), need_dx=True)
    assert (dx.shape, grads) == ((3, 2), {})


def test_layers_left_to_numpy_are_named_by_their_options(network_of):
    pools = [MaxPool2d(size=2, stride=1, dilation=dilation) for dilation in (1, 2)]
    one_side = AvgPool2d(size=2, padding=(0, 1, 1, 0))
    with using(native()):
        assert by_numpy(network_of((1, 8, 8), *pools, one_side, Flatten())) == ("max_pool2",)


def test_every_layer_and_step_has_its_own_random_numbers(network_of):
    network = network_of((50,), Dropout(rate=0.5), Dropout(rate=0.5))
    x = np.ones((50, 20))

    def masks(**run):
        return [y != 0 for _, y in network.trace({}, x, Pass(training=True, **run))]

    first, second = masks(step=1)
    assert not (second & ~first).any()
    assert (first & ~second).any(), "both layers drew the same mask"
    np.testing.assert_array_equal(first, masks(step=1)[0])
    assert (first != masks(step=2)[0]).any()
    assert (first != masks(step=1, shard=1)[0]).any()


# --- equal units -----------------------------------------------------------------------------

EQUAL = {"W": Constant(value=0.2)}


def train(network, params, steps=10):
    """Run gradient descent on random targets."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((*network.in_shape, 8))
    y = rng.standard_normal((*network.out_shape, 8))
    rule = Sgd(momentum=0.5)
    memory = {name: {"velocity": np.zeros_like(array)} for name, array in params.items()}
    for step in range(steps):
        z, caches = network.forward(params, x, Pass(training=True, step=step))
        _, grads = network.backward(params, caches, (z - y) / 8)
        for name, grad in grads.items():
            params[name] += rule.change(grad, memory[name], 0.05, step)


def spread_of_units(array):
    """The largest difference between units (rows, filters) of a layer, relative to their size."""
    return float(np.abs(array - array[:1]).max() / np.abs(array).max())


CASES = {
    "dense": ((3,), [Dense(units=4, init=EQUAL), Tanh(), Dense(units=2, init=EQUAL)], ["dense1"]),
    "zeros": (
        (3,),
        [Dense(units=4, init={"W": Constant(value=0.0)}), Tanh(), Dense(units=2, init=EQUAL)],
        ["dense1"],
    ),
    "rows alike": (
        (3,),
        [
            Dense(units=2, init={"W": Literal(values=((1, 2, 3), (1, 2, 3)))}),
            Sigmoid(),
            Dense(units=2, init={"W": Literal(values=((1, 1), (2, 2)))}),
        ],
        ["dense1"],
    ),
    "two hidden layers": (
        (3,),
        [
            Dense(units=4, init=EQUAL),
            Tanh(),
            Dense(units=3, init=EQUAL),
            Dense(units=1, init=EQUAL),
        ],
        ["dense1", "dense2"],
    ),
    "conv": (
        (2, 6, 6),
        [
            Conv2d(filters=3, kernel=3, init=EQUAL),
            Sigmoid(),
            MaxPool2d(size=2),
            Conv2d(filters=2, kernel=2, init=EQUAL),
            Flatten(),
            Dense(units=2, init=EQUAL),
        ],
        ["conv1", "conv2"],
    ),
    "conv before dense": (
        (1, 4, 4),
        [
            Conv2d(filters=3, kernel=3, init=EQUAL),
            Tanh(),
            AvgPool2d(size=2),
            Flatten(),
            Dense(units=2, init=EQUAL),
        ],
        ["conv1"],
    ),
    "random next layer": ((3,), [Dense(units=4, init=EQUAL), Tanh(), Dense(units=2)], []),
    "random biases": (
        (3,),
        [
            Dense(units=4, init={**EQUAL, "b": Uniform(limit=1.0)}),
            Tanh(),
            Dense(units=2, init=EQUAL),
        ],
        [],
    ),
    "random first layer": ((3,), [Dense(units=4), Tanh(), Dense(units=2, init=EQUAL)], []),
    "dropout between": (
        (3,),
        [Dense(units=4, init=EQUAL), Tanh(), Dropout(rate=0.5), Dense(units=2, init=EQUAL)],
        [],
    ),
    "dropout before": (
        (3,),
        [Dropout(rate=0.5), Dense(units=4, init=EQUAL), Tanh(), Dense(units=2, init=EQUAL)],
        ["dense1"],
    ),
}


@pytest.mark.parametrize(("in_shape", "layers", "stuck"), CASES.values(), ids=CASES)
def test_equal_units_are_named_and_stay_equal(network_of, in_shape, layers, stuck):
    network = network_of(in_shape, *layers)
    params = network.init(0, FLOAT64)
    start = {name: array.copy() for name, array in params.items()}
    assert equal_units(network, params) == stuck
    train(network, params)
    hidden = [name for name in params if name.endswith(".W")][:-1]
    for name in hidden:
        assert (params[name] != start[name]).any(), "nothing was learned"
        apart = spread_of_units(params[name])
        assert apart < 1e-12 if name.removesuffix(".W") in stuck else apart > 1e-6


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(units=1, init=EQUAL), Tanh(), Dense(units=2, init=EQUAL)],
        [Dense(units=4, init=EQUAL)],
        [Tanh()],
    ],
    ids=["one unit", "output layer", "no parameters"],
)
def test_no_warning_is_needed(network_of, layers):
    network = network_of((3,), *layers)
    assert equal_units(network, network.init(0, FLOAT64)) == []
