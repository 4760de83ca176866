"""The synthetic problems match their docstrings."""

import numpy as np
import pytest

from cnntrain.data.sources.synthetic import Synthetic


def load(problem, seed=0, **options):
    return Synthetic(problem=problem, **options).load(lambda name: None, seed)


def test_xor_is_the_exclusive_or_of_the_signs():
    split = load("xor", noise=0.1, n=500).train
    np.testing.assert_array_equal(split.y, (split.x[:, 0] > 0) ^ (split.x[:, 1] > 0))
    np.testing.assert_allclose(np.abs(split.x), 1, atol=0.5)


def test_spirals_are_two_arms_half_a_turn_apart():
    split = load("spirals", noise=0.0, n=500).train
    radius = np.hypot(*split.x.T)
    assert radius.max() <= 1
    turned = split.x * np.where(split.y, -1, 1)[:, None]  # the second arm, rotated onto the first
    angle = 3 * np.pi * radius
    np.testing.assert_allclose(turned.T, radius * [np.cos(angle), np.sin(angle)], atol=1e-9)


def test_sine_is_a_sine():
    split = load("sine", noise=0.0, n=100).train
    np.testing.assert_allclose(split.y, np.sin(np.pi * split.x))
    assert split.x.min() >= -1
    assert split.x.max() <= 1


@pytest.mark.parametrize("problem", ["xor", "spirals", "sine"])
def test_sizes_seed_and_splits(problem):
    dataset = load(problem, n=30, n_test=7)
    assert (len(dataset.train), len(dataset.test)) == (30, 7)
    assert not np.array_equal(dataset.train.x[:7], dataset.test.x)
    assert not np.array_equal(dataset.train.x, load(problem, n=30, n_test=7, seed=1).train.x)


@pytest.mark.parametrize("problem", ["xor", "spirals"])
def test_both_classes_occur(problem):
    labels = load(problem, n=100).train.y
    assert 30 < labels.sum() < 70


@pytest.mark.parametrize("problem", ["xor", "sine"])
def test_noise_is_a_standard_deviation(problem):
    clean, noisy = (load(problem, n=4000, noise=noise).train for noise in (0.0, 0.3))
    difference = noisy.y - clean.y if problem == "sine" else noisy.x - clean.x
    assert difference.std() == pytest.approx(0.3, rel=0.05)
