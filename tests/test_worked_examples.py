"""Worked examples of backpropagation, through the public layers, losses and optimizers.

Each test compares with published numbers or with the scalar formulas written out as loops.
"""

import math

import numpy as np
import pytest

from cnntrain.layers.activations import Identity, Sigmoid
from cnntrain.layers.conv2d import Conv2d
from cnntrain.layers.dense import Dense
from cnntrain.layers.initializers import Constant, Literal
from cnntrain.layers.pooling import AvgPool2d, MaxPool2d
from cnntrain.layers.shaping import Flatten
from cnntrain.losses.squared_error import SquaredError
from cnntrain.network.network import Pass
from cnntrain.network.objective import LossTerm, Objective, Penalty, forward_backward
from cnntrain.optimizers.sgd import Sgd

FLOAT64 = np.dtype(np.float64)
COST = Objective((LossTerm(loss=SquaredError()),))


def image(*rows):
    """One sample of one channel: (1, H, W, 1)."""
    return np.array(rows, np.float64)[None, :, :, None]


def as_map(array):
    """The rows of one sample of one channel, as lists."""
    return array[0, :, :, 0].tolist()


def gradients(network, params, x, y):
    """(outcome, cost): the gradients of the mean cost, and the mean cost itself."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    out = forward_backward(network, COST, params, x, y, Pass(), need_dx=True)
    return out, out.loss / x.shape[-1]


def descend(network, params, grads, lr):
    """Apply one update of plain gradient descent."""
    rule = Sgd(lr=lr)
    for name, declared in network.params.items():
        if declared.trainable:
            params[name] += rule.change(grads[name], {}, lr, 0)


# --- convolution and pooling of 3x3 and 4x4 inputs, with numbers from PyTorch -----------------

COUNTING = image(*np.arange(16).reshape(4, 4))


def with_output_fed_back(layer, x, evaluation, params=None):
    """(y, dx, grads) with δ = y."""
    y, cache = layer.forward(params or {}, x, evaluation)
    return y, *layer.backward(params or {}, cache, y)


def test_max_pooling_of_0_to_15(evaluation):
    y, dx, _ = with_output_fed_back(MaxPool2d(size=2), COUNTING, evaluation)
    assert as_map(y) == [[5, 7], [13, 15]]
    assert as_map(dx) == [[0, 0, 0, 0], [0, 5, 0, 7], [0, 0, 0, 0], [0, 13, 0, 15]]


def test_average_pooling_of_0_to_15(evaluation):
    y, dx, _ = with_output_fed_back(AvgPool2d(size=2), COUNTING, evaluation)
    assert as_map(y) == [[2.5, 4.5], [10.5, 12.5]]
    assert as_map(dx) == [
        [0.6250, 0.6250, 1.1250, 1.1250],
        [0.6250, 0.6250, 1.1250, 1.1250],
        [2.6250, 2.6250, 3.1250, 3.1250],
        [2.6250, 2.6250, 3.1250, 3.1250],
    ]


def test_upsampling_of_delta_1_to_4(evaluation):
    delta = image([1, 2], [3, 4])
    largest_at_top_left = image([9, 0, 9, 0], [0, 0, 0, 0], [9, 0, 9, 0], [0, 0, 0, 0])
    _, cache = MaxPool2d(size=2).forward({}, largest_at_top_left, evaluation)
    dx, _ = MaxPool2d(size=2).backward({}, cache, delta)
    assert as_map(dx) == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    _, cache = AvgPool2d(size=2).forward({}, largest_at_top_left, evaluation)
    dx, _ = AvgPool2d(size=2).backward({}, cache, delta)
    assert as_map(dx) == [
        [0.25, 0.25, 0.5, 0.5],
        [0.25, 0.25, 0.5, 0.5],
        [0.75, 0.75, 1, 1],
        [0.75, 0.75, 1, 1],
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolution_of_0_to_8(evaluation, dtype):
    params = {
        "W": np.array([[[[0, 1], [2, 3]]]], dtype),
        "b": np.zeros((1, 1), dtype),
    }
    x = image(*np.arange(9).reshape(3, 3)).astype(dtype)
    layer = Conv2d(filters=1, kernel=2)
    y, dx, grads = with_output_fed_back(layer, x, evaluation, params)
    assert as_map(y) == [[19, 25], [37, 43]]
    assert as_map(dx) == [[0, 19, 25], [38, 144, 118], [74, 197, 129]]
    assert grads["W"][0, 0].tolist() == [[308, 432], [680, 804]]
    assert grads["b"].tolist() == [[124]]


# --- cost, δ and gradients of a 3-3-2 network of linear units (Nielsen, ch. 2, eqs BP1-BP4) ----


@pytest.fixture
def linear(network_of):
    """x (3) -> a² (3) -> a³ (2), linear, with the bias Θ_k0 in b, and simple numbers."""
    network = network_of((3,), Dense(units=3), Identity(), Dense(units=2), Identity())
    rng = np.random.default_rng(1)
    params = {
        name: np.round(rng.uniform(-1, 1, declared.shape), 1)
        for name, declared in network.params.items()
    }
    x = np.round(rng.uniform(-1, 1, (3, 4)), 1)
    y = np.round(rng.uniform(-1, 1, (2, 4)), 1)
    return network, params, x, y


def scalar_forward(params, x):
    """(a², a³) of one sample as scalar sums: a_k = Θ_k0 + Σ_i Θ_ki a_i."""
    activations = [x]
    for layer in ("dense1", "dense2"):
        W, b = params[f"{layer}.W"], params[f"{layer}.b"]
        below = activations[-1]
        activations.append(
            [b[k, 0] + sum(W[k, i] * below[i] for i in range(len(below))) for k in range(len(W))]
        )
    return activations[1:]


@pytest.mark.parametrize("lam", [0.0, 0.6])
def test_cost_of_m_samples_with_penalty(linear, lam):
    network, params, x, y = linear
    m = x.shape[1]
    out, mean_loss = gradients(network, params, x, y)
    squares = sum(
        (scalar_forward(params, x[:, i])[1][k] - y[k, i]) ** 2 for i in range(m) for k in range(2)
    )
    weights = sum(
        params[f"dense{layer}.W"][i, j] ** 2
        for layer, (rows, columns) in ((1, (3, 3)), (2, (2, 3)))
        for i in range(rows)
        for j in range(columns)
    )
    expected = squares / (2 * m) + lam / (2 * m) * weights  # no Θ_k0 among the weights
    assert mean_loss + Penalty(l2=lam / m).value(network, params) == pytest.approx(
        expected, rel=1e-14
    )
    assert out.z.T.tolist() == pytest.approx(
        np.array([scalar_forward(params, x[:, i])[1] for i in range(m)]), rel=1e-14
    )


def test_gradients_of_one_sample_equal_the_scalar_formulas(linear):
    network, params, x, y = linear
    x, y = x[:, :1], y[:, :1]
    out, _ = gradients(network, params, x, y)
    (a2, a3), W2 = scalar_forward(params, x[:, 0]), params["dense2.W"]
    delta3 = [a3[k] - y[k, 0] for k in range(2)]
    delta2 = [sum(delta3[i] * W2[i, j] for i in range(2)) for j in range(3)]
    expected = {
        "dense2.W": [[delta3[k] * a2[j] for j in range(3)] for k in range(2)],
        "dense2.b": [[delta3[k]] for k in range(2)],
        "dense1.W": [[delta2[j] * x[i, 0] for i in range(3)] for j in range(3)],
        "dense1.b": [[delta2[j]] for j in range(3)],
    }
    assert out.grads.keys() == expected.keys()
    for name, grad in out.grads.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-13)
    # two derivatives written out in full
    assert out.grads["dense2.W"][0, 0] == pytest.approx((a3[0] - y[0, 0]) * a2[0], rel=1e-13)
    assert out.grads["dense1.W"][1, 1] == pytest.approx(
        ((a3[0] - y[0, 0]) * W2[0, 1] + (a3[1] - y[1, 0]) * W2[1, 1]) * x[1, 0], rel=1e-13
    )


def test_gradient_of_m_samples_is_the_mean_plus_the_penalty(linear):
    network, params, x, y = linear
    m, lam = x.shape[1], 0.6
    out, _ = gradients(network, params, x, y)
    Penalty(l2=lam / m).add_gradient(network, params, out.grads)
    single = [gradients(network, params, x[:, i : i + 1], y[:, i : i + 1])[0] for i in range(m)]
    for name, grad in out.grads.items():
        mean = sum(one.grads[name] for one in single) / m
        weight = lam / m * params[name] if name.endswith(".W") else 0.0
        np.testing.assert_allclose(grad, mean + weight, rtol=1e-12)


def test_units_that_start_equal_stay_equal(network_of):
    equal = {"W": Constant(value=0.3), "b": Constant(value=0.1)}
    network = network_of((2,), Dense(units=3, init=equal), Sigmoid(), Dense(units=2, init=equal))
    params = network.init(0, FLOAT64)
    x = np.array([[0.1, 0.9, -0.4], [0.7, -0.2, 0.5]])
    y = np.array([[1.0, 0.0, 0.5], [0.0, 2.0, -1.0]])
    for _ in range(25):
        out, _ = gradients(network, params, x, y)
        descend(network, params, out.grads, lr=0.5)
    W = params["dense1.W"]
    assert W[0].tolist() == W[1].tolist() == W[2].tolist()
    assert len(set(params["dense1.b"].ravel().tolist())) == 1
    assert abs(W[0] - 0.3).min() > 1e-3, "nothing was learned"
    assert abs(params["dense2.W"][0] - params["dense2.W"][1]).min() > 1e-3


# --- a 2-2-2 sigmoid network (Mazur 2015, "A step by step backpropagation example") ------------


def fixed_bias(W, b):
    literal = {"W": Literal(values=W), "b": Literal(values=b)}
    return Dense(units=2, init=literal, trainable={"b": False})


@pytest.fixture
def two_two_two(network_of):
    network = network_of(
        (2,),
        fixed_bias([[0.15, 0.20], [0.25, 0.30]], 0.35),
        Sigmoid(),
        fixed_bias([[0.40, 0.45], [0.50, 0.55]], 0.60),
        Sigmoid(),
    )
    return network, network.init(0, FLOAT64)


X, TARGETS = np.array([[0.05], [0.10]]), np.array([[0.01], [0.99]])


def digits(array):
    """The numbers as printed, with eight decimals."""
    return np.round(array, 8).tolist()


def test_two_two_two_forward(two_two_two):
    network, params = two_two_two
    outputs = {node.name: a for node, a in network.trace(params, X, Pass())}
    assert digits(outputs["sigmoid1"].ravel()) == [0.59326999, 0.59688438]
    assert digits(outputs["sigmoid2"].ravel()) == [0.75136507, 0.77292847]
    assert round(gradients(network, params, X, TARGETS)[1], 8) == 0.29837111


def test_two_two_two_update(two_two_two):
    network, params = two_two_two
    out, _ = gradients(network, params, X, TARGETS)
    descend(network, params, out.grads, lr=0.5)
    assert digits(params["dense2.W"]) == [[0.35891648, 0.40866619], [0.51130127, 0.56137012]]
    assert digits(params["dense1.W"]) == [[0.14978072, 0.19956143], [0.24975114, 0.29950229]]
    assert params["dense1.b"].tolist() == [[0.35], [0.35]]
    assert params["dense2.b"].tolist() == [[0.60], [0.60]]
    assert round(gradients(network, params, X, TARGETS)[1], 8) == 0.29102777


def test_two_two_two_gradient_of_w5_by_the_chain_rule(two_two_two):
    network, params = two_two_two
    out, _ = gradients(network, params, X, TARGETS)
    h1, h2 = (
        1 / (1 + math.exp(-(w[0] * 0.05 + w[1] * 0.10 + 0.35))) for w in ((0.15, 0.2), (0.25, 0.3))
    )
    o1 = 1 / (1 + math.exp(-(0.40 * h1 + 0.45 * h2 + 0.60)))
    error_by_out, out_by_net, net_by_w5 = o1 - 0.01, o1 * (1 - o1), h1
    assert out.grads["dense2.W"][0, 0] == pytest.approx(error_by_out * out_by_net * net_by_w5)
    assert round(float(out.grads["dense2.W"][0, 0]), 8) == 0.08216704


def test_two_two_two_learns_its_targets(two_two_two):
    network, params = two_two_two
    for _ in range(10_000):
        out, loss = gradients(network, params, X, TARGETS)
        descend(network, params, out.grads, lr=0.5)
    assert loss < 1e-4
    np.testing.assert_allclose(out.z, TARGETS, atol=0.02)


# --- the adaptive linear unit (Widrow & Hoff 1960, "Adaptive switching circuits") --------------


def test_adaline_reaches_the_least_squares_solution(network_of):
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (2, 30))
    y = 1.5 * x[:1] - 0.5 * x[1:] + 0.25 + rng.normal(0, 0.1, (1, 30))
    network = network_of((2,), Dense(units=1), Identity())
    params = network.init(0, FLOAT64)
    for _ in range(2000):
        out, _ = gradients(network, params, x, y)
        descend(network, params, out.grads, lr=0.5)
    design = np.vstack([x, np.ones(30)]).T
    solution, *_ = np.linalg.lstsq(design, y[0], rcond=None)
    found = [*params["dense1.W"][0], params["dense1.b"][0, 0]]
    np.testing.assert_allclose(found, solution, rtol=1e-10)


# --- δ of a 3-4-2-3 sigmoid network, as matrices and as sums (Nielsen, ch. 2, eqs BP1-BP4) ------


def test_delta_recursion_in_matrices_equals_the_scalar_one(network_of):
    sizes = [3, 4, 2, 3]
    layers = [layer for size in sizes[1:] for layer in (Dense(units=size), Sigmoid())]
    network = network_of((sizes[0],), *layers)
    params = network.init(4, FLOAT64)
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-1, 1, (3, 5)), rng.uniform(0, 1, (3, 5))
    out, _ = gradients(network, params, x, y)

    expected = {name: np.zeros(declared.shape) for name, declared in network.params.items()}
    for n in range(5):
        a = [x[:, n].tolist()]
        for W, b in layers_of(params, 3):
            a.append(
                [
                    sigma(sum(W[j, k] * a[-1][k] for k in range(W.shape[1])) + b[j, 0])
                    for j in range(len(W))
                ]
            )
        delta = [(a[3][j] - y[j, n]) * a[3][j] * (1 - a[3][j]) for j in range(3)]
        for depth in (3, 2, 1):
            W, _ = layers_of(params, 3)[depth - 1]
            for j in range(sizes[depth]):
                expected[f"dense{depth}.b"][j, 0] += delta[j] / 5
                for k in range(sizes[depth - 1]):
                    expected[f"dense{depth}.W"][j, k] += delta[j] * a[depth - 1][k] / 5
            slope = [v * (1 - v) if depth > 1 else 1.0 for v in a[depth - 1]]
            delta = [
                sum(W[j, k] * delta[j] for j in range(len(W))) * slope[k]
                for k in range(sizes[depth - 1])
            ]
        np.testing.assert_allclose(out.dx[:, n] * 5, delta, rtol=1e-12)
    for name, grad in out.grads.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-12)


def layers_of(params, depth):
    return [(params[f"dense{i}.W"], params[f"dense{i}.b"]) for i in range(1, depth + 1)]


def sigma(z):
    return 1 / (1 + math.exp(-z))


# --- a small CNN: input -> convolution -> pooling -> fully connected -> output ------------------


def test_delta_is_propagated_back_through_a_small_cnn(network_of):
    network = network_of(
        (1, 5, 5),
        *(Conv2d(filters=2, kernel=2), Sigmoid(), AvgPool2d(size=2), Flatten(), Dense(units=2)),
    )
    params = network.init(2, FLOAT64)
    params["conv1.b"][:] = [[0.1], [-0.2]]
    params["dense1.b"][:] = [[0.3], [-0.1]]
    rng = np.random.default_rng(2)
    x, target = rng.uniform(-1, 1, (1, 5, 5, 1)), np.array([[1.0], [0.0]])
    out, _ = gradients(network, params, x, target)

    K, W = params["conv1.W"], params["dense1.W"]
    conv = np.zeros((2, 4, 4))
    for f, i, j in np.ndindex(2, 4, 4):
        window = x[0, i : i + 2, j : j + 2, 0]
        conv[f, i, j] = sigma((K[f, 0] * window).sum() + params["conv1.b"][f, 0])
    pooled = conv.reshape(2, 2, 2, 2, 2).mean(axis=(2, 4))
    output = W @ pooled.reshape(8, 1) + params["dense1.b"]
    delta_k = output - target  # δ = a - y of the squared error
    np.testing.assert_allclose(out.z, output, rtol=1e-13)

    delta_pool = (W.T @ delta_k).reshape(2, 2, 2)
    delta_conv = np.zeros((2, 4, 4))
    for f, i, j in np.ndindex(2, 4, 4):
        a = conv[f, i, j]
        delta_conv[f, i, j] = delta_pool[f, i // 2, j // 2] / 4 * a * (1 - a)
    dK, dx = np.zeros((2, 1, 2, 2)), np.zeros((5, 5))
    for f, i, j, u, v in np.ndindex(2, 4, 4, 2, 2):
        dK[f, 0, u, v] += delta_conv[f, i, j] * x[0, i + u, j + v, 0]
        dx[i + u, j + v] += delta_conv[f, i, j] * K[f, 0, u, v]
    expected = {
        "dense1.W": delta_k @ pooled.reshape(1, 8),
        "dense1.b": delta_k,
        "conv1.W": dK,
        "conv1.b": delta_conv.sum(axis=(1, 2))[:, None],
    }
    for name, grad in out.grads.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-12)
    np.testing.assert_allclose(out.dx[0, :, :, 0], dx, rtol=1e-12)
