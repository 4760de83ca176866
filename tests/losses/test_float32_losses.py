"""Losses keep their digits in float32, also where the answer is right and the cost is small."""

import math

import numpy as np
import pytest

from cnntrain.losses import Loss
from cnntrain.losses.binary import BinaryCrossEntropy
from cnntrain.losses.cross_entropy import CrossEntropy, KlDivergence
from cnntrain.metrics.classification import LogLoss

EXAMPLES = [
    pytest.param(loss, shape, targets, id=f"{kind}-{i}")
    for kind, member in Loss.kinds.items()
    for i, (loss, shape, targets) in enumerate(member.examples())
]
SAMPLES = 300


def outputs_and_targets(shape, targets, margin):
    """Outputs that are right by about ``margin``, and what they are right about."""
    rng = np.random.default_rng(4)
    noise = rng.uniform(-1, 1, (*shape, SAMPLES))
    labels = rng.integers(0, shape[0], SAMPLES)
    hot = np.zeros((*shape, SAMPLES))
    hot[labels, ..., np.arange(SAMPLES)] = 1
    z = ((2 * hot - 1) * margin / 2 + noise).astype(np.float32)
    return z, labels if targets is None else hot


@pytest.mark.parametrize("margin", [0.0, 2.0, 18.0, 36.0, 60.0])
@pytest.mark.parametrize(("loss", "shape", "targets"), EXAMPLES)
def test_float32_keeps_the_digits_of_float64(loss, shape, targets, margin):
    z, y = outputs_and_targets(shape, targets, margin)
    narrow = y if targets is None else y.astype(np.float32)
    found, delta = loss.forward(z, narrow)
    exact, exact_delta = loss.forward(z.astype(np.float64), y)
    assert delta.dtype == np.float32
    assert found == pytest.approx(exact, rel=1e-5, abs=1e-30)
    np.testing.assert_allclose(delta, exact_delta, rtol=3e-5, atol=1e-6 * np.abs(delta).max())


def confident(n=1000):
    return np.random.default_rng(0).uniform(17, 19, n).astype(np.float32)


def exact_cost(z):
    """Σ log(1 + e^-z) of single numbers."""
    return math.fsum(math.log1p(math.exp(-v)) for v in z.tolist())


@pytest.mark.parametrize("sign", [1, -1])
def test_binary_cross_entropy_of_confident_right_answers(sign):
    z = confident()
    t = np.full((1, len(z)), (sign + 1) / 2, np.float32)
    found, delta = BinaryCrossEntropy().forward(sign * z[None], t)  # 97 % off once
    assert found == pytest.approx(exact_cost(z), rel=1e-6)
    expected = [-sign / (1 + math.exp(v)) for v in z.tolist()]
    np.testing.assert_allclose(delta[0], expected, rtol=1e-5)  # 0 once for t = 1


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(),
        CrossEntropy(class_weight=(1.0, 1.0)),
        KlDivergence(),
    ],
    ids=str,
)
def test_cross_entropy_of_confident_right_answers(loss):
    z = confident()
    labels = np.arange(len(z)) % 2
    scores = np.stack([np.where(labels == k, z, 0) for k in (0, 1)]).astype(np.float32)
    found, delta = loss.forward(scores, labels)
    assert found == pytest.approx(exact_cost(z), rel=1e-6)
    expected = [-1 / (1 + math.exp(v)) for v in z.tolist()]
    np.testing.assert_allclose(delta[labels, np.arange(len(z))], expected, rtol=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_log_loss_of_confident_right_answers(outputs):
    z = confident()
    labels = np.ones(len(z), np.int64)
    scores = np.stack([np.zeros_like(z), z])[-outputs:]
    found = LogLoss().sums(scores, labels)["log_loss"]
    assert found == pytest.approx(exact_cost(z), rel=1e-6)


def test_many_classes_and_ties_at_the_top():
    z = np.zeros((20_000, 2), np.float32)
    total, _ = CrossEntropy().forward(z, np.array([0, 19_999]))
    assert total == pytest.approx(2 * math.log(20_000), rel=2e-7)


def test_balanced_weights_of_many_soft_labels():
    """Summed in float32 one after the other, shares of 0.1 would lose the third digit."""
    n = 2_000_000
    y = np.broadcast_to(np.array([0.1, 0.9], np.float32), (n, 2))
    weights = CrossEntropy(class_weight="balanced").fitted(y, 2).class_weight
    assert weights == pytest.approx((1 / (2 * 0.1), 1 / (2 * 0.9)), rel=1e-6)
