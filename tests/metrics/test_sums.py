"""Metrics as sums: they add up over any division of the data and give correct values."""

import functools
import itertools

import numpy as np
import pytest

from cnntrain.metrics.sums import (
    ClassFigures,
    add_sums,
    batch_sums,
    detail_sums,
    means,
    per_class,
    r_squared,
)


def labelled(n=20):
    rng = np.random.default_rng(0)
    return rng.integers(-3, 4, (4, n)).astype(np.float32), rng.integers(0, 4, n)


def regression(n=20):
    rng = np.random.default_rng(1)
    return rng.integers(-9, 9, (2, n)).astype(np.float64), rng.integers(-9, 9, (2, n)) / 2.0


def all_sums(loss, z, y):
    return batch_sums(loss, z, y) | detail_sums(z, y)


def assert_equal_sums(found, expected):
    """Sums are equal; moments, which are merged, but for rounding."""
    assert found.keys() == expected.keys()
    for name, value in found.items():
        tolerance = 1e-13 if name in ("target_mean", "target_squares") else 0
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, err_msg=name)


@pytest.mark.parametrize("case", [labelled, regression])
@pytest.mark.parametrize("edges", [(0, 20), (0, 1, 20), (0, 7, 8, 20), tuple(range(21))])
def test_sums_add_up_over_any_division(case, edges):
    z, y = case()
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    found = [all_sums(float(p.stop - p.start), z[..., p], y[..., p]) for p in parts]
    assert_equal_sums(functools.reduce(add_sums, found), all_sums(20.0, z, y))


def test_adding_modifies_neither_operand():
    z, y = labelled()
    a, b = all_sums(1.0, z, y), all_sums(2.0, z, y)
    add_sums(a, b)
    assert_equal_sums(a, all_sums(1.0, z, y))
    assert_equal_sums(b, all_sums(2.0, z, y))


def test_classification_by_hand():
    z = np.array([[3.0, 1.0, 0.0, 2.0, 5.0], [1.0, 2.0, 0.0, 1.0, 5.0], [0.0, 0.0, 1.0, 9.0, 0.0]])
    y = np.array([0, 1, 2, 0, 1])  # predicted as 0, 1, 2, 2, 0 (ties go to the first)
    sums = all_sums(2.5, z, y)
    assert means(sums) == {"loss": 0.5, "accuracy": 0.6}
    assert sums["confusion"].tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_labels_of_any_integer_type(dtype):
    y = np.array([0, 30, 39], dtype)
    z = np.eye(40)[:, [0, 30, 38]]
    sums = all_sums(0.0, z, y)
    assert sums["correct"] == 2
    assert sums["confusion"].sum() == 3
    assert sums["confusion"][39, 38] == 1


def test_regression_by_hand():
    z, y = np.array([[1.0, 2.0, 3.0, 6.0]]), np.array([[1.0, 1.0, 5.0, 5.0]])
    sums = all_sums(6.0, z, y)
    assert means(sums) == {"loss": 1.5, "mae": 1.0, "rmse": np.sqrt(1.5)}
    assert r_squared(sums) == pytest.approx(1 - 6 / 16)


def test_regression_takes_the_mean_over_all_outputs():
    z, y = regression()
    sums = all_sums(0.0, z, y)
    error = z - y
    assert means(sums)["mae"] == pytest.approx(np.abs(error).mean())
    assert means(sums)["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    variation = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
    assert r_squared(sums) == pytest.approx(1 - (error**2).sum() / variation)


def test_maps_as_targets():
    z, y = (np.random.default_rng(k).standard_normal((2, 3, 4, 5)) for k in (0, 1))
    sums = all_sums(0.0, z, y)
    assert means(sums)["mae"] == pytest.approx(np.abs(z - y).mean())
    variation = ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum()
    assert r_squared(sums) == pytest.approx(1 - ((z - y) ** 2).sum() / variation)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7, 1e6 + 0.1])
@pytest.mark.parametrize("n", [1, 3, 10, 1000])
def test_r_squared_is_undefined_for_constant_targets(value, n):
    y = np.full((2, n), value)
    assert r_squared(all_sums(0.0, y + 1.0, y)) is None


def test_r_squared_of_a_perfect_fit_and_of_the_mean():
    _, y = regression()
    assert r_squared(all_sums(0.0, y, y)) == 1
    mean = np.broadcast_to(y.mean(axis=1, keepdims=True), y.shape)
    assert r_squared(all_sums(0.0, mean, y)) == pytest.approx(0, abs=1e-12)


def test_float32_outputs_are_compared_in_float64():
    z, y = np.full((1, 4), 0.1, np.float32), np.zeros((1, 4), np.float32)
    sums = batch_sums(0.0, z, y)
    assert sums["squared_error"] == 4 * float(np.float32(0.1)) ** 2


def test_per_class_by_hand():
    confusion = np.array([[5, 1, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0], [3, 0, 0, 0]])
    assert per_class(confusion, ("a", "b", "c", "d")) == [
        ClassFigures("a", precision=0.5, recall=5 / 6, f1=10 / 16, support=6),
        ClassFigures("b", precision=2 / 3, recall=0.5, f1=4 / 7, support=4),
        ClassFigures("c", precision=None, recall=None, f1=None, support=0),
        ClassFigures("d", precision=None, recall=0.0, f1=0.0, support=3),
    ]


def test_per_class_omits_outputs_without_a_class():
    confusion = np.diag([2, 3, 0])
    assert [row.label for row in per_class(confusion, ("a", "b"))] == ["a", "b"]


@pytest.mark.parametrize("center", [0.0, 1e6, -1e9, 1e12])
@pytest.mark.parametrize("edges", [(0, 999), (0, 1, 999), (0, 500, 501, 999)])
def test_r_squared_of_targets_far_from_0(center, edges):
    """Σ y² - (Σ y)²/n had no digit left of targets of 1e9 ± 1."""
    rng = np.random.default_rng(0)
    y = center + rng.uniform(-1, 1, (1, 999))
    z = y + 0.1 * rng.standard_normal(y.shape)
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    sums = functools.reduce(add_sums, [all_sums(0.0, z[..., p], y[..., p]) for p in parts])
    near = y - center
    expected = 1 - ((z - y) ** 2).sum() / ((near - near.mean()) ** 2).sum()
    assert r_squared(sums) == pytest.approx(expected, rel=1e-3 if center == 1e12 else 1e-6)


def test_r_squared_is_known_if_one_of_two_targets_varies():
    y = np.stack([np.full(50, 0.1), np.arange(50.0)])
    assert r_squared(all_sums(0.0, y, y)) == 1
