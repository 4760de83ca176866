"""The digits included in the package and their stratified split."""

import hashlib

import numpy as np
import pytest

from cnntrain.data.sources.digits import Digits


@pytest.fixture(scope="module")
def digits():
    return Digits().load(lambda name: None, seed=0)


def test_sizes_and_values(digits):
    assert digits.train.x.shape == (1438, 1, 8, 8)
    assert digits.test.x.shape == (359, 1, 8, 8)
    assert digits.classes == tuple("0123456789")
    for split in (digits.train, digits.test):
        assert split.x.dtype == np.uint8
        assert (split.x.min(), split.x.max()) == (0, 16)


def test_the_split_is_fixed_and_stratified(digits):
    whole = np.concatenate([digits.train.y, digits.test.y])
    share = np.bincount(digits.test.y) / np.bincount(whole)
    np.testing.assert_allclose(share, 0.2, atol=0.005)
    again = Digits().load(lambda name: None, seed=99)
    assert again.fingerprint() == digits.fingerprint()


def test_they_are_those_of_scikit_learn(digits):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is missing")
    expected = datasets.load_digits()

    def rows(x, y):
        data = zip(x.reshape(len(x), 64).astype(np.uint8), y, strict=True)
        return sorted(
            hashlib.sha256(row.tobytes() + bytes([label])).digest() for row, label in data
        )

    x = np.concatenate([digits.train.x, digits.test.x])
    y = np.concatenate([digits.train.y, digits.test.y])
    assert rows(x, y) == rows(expected.images, expected.target)
