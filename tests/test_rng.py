"""Random streams: Philox, keyed as documented, with a separate stream for every purpose."""

import itertools

import numpy as np
import pytest

from cnntrain.rng import Purpose, stream

MASK = 2**64 - 1


def philox_4x64_10(key, counter):
    """One block of the generator as defined by Salmon et al. 2011, in Python integers."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * c2, 2**64)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return [c0, c1, c2, c3]


def first_words(*arguments, n=4):
    return stream(*arguments).bit_generator.random_raw(n).tolist()


def test_the_reference_philox_gives_the_published_answer():
    # known-answer test of the authors' library (Random123), key and counter 0
    assert philox_4x64_10((0, 0), (0, 0, 0, 0)) == [
        *(0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
    ]


@pytest.mark.parametrize(
    ("seed", "purpose", "counters"),
    [
        (0, Purpose.INIT, ()),
        (1, Purpose.LAYER, (5, 2, 3)),
        (MASK, Purpose.SHUFFLE, (7,)),
        (42, Purpose.SPLIT, (MASK, MASK, MASK)),
    ],
)
def test_streams_are_keyed_as_documented(seed, purpose, counters):
    upper = [*counters, 0, 0, 0][:3]
    expected = [
        word
        for draw in (1, 2)  # the lowest word counts the blocks, from 1
        for word in philox_4x64_10((seed, int(purpose)), (draw, *upper))
    ]
    assert first_words(seed, purpose, *counters, n=8) == expected


def test_first_values_are_those_of_earlier_versions():
    """Checkpoints rely on them: if this fails, old runs cannot be resumed."""
    assert first_words(0, Purpose.INIT, n=2) == [15003734204198539638, 13859618513508960101]
    drawn = stream(0, Purpose.LAYER, 1, 2, 3).random(2).tolist()
    assert drawn == [0.021006711093994546, 0.36778737163128816]


def test_the_numbers_of_the_purposes_are_fixed():
    fixed = {"INIT": 1, "SHUFFLE": 2, "SPLIT": 3, "LAYER": 4, "SYNTHETIC": 5, "GRADCHECK": 6}
    assert {name: Purpose[name].value for name in fixed} == fixed
    assert len({purpose.value for purpose in Purpose}) == len(Purpose.__members__)


def test_every_seed_purpose_and_counter_has_its_own_stream():
    keys = list(itertools.product((0, 1, 2, MASK), Purpose, (0, 1, 5), (0, 1, 5), (0, 1, 5)))
    drawn = [word for key in keys for word in first_words(*key)]
    assert len(set(drawn)) == len(drawn) == 4 * len(keys)


def test_streams_do_not_overlap():
    """A long stream of one counter never reaches the values of the next counter."""
    long = set(stream(0, Purpose.LAYER, 0).bit_generator.random_raw(100_000).tolist())
    assert long.isdisjoint(stream(0, Purpose.LAYER, 1).bit_generator.random_raw(1000).tolist())


def test_omitted_counters_are_zero():
    assert first_words(3, Purpose.INIT) == first_words(3, Purpose.INIT, 0, 0, 0)


def test_a_stream_restarts_at_every_call_and_does_not_touch_the_global_generator():
    before = np.random.get_state()[1].copy()
    assert first_words(9, Purpose.SPLIT) == first_words(9, Purpose.SPLIT)
    stream(9, Purpose.SPLIT).random(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_at_most_three_counters():
    with pytest.raises(ValueError, match="broadcast"):
        stream(0, Purpose.LAYER, 1, 2, 3, 4)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range_is_rejected(seed):
    with pytest.raises(OverflowError):
        stream(seed, Purpose.INIT)
