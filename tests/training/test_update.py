"""What stands between a gradient and a new weight: clipping, decay, multipliers, averages."""

import numpy as np
import pytest

from cnntrain.config.plan import Clip
from cnntrain.layers import Param
from cnntrain.layers.initializers import Zeros
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.metrics.sums import means
from cnntrain.network.objective import Penalty
from cnntrain.training.evaluate import evaluate
from cnntrain.training.events import EpochEnd
from cnntrain.training.state import start
from cnntrain.training.update import clip_gradients, limit_norms
from cnntrain.training.workers import Workers

DATA = {
    "source": "inline",
    "inputs": [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [1.0, 1.0]],
    "targets": [[0.5], [-0.25], [1.0], [0.0]],
}


@pytest.fixture
def linear(experiment_of):
    """``linear(train=..., ...)``: the experiment of one dense layer, all samples in a step."""

    def opened(train=None, dense=None, lr=0.1, steps=1, **sections):
        return experiment_of(
            **{
                "dtype": "float64",
                "data": DATA,
                "network": [{"dense": {"units": 1, "init": [[0.4, -0.8]], **(dense or {})}}],
                "loss": "squared_error",
                "optimizer": {"sgd": {"lr": lr}},
                "train": {"epochs": steps, "batch_size": 4, **(train or {})},
                **sections,
            }
        )

    return opened


@pytest.fixture
def trained(train_events):
    """``trained(experiment)``: the state after its training."""

    def state_after(experiment):
        state = start(experiment.plan, experiment.network)
        list(train_events(experiment, state))
        return state

    return state_after


def gradient(W, b):
    """(∂C/∂W, ∂C/∂b) of the mean of ½ (W x + b - t)² over DATA, written out."""
    x, t = np.array(DATA["inputs"]).T, np.array(DATA["targets"]).T
    delta = (W @ x + b - t) / 4
    return delta @ x.T, delta.sum(axis=1, keepdims=True)


W0, B0 = np.array([[0.4, -0.8]]), np.zeros((1, 1))
DW, DB = gradient(W0, B0)


def assert_moved_by(state, dW, db, lr=0.1):
    np.testing.assert_allclose(state.params["dense1.W"], W0 - lr * dW, rtol=1e-13)
    np.testing.assert_allclose(state.params["dense1.b"], B0 - lr * db, rtol=1e-13)


def test_a_plain_update(linear, trained):
    assert_moved_by(trained(linear()), DW, DB)


# --- penalties and decay ---------------------------------------------------------------------


@pytest.mark.parametrize(("l2", "l1"), [(0.5, 0.0), (0.0, 0.5), (0.3, 0.7)])
def test_penalties_by_hand(linear, trained, l2, l1):
    """λ₂/m W + λ₁/m sign(W) for weights, m = 4 samples; biases are left out."""
    expected = DW + l2 / 4 * W0 + l1 / 4 * np.sign(W0)
    assert_moved_by(trained(linear(train={"l2": l2, "l1": l1})), expected, DB)


def test_the_value_of_the_elastic_penalty(linear):
    experiment = linear()
    params = {"dense1.W": W0, "dense1.b": np.full((1, 1), 9.0)}
    found = Penalty(l2=0.3, l1=0.7).value(experiment.network, params)
    assert found == pytest.approx(0.15 * (0.16 + 0.64) + 0.7 * 1.2)


@pytest.mark.parametrize(
    ("dense", "on_W", "on_b"),
    [({}, 1, 0), ({"decay_mult": {"W": 0.5, "b": 2.0}}, 0.5, 2.0), ({"decay_mult": 0.0}, 0, 0)],
)
def test_decay_mult_scales_penalties_and_decay(linear, trained, dense, on_W, on_b):
    dense = {**dense, "init": {"W": [[0.4, -0.8]], "b": [0.6]}}
    b = np.full((1, 1), 0.6)
    dW, db = gradient(W0, b)
    state = trained(linear(dense=dense, train={"l2": 0.5}))
    np.testing.assert_allclose(state.params["dense1.W"], W0 - 0.1 * (dW + on_W * 0.125 * W0))
    np.testing.assert_allclose(state.params["dense1.b"], b - 0.1 * (db + on_b * 0.125 * b))
    decayed = linear(dense=dense, optimizer={"sgd": {"lr": 0.1, "weight_decay": 0.2}})
    state = trained(decayed)
    np.testing.assert_allclose(state.params["dense1.W"], W0 - 0.1 * (dW + on_W * 0.2 * W0))
    np.testing.assert_allclose(state.params["dense1.b"], b - 0.1 * (db + on_b * 0.2 * b))


@pytest.mark.parametrize(
    ("dense", "on_W", "on_b"),
    [
        ({"lr_mult": {"b": 2.0}}, 1, 2),
        ({"lr_mult": 0.5}, 0.5, 0.5),
        ({"lr_mult": {"W": 0.0}}, 0, 1),
        ({"trainable": {"W": False}}, 0, 1),
        ({"trainable": False}, 0, 0),
    ],
)
def test_lr_mult_and_trainable(linear, trained, dense, on_W, on_b):
    assert_moved_by(trained(linear(dense=dense)), on_W * DW, on_b * DB)


def test_lr_mult_scales_the_decoupled_decay(linear, trained):
    """The learning rate of the array is a factor of the decay, as in Caffe and PyTorch's groups."""
    optimizer = {"sgd": {"lr": 0.1, "weight_decay": 0.2}}
    state = trained(linear(dense={"lr_mult": 3.0}, optimizer=optimizer))
    assert_moved_by(state, 3 * (DW + 0.2 * W0), 3 * DB)


def test_adamw_equals_pytorch_over_a_training(torch, linear, trained):
    """Weights decay, biases do not: two groups of PyTorch's optimizer."""
    steps = 25
    optimizer = {"adamw": {"lr": 0.05, "weight_decay": 0.3}}
    state = trained(linear(steps=steps, optimizer=optimizer))
    x, t = torch.tensor(DATA["inputs"]).double(), torch.tensor(DATA["targets"]).double()
    W = torch.tensor(W0, requires_grad=True)
    b = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    groups = [{"params": [W]}, {"params": [b], "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=0.05, weight_decay=0.3)
    for _ in range(steps):
        theirs.zero_grad()
        (0.5 * ((x @ W.T + b - t) ** 2).sum() / 4).backward()
        theirs.step()
    np.testing.assert_allclose(state.params["dense1.W"], W.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(state.params["dense1.b"][0], b.detach().numpy(), rtol=1e-10)


# --- clipping --------------------------------------------------------------------------------

TRAINED = {"a": Param((2,), 1, 1, Zeros()), "b": Param((1,), 1, 1, Zeros())}


@pytest.mark.parametrize(
    ("clip", "a", "b"),
    [
        (Clip(), [3.0, -4.0], [12.0]),
        (Clip(value=3.5), [3.0, -3.5], [3.5]),
        (Clip(norm=13.0), [3.0, -4.0], [12.0]),
        (Clip(norm=6.5), [1.5, -2.0], [6.0]),
        (Clip(value=4.0, norm=1.0), [3 / 41**0.5, -4 / 41**0.5], [4 / 41**0.5]),
    ],
)
def test_clipping_by_hand(clip, a, b):
    """The norm is that of all gradients together; arrays that stay are left out of it."""
    frozen = np.array([1e6])
    given = {"a": np.array([3.0, -4.0]), "b": np.array([12.0]), "frozen": frozen}
    grads = dict(given)
    clip_gradients(clip, grads, TRAINED)
    np.testing.assert_allclose(grads["a"], a, rtol=1e-14)
    np.testing.assert_allclose(grads["b"], b, rtol=1e-14)
    assert grads["frozen"] is frozen
    assert given["a"].tolist() == [3, -4], "written into shared arrays"


def test_clipping_equals_pytorch(torch):
    rng = np.random.default_rng(0)
    grads = {"a": rng.standard_normal(2), "b": rng.standard_normal(1)}
    theirs = [torch.zeros_like(torch.tensor(g)).requires_grad_() for g in grads.values()]
    for parameter, grad in zip(theirs, grads.values(), strict=True):
        parameter.grad = torch.tensor(grad.copy())
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    clip_gradients(Clip(norm=0.5), grads, TRAINED)
    for parameter, grad in zip(theirs, grads.values(), strict=True):
        np.testing.assert_allclose(grad, parameter.grad.numpy(), rtol=1e-5)  # they add 1e-6


def test_clipping_in_training_is_of_the_whole_gradient_with_its_penalty(linear, trained):
    dW = DW + 2.0 / 4 * W0
    norm = np.sqrt((dW**2).sum() + (DB**2).sum())
    state = trained(linear(train={"l2": 2.0, "clip": {"norm": norm / 4}}))
    assert_moved_by(state, dW / 4, DB / 4)


# --- max-norm --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_are_too_long_are_scaled_down(dtype):
    W = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], dtype)
    limit_norms(W, 1.0)
    np.testing.assert_allclose(W, [[0.6, 0.8], [0.3, 0.4], [0, 0]], rtol=1e-6)
    assert W.dtype == dtype


def test_the_weights_of_a_filter_are_one_unit():
    W = np.random.default_rng(0).standard_normal((3, 2, 4, 4))
    limit_norms(W, 0.5)
    np.testing.assert_allclose(np.sqrt((W**2).sum(axis=(1, 2, 3))), 0.5, rtol=1e-12)


@pytest.mark.parametrize("unit_axis", [0, 1])
def test_the_norm_of_a_large_unit_keeps_its_digits(unit_axis):
    W = np.full((2, 2, 600, 600), 0.1, np.float32)
    limit_norms(W, 1.0, unit_axis)
    np.testing.assert_allclose(W, 1 / np.sqrt(2 * 600 * 600), rtol=2e-7)


def test_max_norm_leaves_biases_alone(linear, trained):
    state = trained(linear(train={"max_norm": 0.01}, lr=5.0))
    assert np.linalg.norm(state.params["dense1.W"]) == pytest.approx(0.01)
    np.testing.assert_allclose(state.params["dense1.b"], -5.0 * DB)


# --- the average of the weights --------------------------------------------------------------


def test_the_average_by_hand(linear, trained):
    """a ← 0.6 a + 0.4 W after every update, from the initial weights; training does not see it."""
    state = trained(linear(steps=3, train={"average": 0.6}))
    W, b = W0, B0
    mean_W, mean_b = W, b
    for _ in range(3):
        dW, db = gradient(W, b)
        W, b = W - 0.1 * dW, b - 0.1 * db
        mean_W, mean_b = 0.6 * mean_W + 0.4 * W, 0.6 * mean_b + 0.4 * b
    np.testing.assert_allclose(state.params["dense1.W"], W, rtol=1e-13)
    evaluated = state.evaluated()
    np.testing.assert_allclose(evaluated["dense1.W"], mean_W, rtol=1e-13)
    np.testing.assert_allclose(evaluated["dense1.b"], mean_b, rtol=1e-13)


def test_the_average_is_what_is_evaluated(linear, train_events):
    data = {**DATA, "validation": 1}
    experiment = linear(steps=4, data=data, train={"average": 0.9})
    state = start(experiment.plan, experiment.network)
    *_, last_epoch = (e for e in train_events(experiment, state) if isinstance(e, EpochEnd))
    with Workers(1) as workers:
        averaged, plain = (
            means(evaluate(experiment, params, "val", workers))["loss"]
            for params in (state.evaluated(), state.params)
        )
    assert last_epoch.metrics["val/loss"] == averaged != plain


def test_running_statistics_stay_beside_the_average(experiment_of, trained):
    network = [{"dense": {"units": 3}}, "batch_norm", {"dense": {"units": 2}}]
    state = trained(experiment_of(network=network, train={"average": 0.9, "batch_size": 10}))
    evaluated = state.evaluated()
    assert evaluated.keys() == state.params.keys()
    assert evaluated["batch_norm1.mean"] is state.params["batch_norm1.mean"]
    assert (evaluated["dense1.W"] != state.params["dense1.W"]).any()


def test_balanced_weights_are_taken_from_the_training_split(experiment_of):
    """m / (K · samples of the class)."""
    data = {"source": "inline", "inputs": [[float(k)] for k in range(8)],
            "targets": [0, 0, 0, 0, 0, 0, 1, 1]}  # fmt: skip
    experiment = experiment_of(data=data, loss={"cross_entropy": {"class_weight": "balanced"}})
    (term,) = experiment.objective.terms
    assert term.loss == CrossEntropy(class_weight=(8 / 12, 8 / 4))


def test_the_units_of_a_transposed_kernel_are_its_second_axis():
    W = np.ones((3, 2, 2, 2))
    W[:, 0] *= 5
    limit_norms(W, 6.0, unit_axis=1)
    norms = np.sqrt((W**2).sum(axis=(0, 2, 3)))
    np.testing.assert_allclose(norms, [6.0, np.sqrt(12)])
