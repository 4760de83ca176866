"""Gradient descent, step by step: against its formula and against PyTorch."""

import numpy as np
import pytest

from cnntrain.optimizers.sgd import Sgd

STEPS = 15
START = [0.7, -1.3, 2.1, -0.05]
RATES = [0.1] * 6 + [0.04] * 9  # a change of rate distinguishes the variants of momentum
RULES = {
    "plain": Sgd(),
    "momentum": Sgd(momentum=0.9),
    "little momentum": Sgd(momentum=0.3),
    "nesterov": Sgd(momentum=0.9, nesterov=True),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


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


@every_rule
def test_equals_the_rule_written_out(rule):
    expected = [list(START)]
    velocity = [0.0] * len(START)
    for lr in RATES:
        point = []
        for i, w in enumerate(expected[-1]):
            g = slope(w)
            velocity[i] = rule.momentum * velocity[i] + g
            ahead = g + rule.momentum * velocity[i]
            point.append(w - lr * (ahead if rule.nesterov else velocity[i]))
        expected.append(point)
    np.testing.assert_allclose(trajectory(rule), expected[1:], rtol=1e-13)


@every_rule
def test_equals_pytorch(torch, rule):
    W = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.SGD([W], lr=1.0, momentum=rule.momentum, nesterov=rule.nesterov)
    expected = []
    for lr in RATES:
        theirs.param_groups[0]["lr"] = lr
        W.grad = slope(W.detach())
        theirs.step()
        expected.append(W.tolist())
    assert len(expected) == STEPS
    np.testing.assert_allclose(trajectory(rule), expected, rtol=1e-13)


def test_first_steps_by_hand():
    state = {"velocity": np.zeros(1)}
    g = np.array([2.0])
    rule = Sgd(momentum=0.5)
    changes = [rule.change(g, state, 0.125, step)[0] for step in range(3)]
    assert changes == [-0.25, -0.375, -0.4375]
    assert state["velocity"][0] == 3.5


def test_optimizer_state_is_needed_only_with_momentum():
    assert Sgd().active_slots() == ()
    assert Sgd(momentum=0.9).active_slots() == ("velocity",)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match=r"^nesterov needs momentum > 0, for example 0\.9$"):
        Sgd(nesterov=True)
