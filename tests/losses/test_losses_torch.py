"""Every loss and its δ against PyTorch (reduction "sum"); those it lacks, by hand."""

import numpy as np
import pytest

from cnntrain.errors import ConfigError
from cnntrain.losses import Loss
from cnntrain.losses.absolute import AbsoluteError, Huber
from cnntrain.losses.binary import BinaryCrossEntropy, Hinge, SquaredHinge
from cnntrain.losses.cross_entropy import CrossEntropy, KlDivergence
from cnntrain.losses.squared_error import SquaredError

WEIGHTS = (0.5, 2.0, 0.0, 1.25)
K, N = 4, 7


def logits(scale=2.0):
    return scale * np.random.default_rng(1).standard_normal((K, N))


def labels():
    return np.random.default_rng(2).integers(0, K, N)


def real():
    return np.random.default_rng(3).standard_normal((K, N))


def shares():
    """Soft targets: every column sums to 1."""
    t = np.random.default_rng(4).random((K, N))
    return t / t.sum(axis=0)


def entropy(F, z, t, smoothing=0.0):
    return F.cross_entropy(
        z.T, t.T if t.ndim == 2 else t, reduction="sum", label_smoothing=smoothing
    )


def summed(name, **options):
    """A function of torch.nn.functional on arrays of the same shape."""
    return lambda F, z, t: getattr(F, name)(z, t, reduction="sum", **options)


CASES = {  # our loss, targets, PyTorch's loss as a function of (torch.nn.functional, z, t)
    "cross_entropy": (CrossEntropy(), labels, entropy),
    "cross_entropy soft": (CrossEntropy(), shares, entropy),
    "cross_entropy smooth": (
        CrossEntropy(label_smoothing=0.2), labels, lambda F, z, t: entropy(F, z, t, 0.2)
    ),
    "cross_entropy smooth soft": (
        CrossEntropy(label_smoothing=0.2), shares, lambda F, z, t: entropy(F, z, t, 0.2)
    ),
    "cross_entropy ignoring": (
        CrossEntropy(ignore_index=2, label_smoothing=0.2),
        labels,
        lambda F, z, t: F.cross_entropy(
            z.T, t, ignore_index=2, reduction="sum", label_smoothing=0.2
        ),
    ),
    "binary_cross_entropy weighted": (
        BinaryCrossEntropy(pos_weight=(2.0, 0.5, 3.0, 1.0), weight=WEIGHTS),
        shares,
        lambda F, z, t: F.binary_cross_entropy_with_logits(
            z,
            t,
            weight=z.new_tensor(WEIGHTS)[:, None],
            pos_weight=z.new_tensor((2.0, 0.5, 3.0, 1.0))[:, None],
            reduction="sum",
        ),
    ),
    "squared_error": (SquaredError(), real, lambda F, z, t: F.mse_loss(z, t, reduction="sum") / 2),
    "absolute_error": (AbsoluteError(), real, summed("l1_loss")),
    "huber": (Huber(limit=0.7), real, summed("huber_loss", delta=0.7)),
    "huber 1": (Huber(), real, summed("smooth_l1_loss")),
    "binary_cross_entropy": (
        BinaryCrossEntropy(), shares, summed("binary_cross_entropy_with_logits")
    ),
    "kl_divergence": (
        KlDivergence(),
        shares,
        lambda F, z, t: F.kl_div(F.log_softmax(z, dim=0), t, reduction="sum"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_equals_pytorch(torch, case, scale):
    loss, targets, theirs = CASES[case]
    z, y = logits(scale), targets()
    z_theirs = torch.tensor(z, requires_grad=True)
    expected = theirs(torch.nn.functional, z_theirs, torch.tensor(y))
    expected.backward()
    total, delta = loss.forward(z, y)
    assert total == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(delta, z_theirs.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_every_loss_is_compared():
    by_hand = {"hinge", "squared_hinge"}
    assert {loss.kind for loss, _, _ in CASES.values()} | by_hand == Loss.kinds.keys()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_class_weights_equal_pytorch(torch, smoothing):
    """The sums are equal; our mean is over the m samples, not weighted."""
    z = torch.tensor(logits(), requires_grad=True)
    F = torch.nn.functional
    expected = F.cross_entropy(
        z.T, torch.tensor(labels()), torch.tensor(WEIGHTS).double(), reduction="sum",
        label_smoothing=smoothing,
    )  # fmt: skip
    expected.backward()
    loss = CrossEntropy(class_weight=WEIGHTS, label_smoothing=smoothing)
    total, delta = loss.forward(logits(), labels())
    assert total == pytest.approx(expected.item(), rel=1e-7)
    np.testing.assert_allclose(delta, z.grad.numpy(), rtol=1e-6, atol=1e-9)


def test_one_hot_targets_are_labels():
    hot = np.eye(K)[:, labels()]
    for loss in (CrossEntropy(), CrossEntropy(class_weight=WEIGHTS), KlDivergence(), Hinge()):
        total, delta = loss.forward(logits(), hot)
        expected, expected_delta = loss.forward(logits(), labels())
        assert total == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(delta, expected_delta, rtol=1e-12, atol=1e-15)


Z = np.array([[0.5, -2.0], [1.5, 0.25], [-3.0, 1.0]])


def test_hinge_by_hand():
    """Classes 0 and 2, with margins s·z of -1 and 1 for the true class."""
    total, delta = Hinge().forward(Z, np.array([0, 2]))
    assert total == (0.5 + 2.5 + 0.0) + (0.0 + 1.25 + 0.0)
    assert delta.tolist() == [[-1, 0], [1, 1], [0, 0]]


def test_squared_hinge_by_hand():
    total, delta = SquaredHinge().forward(Z, np.array([0, 2]))
    assert total == 0.25 + 6.25 + 1.5625
    assert delta.tolist() == [[-1, 0], [5, 2.5], [0, 0]]


@pytest.mark.parametrize("kind", ["hinge", "squared_hinge", "binary_cross_entropy"])
def test_a_single_output_means_yes_or_no(kind):
    loss = Loss.kinds[kind]()
    z, answers = np.array([[0.3, -1.2, 2.0]]), np.array([1, 0, 0])
    assert loss.forward(z, answers)[0] == loss.forward(z, answers[None].astype(float))[0]


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), KlDivergence(), Hinge(), Huber()],
                         ids=lambda loss: loss.kind)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_outputs_do_not_overflow(loss, dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        total, delta = loss.forward(z, np.array([1, 1]))
    assert np.isfinite(total)
    assert np.isfinite(delta).all()
    assert delta.dtype == dtype


def test_certain_targets_have_no_entropy():
    total, _ = KlDivergence().forward(logits(), labels())
    assert total == pytest.approx(CrossEntropy().forward(logits(), labels())[0], rel=1e-13)


# --- class weights from the data -------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        ([0, 0, 0, 1], 2, (4 / 6, 4 / 2)),
        ([0, 1, 2], 3, (1, 1, 1)),
        ([0, 0, 2, 2], 3, (4 / 6, 4 / 3, 4 / 6)),  # a class without samples counts as one sample
    ],
)
def test_balanced(y, classes, expected):
    fitted = CrossEntropy(class_weight="balanced").fitted(np.array(y), classes)
    assert fitted.class_weight == pytest.approx(expected)


def test_balanced_classes_have_equal_total_weight():
    y = np.array([0, 0, 0, 1, 2, 2])
    weights = CrossEntropy(class_weight="balanced").fitted(y, 3).class_weight
    sums = [weights[k] * (y == k).sum() for k in range(3)]
    assert sums == pytest.approx([2, 2, 2])


def test_given_weights_are_kept_and_must_match_the_classes():
    loss = CrossEntropy(class_weight=WEIGHTS)
    assert loss.fitted(labels(), K) is loss
    with pytest.raises(ConfigError, match="class_weight has 4 numbers for 3 classes"):
        loss.fitted(labels(), 3)
