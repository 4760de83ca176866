"""Batches: batch axis last, normalized, in the network's precision."""

import numpy as np
import pytest

from cnntrain.data.batches import Batches, epoch_order
from cnntrain.data.dataset import Split
from cnntrain.data.normalize import Normalizer, fit_normalizer

PIXELS = np.arange(5 * 2 * 3 * 4).astype(np.uint8).reshape(5, 2, 3, 4)
VECTORS = np.arange(10.0).reshape(5, 2)


def batches(x, y, dtype="float32", kind="none"):
    split = Split(x, y)
    return Batches(split, fit_normalizer(kind, split), np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("x", [PIXELS, VECTORS, VECTORS.astype(np.float32)])
@pytest.mark.parametrize("indices", [[0], [4, 0, 2], [1, 1]])
def test_the_batch_is_last(dtype, x, indices):
    found, y = batches(x, np.arange(5), dtype).take(np.array(indices))
    assert found.shape == (*x.shape[1:], len(indices))
    assert found.dtype == np.dtype(dtype)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    for column, index in enumerate(indices):
        np.testing.assert_array_equal(found[..., column], x[index])
    np.testing.assert_array_equal(y, indices)
    assert y.dtype.kind == "i"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_batch_is_last_for_targets_too(dtype):
    targets = np.arange(10.0).reshape(5, 2)
    _, y = batches(VECTORS, targets, dtype).take(np.array([3, 0]))
    np.testing.assert_array_equal(y, targets[[3, 0]].T)
    assert y.dtype == np.dtype(dtype)
    assert y.flags.c_contiguous


def test_samples_are_normalized():
    normalizer = Normalizer(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    x, _ = Batches(Split(VECTORS, np.arange(5)), normalizer, np.dtype("float64")).take(
        np.array([4])
    )
    np.testing.assert_array_equal(x, [[(8 - 1) / 2], [(9 - 2) / 4]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_data_is_not_changed(order):
    data = np.array(VECTORS, order=order)
    x, _ = batches(data, np.arange(5), "float64").take(np.arange(5))
    x += 1
    np.testing.assert_array_equal(data, VECTORS)


def test_only_the_needed_part_of_a_mapped_file_is_read(tmp_path):
    (tmp_path / "x").write_bytes(PIXELS.tobytes())
    mapped = np.memmap(tmp_path / "x", np.uint8, mode="r", shape=PIXELS.shape)
    x, _ = batches(mapped, np.arange(5)).take(np.array([3]))
    np.testing.assert_array_equal(x[..., 0], PIXELS[3])
    assert not isinstance(x, np.memmap)


def test_the_order_of_an_epoch():
    orders = {
        (seed, epoch): tuple(epoch_order(30, seed, epoch, shuffle=True).tolist())
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    }
    assert len(set(orders.values())) == 6
    assert all(sorted(order) == list(range(30)) for order in orders.values())
    assert epoch_order(30, 0, 5, shuffle=False).tolist() == list(range(30))
