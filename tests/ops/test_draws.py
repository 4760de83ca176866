"""Random numbers made of uniform ones: their distributions, and that shards do not matter."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from cnntrain.ops import draws
from cnntrain.rng import Purpose, stream

MANY = 200_000


def generator():
    return stream(1, Purpose.INIT)


def test_the_quantile_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    tails = 10.0 ** -rng.uniform(1, 15, 500)
    share = np.concatenate([rng.random(2000), tails, 1 - tails, [0.5, 0.075, 0.925]])
    exact = [NormalDist().inv_cdf(float(p)) for p in share]
    np.testing.assert_allclose(draws.normal_quantile(share), exact, rtol=1e-13, atol=1e-15)


def test_the_quantile_is_finite_everywhere():
    ends = draws.normal_quantile(np.array([0.0, 0.5, np.nextafter(1, 0)]))
    assert ends.tolist() == pytest.approx([-8.2924, 0, 8.2095], abs=1e-4)


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    x = draws.normal(generator(), (MANY // 100, 100))
    moments = [float((x**k).mean()) for k in range(1, 5)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.04)


def test_one_uniform_number_makes_one_normal_number():
    few, many = draws.normal(generator(), 5), draws.normal(generator(), (3, 20_000))
    assert few.tolist() == many.ravel()[:5].tolist()
    rng = generator()
    draws.normal(rng, 7)
    reference = generator()
    reference.random(7)
    assert rng.random() == reference.random()


def test_uniform_numbers_are_those_of_numpy_on_this_machine():
    x = draws.uniform(generator(), -0.3, 0.7, (4, 5))
    np.testing.assert_allclose(x, generator().uniform(-0.3, 0.7, (4, 5)), rtol=1e-15)


@pytest.mark.parametrize("a", [0.05, 0.2, 1.0, 3.0])
def test_beta_has_its_mean_and_variance_and_is_symmetric(a):
    x = draws.beta(generator(), a, MANY)
    assert ((x >= 0) & (x <= 1)).all()
    assert x.mean() == pytest.approx(0.5, abs=0.005)
    assert x.var() == pytest.approx(1 / (4 * (2 * a + 1)), rel=0.02)
    assert np.mean(x < 0.1) == pytest.approx(np.mean(x > 0.9), abs=0.005)


def test_beta_of_1_is_uniform():
    shares = np.histogram(draws.beta(generator(), 1.0, MANY), 10, (0, 1))[0] / MANY
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.005)


@pytest.mark.parametrize("a", [0.3, 2.0])
def test_gamma_has_the_mean_of_its_logarithm(a):
    """The digamma function, from its recurrence and its series for large arguments."""
    shifted = a + 20
    digamma = math.log(shifted) - 1 / (2 * shifted) - 1 / (12 * shifted**2)
    digamma -= sum(1 / (a + k) for k in range(20))
    assert draws.log_gamma_draws(generator(), a, MANY).mean() == pytest.approx(digamma, abs=0.03)
