"""Sums against Python's exact ``math.fsum``, in float32 and float64, for any length and layout."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.ops.sums import (
    BLOCK,
    FEW,
    LONG,
    Moments,
    centered,
    class_sums,
    column_sums,
    exact_sums,
    is_constant,
    long_product,
    merged,
    moments,
    row_dots,
    row_sums,
)

U = 2.0**-24  # half the distance from 1 to the next float32
LENGTHS = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 1000, 3 * FEW, 3 * FEW + 17]
KINDS = {
    "constant": lambda rng, shape: np.full(shape, 0.1),
    "shifted": lambda rng, shape: 1000 + rng.standard_normal(shape),
    "spread": lambda rng, shape: rng.standard_normal(shape),
    "powers": lambda rng, shape: 10.0 ** rng.uniform(-6, 6, shape),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_length = pytest.mark.parametrize("m", LENGTHS)


def drawn(kind, shape, dtype=np.float32):
    return KINDS[kind](np.random.default_rng(5), shape).astype(dtype)


def exact(numbers):
    return math.fsum(np.asarray(numbers, np.float64).tolist())


def error(found, numbers):
    """|found - Σ| in units of Σ|x|."""
    return abs(float(found) - exact(numbers)) / exact(np.abs(numbers))


@every_kind
@every_length
def test_sums_along_rows(kind, m):
    x = drawn(kind, (3, m))
    found = row_sums(x)
    assert found.dtype == np.float64
    assert max(error(a, row) for a, row in zip(found, x, strict=True)) <= 4 * U


@every_kind
@every_length
@pytest.mark.parametrize("n", [1, 2, 5])
def test_sums_along_columns(kind, m, n):
    x = drawn(kind, (2, m, n))
    for sums, bound in ((column_sums, 8 * U), (exact_sums, 1e-12)):
        found = sums(x)
        assert found.shape == (2, 1, n)
        assert found.dtype == np.float64
        errors = [error(found[g, 0, k], x[g, :, k]) for g in range(2) for k in range(n)]
        assert max(errors) <= bound


@every_kind
@every_length
def test_sums_of_products(kind, m):
    a, b = drawn(kind, (2, m)), drawn("spread", (2, m))
    products = a.astype(np.float64) * b
    found = row_dots(a, b)
    assert found.dtype == np.float64
    assert max(error(f, row) for f, row in zip(found, products, strict=True)) <= 8 * U


@pytest.mark.parametrize("sums", [row_sums, lambda x: exact_sums(x[..., None])[..., 0, 0]])
@every_kind
def test_float64_keeps_its_own_accuracy(sums, kind):
    x = drawn(kind, (2, 30_000), np.float64)
    assert max(error(f, row) for f, row in zip(sums(x), x, strict=True)) <= 1e-14


@pytest.mark.parametrize("n", [1, 3, 64])
@pytest.mark.parametrize("value", [0.1, 254.7, 1e-30, -3.3e7])
def test_the_mean_of_equal_numbers_is_that_number(n, value):
    x = np.full((2, 5000, n), value, np.float32)
    mean = exact_sums(x) / 5000
    assert (mean.astype(np.float32) == x[:, :1]).all()
    assert (centered(x, mean) == 0).all()


def test_a_mean_is_taken_off_with_more_digits_than_float32_holds():
    x = (1e6 + np.random.default_rng(0).standard_normal((1, 999, 4))).astype(np.float32)
    wide = x.astype(np.float64)
    expected = wide - wide.mean(axis=1, keepdims=True)
    found = centered(x, exact_sums(x) / 999)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 2 * U * np.abs(expected).max()


def test_rows_that_are_not_contiguous_and_shapes_of_any_rank():
    x = drawn("spread", (3, 400, 40))
    np.testing.assert_allclose(row_sums(x), x.sum(axis=-1, dtype=np.float64), atol=1e-4)
    turned = x.transpose(2, 0, 1)
    np.testing.assert_allclose(row_sums(turned), turned.sum(axis=-1, dtype=np.float64), atol=1e-4)


def test_nothing_is_0():
    assert row_sums(np.zeros((3, 0), np.float32)).tolist() == [0, 0, 0]
    assert column_sums(np.zeros((1, 0, 2), np.float32)).tolist() == [[[0, 0]]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("m", [BLOCK, 2 * FEW])
def test_what_is_not_finite_stays_in_its_own_sum(bad, m):
    x = np.ones((2, m), np.float32)
    x[0, m // 2] = bad
    for found in (row_sums(x), column_sums(x[..., None])[:, 0, 0]):
        np.testing.assert_array_equal(found, [bad, m])


@pytest.mark.parametrize("k", [3, 10_000])
def test_sums_over_classes_keep_the_type_and_the_axis(k):
    z = drawn("shifted", (k, 2, 3))
    found = class_sums(z)
    assert found.shape == (1, 2, 3)
    assert found.dtype == np.float32
    assert error(found[0, 1, 2], z[:, 1, 2]) <= 8 * U


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_products(lead, dtype):
    m = 3 * LONG + 5
    a, b = drawn("constant", (*lead, 2, m), dtype), drawn("constant", (*lead, m, 4), dtype)
    found = long_product(a, b)
    assert found.shape == (*lead, 2, 4)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, m * float(dtype(0.1)) ** 2, rtol=5e-6)
    short = long_product(a[..., :7], b[..., :7, :])
    np.testing.assert_array_equal(short, a[..., :7] @ b[..., :7, :])


@given(
    parts=st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=6), min_size=1, max_size=6),
    shift=st.sampled_from([0.0, 1e6, -1e12]),
)
def test_merged_moments_are_those_of_all(parts, shift):
    arrays = [np.array(part) + shift for part in parts]
    found = moments(arrays[0])
    for part in arrays[1:]:
        found = merged(found, moments(part))
    numbers = [Fraction(x) for part in arrays for x in part.tolist()]
    mean = sum(numbers) / len(numbers)
    squares = sum((x - mean) ** 2 for x in numbers)
    assert found.m == len(numbers)
    assert float(found.mean) == pytest.approx(float(mean), rel=1e-14, abs=1e-12)
    rounding = len(numbers) * 200 * 4e-16 * (abs(shift) + 100)  # of means, next to the distances
    assert float(found.squares) == pytest.approx(float(squares), rel=1e-12, abs=rounding)


def test_moments_of_one_number():
    assert moments(np.array([[3.5]], np.float32)) == Moments(1, np.array([3.5]), np.array([0.0]))


@pytest.mark.parametrize(
    ("value", "constant"),
    [
        (np.full(999, 0.1), True),
        (np.full(999, -1.7e9 / 3), True),
        (np.zeros(5), True),
        (1.7e9 + np.arange(999.0), False),
        (np.array([0.1] * 998 + [0.1 + 1e-9]), False),
        (np.array([0.0, 1e-300]), True),  # its square is 0
        (np.array([0.0, 1e-150]), False),
    ],
    ids=str,
)
def test_constant_is_what_varies_by_rounding_alone(value, constant):
    m, mean, squares = moments(value)
    assert bool(is_constant(squares / m, mean, m)) is constant
