"""A batch that is gathered in one pass has the bits of the one that NumPy makes in several."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data.normalize import Normalizer, statistics_shape
from cnntrain.native import NUMPY, available
from cnntrain.native.engine import native, using

pytestmark = pytest.mark.skipif(not available(), reason="needs the compiled kernels")

KINDS = ("none", "per_channel", "per_feature")
SHAPES = [(1,), (5,), (16,), (33,), (1, 28, 28), (3, 5, 7), (2, 16, 1), (17, 1, 1)]
STORED = [np.uint8, np.float32, np.float64, np.int16, np.int64, ">f4"]


def normalizer_of(kind, sample_shape, rng):
    shape = statistics_shape(kind, sample_shape)
    if kind == "none":
        return Normalizer(np.zeros(shape), np.ones(shape))
    return Normalizer(1e3 * rng.standard_normal(shape), 0.1 + rng.random(shape))


def same_everywhere(normalizer, stored, rows, dtype):
    found = []
    for one in (NUMPY, *map(native, available())):
        with using(one):
            batch = normalizer.gather(stored, rows, dtype)
        assert batch.shape == (*stored.shape[1:], len(rows))
        assert batch.dtype == dtype
        assert batch.flags.c_contiguous
        found.append(batch.tobytes())
    assert len(set(found)) == 1


@given(
    st.sampled_from(KINDS),
    st.sampled_from(SHAPES),
    st.sampled_from(STORED),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 70),
    st.integers(0, 2**32),
)
def test_bits_are_those_of_numpy(kind, shape, stored_as, dtype, n, seed):
    rng = np.random.default_rng(seed)
    stored = (1e3 * rng.random((40, *shape))).astype(stored_as)
    stored.setflags(write=False)
    rows = rng.integers(0, 40, n)
    same_everywhere(normalizer_of(kind, shape, rng), stored, rows, np.dtype(dtype))


def test_a_column_far_from_zero_keeps_its_digits():
    """Float64 samples are subtracted from in float64, float32 ones with what float32 rounds off."""
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        stored = (1.7e9 + 100 * rng.random((50, 3))).astype(dtype)
        normalizer = Normalizer(np.full(3, 1.7e9 + 50), np.full(3, 30.0))
        same_everywhere(normalizer, stored, np.arange(50), np.dtype(np.float32))


def test_what_is_not_a_number_stays_so():
    stored = np.array([[np.nan, np.inf], [-np.inf, -0.0]], np.float32)
    normalizer = Normalizer(np.array([-0.0, 0.0]), np.array([1e-40, 1e40]))
    with np.errstate(all="ignore"):
        same_everywhere(normalizer, stored, np.array([0, 1, 1]), np.dtype(np.float32))


def test_statistics_of_any_shape_are_applied():
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 255, (9, 2, 3, 4)).astype(np.uint8)
    for shape in ((1, 3, 1), (2, 1, 4), (1, 1, 4), (2, 3, 1)):
        normalizer = Normalizer(rng.random(shape), 1 + rng.random(shape))
        same_everywhere(normalizer, stored, np.arange(9), np.dtype(np.float32))


def test_samples_may_be_a_memory_map_or_any_part_of_an_array(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.random((30, 20)).astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for stored in (mapped, mapped[::2], mapped.T[:, 5:].T):
        normalizer = Normalizer(rng.random(20), 1 + rng.random(20))
        for rows in (np.arange(12), np.arange(12)[::-1], np.arange(12, dtype=np.int32)):
            same_everywhere(normalizer, stored, rows, np.dtype(np.float32))


@pytest.mark.parametrize("row", [-1, 4, 2**62, -(2**62)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_samples_that_are_not_there_are_refused(row, dtype):
    normalizer = Normalizer(np.zeros(3), np.ones(3))
    with using(native()), pytest.raises(IndexError):
        normalizer.gather(np.zeros((4, 3), dtype), np.array([0, row]), np.dtype(np.float32))


def test_statistics_that_do_not_fit_are_refused():
    stored, rows = np.zeros((4, 3), np.float32), np.arange(2)
    for one in (NUMPY, native()):
        with using(one), pytest.raises(ValueError):  # noqa: PT011
            Normalizer(np.zeros(5), np.ones(5)).gather(stored, rows, np.dtype(np.float32))
        with using(one), pytest.raises(ValueError):  # noqa: PT011
            Normalizer(np.zeros(3), np.ones(5)).gather(stored, rows, np.dtype(np.float32))
