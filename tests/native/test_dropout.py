"""Compiled masks are those that NumPy draws, for any seed, counter and length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.layers.dropout import kept_units, masked
from cnntrain.native import NUMPY, available
from cnntrain.native.dropout import kept_units as compiled
from cnntrain.native.engine import native, using
from cnntrain.rng import Purpose, stream

pytestmark = pytest.mark.skipif(not available(), reason="needs the compiled kernels")

WORD = st.integers(0, 2**64 - 1)


def philox(counter, key):
    words = np.array(counter, np.uint64), np.array(key, np.uint64)
    return np.random.Generator(np.random.Philox(counter=words[0], key=words[1]))


@given(
    st.lists(WORD, min_size=4, max_size=4),
    st.lists(WORD, min_size=2, max_size=2),
    st.integers(0, 100),
    st.floats(0, 1, exclude_max=True),
)
def test_every_stream_gives_the_numbers_of_numpy(counter, key, size, rate):
    expected = philox(counter, key).random(size, dtype=np.float32) >= rate
    for isa in available():
        with using(native(isa)):
            found = compiled((size,), rate, philox(counter, key))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("end", [2**64 - 1, 2**64 - 3])
def test_the_counter_carries_over(end):
    counter, key = (end, 2**64 - 1, 2**64 - 1, 5), (1, 2)
    expected = philox(counter, key).random(99, dtype=np.float32) >= 0.5
    with using(native()):
        np.testing.assert_array_equal(compiled((99,), 0.5, philox(counter, key)), expected)


def test_a_threshold_is_met_exactly():
    """Rates at, just below and just above numbers that are drawn."""
    u = stream(3, Purpose.LAYER, 1, 2, 3).random(64, dtype=np.float32)
    with using(native()):
        for rate in (*u[:8], *np.nextafter(u[:8], np.float32(1)), *np.nextafter(u[:8], 0)):
            found = compiled((64,), float(rate), stream(3, Purpose.LAYER, 1, 2, 3))
            np.testing.assert_array_equal(found, u >= rate)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 31, 32, 33, 4097])
def test_every_length(size):
    found = []
    for one in (NUMPY, *map(native, available())):
        with using(one):
            found.append(kept_units((size,), 0.3, stream(7, Purpose.LAYER, 1)).tobytes())
    assert len(set(found)) == 1


def test_a_generator_in_use_or_of_another_kind_goes_on_in_numpy():
    with using(native()):
        used, again = (stream(1, Purpose.LAYER) for _ in range(2))
        for rng in (used, again):
            rng.random(3, dtype=np.float32)
        expected = again.random(20, dtype=np.float32) >= 0.5
        np.testing.assert_array_equal(kept_units((20,), 0.5, used), expected)
        expected = np.random.default_rng(1).random(20, dtype=np.float32) >= 0.5
        found = kept_units((20,), 0.5, np.random.default_rng(1))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "mask_shape"),
    [
        ((5, 7), (5, 7)),
        ((3, 4, 2, 19), (3, 4, 2, 19)),
        ((3, 4, 2, 19), (3, 1, 1, 19)),
        ((3, 4, 2, 1), (3, 1, 1, 1)),
        ((2, 1, 5, 16), (2, 1, 1, 16)),
    ],
)
def test_a_mask_is_applied_to_the_bit(dtype, shape, mask_shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    x.flat[:5] = (np.nan, np.inf, -np.inf, -0.0, 0.0)
    kept = rng.random(mask_shape) < 0.6
    found = []
    for one in (NUMPY, *map(native, available())):
        with using(one), np.errstate(invalid="ignore"):
            y = masked(x, kept, 0.3)
        found.append(np.where(np.isnan(y), 7, y).tobytes())
    assert len(set(found)) == 1


def test_masks_that_do_not_fit_are_refused():
    with using(native()):
        for shape in [(2, 3), (3, 4, 5), (2, 3, 4, 5), (2, 2, 4)]:
            with pytest.raises(ValueError, match="does not fit"):
                masked(np.zeros((2, 3, 4)), np.zeros(shape, bool), 0.5)
        with pytest.raises(ValueError, match="does not fit"):
            masked(np.zeros(3), np.zeros(3, np.uint8), 0.5)
