"""Two losses as closed forms and at the ends of the number range, and what they reject."""

import math

import numpy as np
import pytest

from cnntrain.errors import ConfigError, ShapeError
from cnntrain.losses import Loss
from cnntrain.losses.base import one_hot
from cnntrain.losses.binary import BinaryCrossEntropy
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.losses.squared_error import SquaredError


def test_one_hot():
    hot = one_hot(np.array([2, 0]), 3, np.dtype(np.float32))
    assert hot.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert hot.dtype == np.float32


def test_cross_entropy_by_hand():
    z, labels = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 0.0]]), np.array([1, 2])
    total, delta = CrossEntropy().forward(z, labels)
    e = [math.exp(v) for v in (1.0, 2.0, 0.5)]
    p = [v / sum(e) for v in e]
    assert total == pytest.approx(-math.log(p[1]) - math.log(1 / 3), rel=1e-14)
    expected = [[p[0], 1 / 3], [p[1] - 1, 1 / 3], [p[2], 1 / 3 - 1]]
    np.testing.assert_allclose(delta, expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_logits_is_exact(dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        right, delta_right = CrossEntropy().forward(z, np.array([0, 1]))
        wrong, delta_wrong = CrossEntropy().forward(z, np.array([1, 0]))
    assert (right, wrong) == (0.0, 4e4)
    assert delta_right.tolist() == [[0, 0], [0, 0]]
    assert delta_wrong.tolist() == [[1, -1], [-1, 1]]


def test_cross_entropy_delta_sums_to_zero_over_the_classes():
    z = np.random.default_rng(0).standard_normal((5, 20))
    _, delta = CrossEntropy().forward(z, np.arange(20) % 5)
    np.testing.assert_allclose(delta.sum(axis=0), 0, atol=1e-15)


def test_squared_error_by_hand():
    total, delta = SquaredError().forward(np.array([[1.0, 2.0], [0.5, -1.0]]), np.zeros((2, 2)))
    assert total == 0.5 * (1 + 4 + 0.25 + 1)
    assert delta.tolist() == [[1, 2], [0.5, -1]]


def test_squared_error_treats_labels_as_one_hot_columns():
    z, labels = np.random.default_rng(0).standard_normal((3, 4)), np.array([2, 0, 1, 1])
    total, delta = SquaredError().forward(z, labels)
    expected, expected_delta = SquaredError().forward(z, one_hot(labels, 3, z.dtype))
    assert total == expected
    np.testing.assert_array_equal(delta, expected_delta)


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=lambda loss: loss.kind)
def test_the_cost_is_summed_in_float64(loss):
    """The sum of a million float32 terms has more than the seven digits of float32."""
    z = np.full((2, 1_000_000), 0.1, np.float32)
    z[1] = 0.3
    total, _ = loss.forward(z, np.zeros(1_000_000, np.int64))
    single, _ = loss.forward(z[:, :1], np.zeros(1, np.int64))
    assert total == pytest.approx(single * 1_000_000, rel=1e-12)


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=lambda loss: loss.kind)
def test_nan_propagates(loss):
    total, _ = loss.forward(np.array([[np.nan], [1.0]]), np.array([1]))
    assert math.isnan(total)


@pytest.mark.parametrize(
    ("loss", "out_shape", "target_shape", "message"),
    [
        (
            CrossEntropy(),
            (1,),
            None,
            "cross_entropy needs one output per class, at least 2, but the network gives (1,); "
            "end it with 'dense: {units: <number of classes>}'",
        ),
        (
            CrossEntropy(),
            (10, 1, 1),
            None,
            "cross_entropy needs one output per class, at least 2, but the network gives "
            "(10, 1, 1); end it with 'dense: {units: <number of classes>}'",
        ),
        (
            SquaredError(),
            (2,),
            (3,),
            "the network gives (2,), but the targets are (3,)",
        ),
        (
            SquaredError(),
            (2, 4, 4),
            None,
            "squared_error needs one output per class, but the network gives (2, 4, 4); "
            "end it with 'dense: {units: <number of classes>}'",
        ),
    ],
)
def test_messages(loss, out_shape, target_shape, message):
    with pytest.raises(ShapeError) as caught:
        loss.check(out_shape, target_shape)
    assert str(caught.value) == message


SMOOTH = ["squared_error", "absolute_error", "huber", "binary_cross_entropy", "kl_divergence"]


@pytest.mark.parametrize("kind", [*SMOOTH, "cross_entropy"])
def test_nothing_is_left_to_learn_where_the_estimate_is_the_target(kind):
    z = np.random.default_rng(0).standard_normal((3, 5))
    loss = Loss.kinds[kind]()
    np.testing.assert_allclose(loss.forward(z, loss.estimate(z))[1], 0, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [(kind, "labels") for kind in sorted(Loss.kinds)] + [(kind, "shares") for kind in SMOOTH],
)
def test_no_other_constant_costs_less(kind, targets):
    rng = np.random.default_rng(1)
    loss = Loss.kinds[kind]()
    y = rng.choice(3, 200, p=[0.6, 0.3, 0.1])
    if targets == "shares":
        y = rng.dirichlet([1.0, 2.0, 0.5], 200).T
    best = loss.constant(y, (3,))
    assert best.shape == (3,)

    def cost(constant):
        return loss.forward(np.repeat(constant[:, None], 200, axis=1), y)[0]

    for _ in range(50):
        other = best + rng.choice([1e-3, 0.1, 1.0]) * rng.standard_normal(3)
        assert cost(best) <= cost(other) * (1 + 1e-12)


def test_the_constant_of_a_single_output():
    y = np.array([1, 0, 1, 1])
    assert Loss.kinds["binary_cross_entropy"]().constant(y, (1,)) == pytest.approx([np.log(3)])
    assert Loss.kinds["squared_hinge"]().constant(y, (1,)) == pytest.approx([0.5])
    only = Loss.kinds["binary_cross_entropy"]().constant(np.ones((1, 4)), (1,))
    assert np.isfinite(only).all()


def test_the_constant_keeps_the_options_of_cross_entropy():
    loss = Loss.kinds["cross_entropy"](class_weight=(3.0, 1.0), label_smoothing=0.2)
    constant = loss.constant(np.array([0, 1]), (2,))
    shares = np.exp(constant) / np.exp(constant).sum()
    np.testing.assert_allclose(shares, [0.75, 0.25])


@pytest.mark.parametrize(
    ("kind", "y", "needed"),
    [
        ("binary_cross_entropy", [[-1.0, 1.0]], "0 (no), 1 (yes) or a probability"),
        ("hinge", [[-1.0, 1.0]], "0 (no) and 1 (yes)"),
        ("squared_hinge", [[0.0, 0.5]], "0 (no) and 1 (yes)"),
    ],
)
def test_targets_that_are_not_yes_or_no_are_refused(kind, y, needed):
    low, high = y[0]
    with pytest.raises(ConfigError) as caught:
        Loss.kinds[kind]().fitted(np.array(y), None)
    assert str(caught.value) == (
        f"{kind} needs targets that are {needed}, but these go from {low:g} to {high:g}; "
        "write 0 for no, or use squared_error for a regression"
    )
    assert caught.value.path == ("loss",)


def test_weights_have_to_fit_the_outputs():
    for option in ("pos_weight", "weight"):
        loss = BinaryCrossEntropy(**{option: (1.0, 2.0)})
        with pytest.raises(ShapeError, match=f"{option} has 2 numbers for 3 outputs"):
            loss.check((3,), (3,))
        loss.check((2,), None)
    with pytest.raises(ShapeError, match="ignore_index 3: the classes are numbered 0 to 2"):
        CrossEntropy(ignore_index=3).check((3,), None)
