"""Adaptive optimizers, step by step, against PyTorch; those it lacks, against their formulas."""

import numpy as np
import pytest

from cnntrain.optimizers import Optimizer

START = [0.7, -1.3, 2.1, -0.05]
RATES = [0.05] * 8 + [0.02] * 8
PYTORCH = [  # our kind and options, PyTorch's class and options
    ("adam", {}, "Adam", {}),
    (
        "adam",
        {"beta1": 0.7, "beta2": 0.9, "epsilon": 1e-3},
        "Adam",
        {"betas": (0.7, 0.9), "eps": 1e-3},
    ),
    ("adamw", {"weight_decay": 0.0}, "AdamW", {"weight_decay": 0.0}),
    ("amsgrad", {"beta2": 0.5}, "Adam", {"amsgrad": True, "betas": (0.9, 0.5)}),
    ("nadam", {}, "NAdam", {}),
    (
        "nadam",
        {"beta1": 0.8, "momentum_decay": 0.02},
        "NAdam",
        {"betas": (0.8, 0.999), "momentum_decay": 0.02},
    ),
    ("adagrad", {}, "Adagrad", {}),
    ("adadelta", {}, "Adadelta", {}),
    ("adadelta", {"rho": 0.5, "epsilon": 1e-2}, "Adadelta", {"rho": 0.5, "eps": 1e-2}),
    ("rmsprop", {}, "RMSprop", {}),
    ("rmsprop", {"rho": 0.8, "epsilon": 1e-2}, "RMSprop", {"alpha": 0.8, "eps": 1e-2}),
    (
        "rmsprop",
        {"centered": True, "momentum": 0.5},
        "RMSprop",
        {"centered": True, "momentum": 0.5},
    ),
]


def slope(w):
    """Derivative of a function that is neither quadratic nor even."""
    return w**3 - 2 * w + 0.5


def trajectory(rule):
    W = np.array(START)
    state = {slot: np.zeros_like(W) for slot in rule.active_slots()}
    points = []
    for step, lr in enumerate(RATES):
        W += rule.change(slope(W), state, lr, step)
        points.append(W.tolist())
    return points


@pytest.mark.parametrize(("kind", "options", "name", "their_options"), PYTORCH)
def test_equals_pytorch(torch, kind, options, name, their_options):
    W = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch.optim, name)([W], lr=1.0, **their_options)
    expected = []
    for lr in RATES:
        theirs.param_groups[0]["lr"] = lr
        W.grad = slope(W.detach())
        theirs.step()
        expected.append(W.tolist())
    found = trajectory(Optimizer.kinds[kind](**options))
    tolerance = 1e-7 if kind == "nadam" else 1e-11  # PyTorch keeps Π μ in float32
    np.testing.assert_allclose(found, expected, rtol=tolerance)


def written_out(update):
    """The trajectory of ``update(g, lr, state, step)`` -> ΔW for scalars."""
    points = [list(START)]
    states = [{} for _ in START]
    for step, lr in enumerate(RATES):
        pairs = zip(points[-1], states, strict=True)
        points.append([w + update(slope(w), lr, state, step) for w, state in pairs])
    return points[1:]


def adam(g, lr, state, step):
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
    m_hat = state["m"] / (1 - 0.9 ** (step + 1))
    v_hat = state["v"] / (1 - 0.999 ** (step + 1))
    return -lr * m_hat / (v_hat**0.5 + 1e-8)


def nadam(g, lr, state, step):
    mu, mu_next = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (step + 1, step + 2))
    state["product"] = state.get("product", 1.0) * mu
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
    m_hat = mu_next * state["m"] / (1 - state["product"] * mu_next)
    m_hat += (1 - mu) * g / (1 - state["product"])
    return -lr * m_hat / ((state["v"] / (1 - 0.999 ** (step + 1))) ** 0.5 + 1e-8)


def lion(g, lr, state, step):
    m = state.get("m", 0.0)
    state["m"] = 0.99 * m + 0.01 * g
    ahead = 0.9 * m + 0.1 * g
    return -lr * ((ahead > 0) - (ahead < 0))


def rmsprop_with_epsilon_inside(g, lr, state, step):
    state["e"] = 0.99 * state.get("e", 0.0) + 0.01 * g * g
    return -lr * g / (state["e"] + 0.1) ** 0.5


@pytest.mark.parametrize(
    ("kind", "options", "update"),
    [
        ("adam", {}, adam),
        ("nadam", {}, nadam),
        ("lion", {}, lion),
        ("rmsprop", {"epsilon_inside": True, "epsilon": 0.1}, rmsprop_with_epsilon_inside),
    ],
)
def test_equals_the_rule_written_out(kind, options, update):
    rule = Optimizer.kinds[kind](**options)
    np.testing.assert_allclose(trajectory(rule), written_out(update), rtol=1e-12)


CENTERED = [{}, {"rho": 0.9}, {"rho": 0.5}, {"rho": 0.99, "momentum": 0.9, "epsilon_inside": True}]


@pytest.mark.parametrize("options", CENTERED, ids=str)
@pytest.mark.parametrize("gradient", [0.1, -3.7e4, 1e-9])
def test_centred_rmsprop_under_a_constant_gradient(options, gradient):
    """E - m² cancels in float32, and was below 0 after 131 steps: its root was NaN."""
    rule = Optimizer.kinds["rmsprop"](centered=True, **options)
    changes = []
    for dtype in (np.float32, np.float64):
        dW = np.full(3, gradient, dtype)
        memory = {slot: np.zeros_like(dW) for slot in rule.active_slots()}
        changes.append([rule.change(dW, memory, 1e-3, step).copy() for step in range(400)])
    narrow, wide = (np.array(found, np.float64) for found in changes)
    assert np.isfinite(narrow).all()
    close = slice(0, 8) if options.get("rho") == 0.5 else slice(0, 60)
    np.testing.assert_allclose(narrow[close], wide[close], rtol=1e-4)


def test_centred_rmsprop_keeps_the_variance_of_noisy_gradients():
    """A mean of 1,000 deviations: in float32 nothing but rounding would be left of E - m²."""
    rule = Optimizer.kinds["rmsprop"](centered=True, rho=0.9)
    gradients = 1000 + np.random.default_rng(0).standard_normal((300, 5))
    memory = {slot: np.zeros(5, np.float32) for slot in rule.active_slots()}
    exact = {slot: np.zeros(5) for slot in rule.active_slots()}
    for step, dW in enumerate(gradients.astype(np.float32)):
        found = rule.change(dW, memory, 1.0, step)
        expected = rule.change(dW.astype(np.float64), exact, 1.0, step)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
