"""Samples that stay on disk: read exactly, in bounded memory, and never from a changed file."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data import by_index
from cnntrain.data.batches import Batches, epoch_order, part_of_order
from cnntrain.data.by_index import Blocks, FileRows, RowFile, viewed
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import fit_normalizer
from cnntrain.errors import DataError

X = np.arange(11 * 6, dtype=np.float32).reshape(11, 6)


@pytest.fixture
def rows(tmp_path):
    """The samples X in two files, each after a header of 5 bytes."""
    files = []
    for name, part in (("a", X[:4]), ("b", X[4:])):
        (tmp_path / name).write_bytes(b"-----" + part.tobytes())
        files.append(RowFile.at(tmp_path / name, 5, len(part)))
    return FileRows(files, (6,), X.dtype)


@pytest.mark.parametrize("wanted", [[0], [10, 0, 3, 4], [2, 2, 5, 5, 1], list(range(11)), []])
def test_samples_are_read_in_any_order(rows, wanted):
    wanted = np.array(wanted, np.int64)
    np.testing.assert_array_equal(rows[wanted], X[wanted])


def test_slices_and_views(rows):
    np.testing.assert_array_equal(rows[3:9], X[3:9])
    turned = viewed(rows, lambda x: x.reshape(-1, 2, 3).swapaxes(1, 2))
    assert turned.shape == (11, 3, 2)
    np.testing.assert_array_equal(turned[np.array([7])][0], X[7].reshape(2, 3).T)


def test_batches_are_the_same_as_in_memory(rows, monkeypatch):
    monkeypatch.setattr(by_index, "CHUNK", 3)
    for kind in ("none", "unit", "per_feature"):
        found = [
            Batches(split, fit_normalizer(kind, split), np.dtype("float32")).take(np.array([9, 1]))
            for split in (Split(X, np.arange(11)), Split(rows, np.arange(11)))
        ]
        np.testing.assert_array_equal(found[0][0], found[1][0])


def shrink(path):
    os.truncate(path, 20)


def replace(path):
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)


def write(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shrink, r"b: has shrunk from 173 to 20 bytes while it was in use"),
        (replace, r"b: has changed while it was in use"),
        (write, r"b: has changed while it was in use"),
        (os.remove, r"b: has vanished while it was in use"),
    ],
)
def test_a_file_that_is_no_longer_what_it_was(rows, tmp_path, change, message):
    change(tmp_path / "b")
    np.testing.assert_array_equal(rows[:4], X[:4])
    with pytest.raises(DataError, match=message):
        rows[3:5]


def test_blocks_are_kept_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 2 * 24 + 12)
    decoded = []

    def block(k):
        decoded.append(k)
        return X[2 * k : 2 * k + 2]

    blocks = Blocks(np.array([2, 4, 6, 8, 10, 11]), (6,), X.dtype, block)
    np.testing.assert_array_equal(blocks[np.array([10, 0, 1])], X[[10, 0, 1]])
    assert decoded == [0, 5]
    blocks[np.array([1])]
    assert decoded == [0, 5, 0]  # a block is 48 bytes, so only one is kept at a time


def test_blocks_are_read_by_several_threads():
    blocks = Blocks(np.arange(1, 12), (6,), X.dtype, lambda k: X[k : k + 1])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: blocks[:], range(20)):
            np.testing.assert_array_equal(found, X)


@given(st.integers(1, 3000), st.integers(0, 9), st.integers(0, 3))
def test_an_order_that_is_not_listed_is_a_permutation(n, seed, epoch):
    order = part_of_order(n, seed, epoch, slice(0, n))
    assert sorted(order.tolist()) == list(range(n))
    middle = slice(n // 3, n // 3 + 10)
    np.testing.assert_array_equal(part_of_order(n, seed, epoch, middle), order[middle])


def test_every_epoch_has_its_own_order():
    n = 10**9
    orders = {(s, e): part_of_order(n, s, e, slice(0, 50)) for s in (0, 1) for e in (0, 1)}
    assert len({tuple(order.tolist()) for order in orders.values()}) == 4


def test_places_and_samples_are_independent():
    """χ² of a 16 x 16 table of place and sample, which a random permutation keeps near 225."""
    n = 1 << 16
    order = part_of_order(n, 3, 1, slice(0, n))
    cells = np.bincount((np.arange(n) * 16 // n) * 16 + order * 16 // n, minlength=256)
    chi2 = ((cells - n / 256) ** 2 / (n / 256)).sum()
    assert 160 < chi2 < 300
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02


def test_small_data_keeps_its_order():
    assert epoch_order(8, 0, 0, True).tolist() == [6, 1, 7, 3, 2, 5, 4, 0]
