"""Windows over maps: their positions, the meaning of "same", and lowering against plain slices."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cnntrain.errors import ShapeError
from cnntrain.ops.windows import Axis, lower_rows, patches, place, scatter


@st.composite
def axes(draw):
    """Any axis with at least one output."""
    size, pad = st.integers(1, 5), st.integers(0, 6)
    axis = Axis(draw(st.integers(1, 8)), draw(size), draw(st.integers(1, 4)), draw(pad), draw(pad))
    assume(axis.out >= 1)
    return axis


@given(axes())
def test_taps_are_exactly_those_outside_the_padding(axis):
    found = {
        (o, j, i)
        for j, outputs, inputs in axis.taps
        for o, i in zip(range(axis.out)[outputs], range(axis.length)[inputs], strict=True)
    }
    expected = {
        (o, j, o * axis.stride + j - axis.before)
        for o in range(axis.out)
        for j in range(axis.size)
        if 0 <= o * axis.stride + j - axis.before < axis.length
    }
    assert found == expected


@given(axes())
def test_slices_are_never_negative(axis):
    for _, outputs, inputs in axis.taps:
        assert 0 <= outputs.start <= outputs.stop
        assert 0 <= inputs.start <= inputs.stop


@given(axes())
def test_out_is_the_number_of_windows_that_fit(axis):
    starts = range(0, axis.before + axis.length + axis.after - axis.size + 1, axis.stride)
    assert axis.out == len(starts)


# By hand from TensorFlow's rule: out = ceil(length / stride); of the zeros needed for that many
# windows, half (rounded down) come before.
SAME = [
    # length, size, stride -> out, before, after
    (5, 3, 1, 5, 1, 1),
    (28, 5, 1, 28, 2, 2),
    (6, 4, 1, 6, 1, 2),
    (6, 2, 1, 6, 0, 1),
    (5, 3, 2, 3, 1, 1),
    (6, 3, 2, 3, 0, 1),
    (7, 4, 3, 3, 1, 2),
    (224, 7, 2, 112, 2, 3),
    (5, 1, 2, 3, 0, 0),
    (4, 2, 3, 2, 0, 1),
    (9, 2, 4, 3, 0, 1),
    (1, 3, 1, 1, 1, 1),
    (2, 5, 2, 1, 1, 2),
]


@pytest.mark.parametrize(("length", "size", "stride", "out", "before", "after"), SAME)
def test_same_padding_is_that_of_tensorflow(length, size, stride, out, before, after):
    vertical, horizontal = place((1, length, 10), (size, 1), (stride, 1), "same")
    assert (vertical.out, vertical.before, vertical.after) == (out, before, after)
    assert (horizontal.out, horizontal.before, horizontal.after) == (10, 0, 0)


@pytest.mark.parametrize(
    ("padding", "vertical", "horizontal"),
    [
        ("valid", (7, 3, 2, 0, 0), (9, 2, 1, 0, 0)),
        (0, (7, 3, 2, 0, 0), (9, 2, 1, 0, 0)),
        (2, (7, 3, 2, 2, 2), (9, 2, 1, 2, 2)),
        ((1, 3), (7, 3, 2, 1, 1), (9, 2, 1, 3, 3)),
        ("same", (7, 3, 2, 1, 1), (9, 2, 1, 0, 1)),
    ],
    ids=str,
)
def test_place(padding, vertical, horizontal):
    assert place((4, 7, 9), (3, 2), (2, 1), padding) == (Axis(*vertical), Axis(*horizontal))


@pytest.mark.parametrize(
    ("in_shape", "message"),
    [
        (
            (5,),
            "needs an image of shape (C, H, W), but the input is (5,)",
        ),
        ((5, 5), "needs an image of shape (C, H, W), but the input is (5, 5)"),
        (
            (1, 3, 1),
            "a window of 3x2 does not fit into the input (1, 3, 1) with padding valid; "
            "use a smaller window, more padding or fewer poolings",
        ),
    ],
)
def test_messages(in_shape, message):
    with pytest.raises(ShapeError) as caught:
        place(in_shape, (3, 2), (1, 1), "valid")
    assert str(caught.value) == message


def padded(x, vertical, horizontal):
    pads = [(axis.before, axis.after) for axis in (vertical, horizontal)]
    return np.pad(x, [(0, 0), *pads, (0, 0)])


@given(axes(), axes(), st.integers(1, 3), st.integers(1, 2))
def test_lowered_patches_are_the_windows(vertical, horizontal, c, n):
    x = np.random.default_rng(0).standard_normal((c, vertical.length, horizontal.length, n))
    image = padded(x, vertical, horizontal)
    rows = lower_rows(x, vertical, horizontal)
    view = patches(rows, vertical)
    kh, kw, ow = vertical.size, horizontal.size, horizontal.out
    assert view.shape == (vertical.out, kh * c * kw, ow * n)
    assert np.shares_memory(view, rows)
    assert not view.flags.writeable
    blocks = view.reshape(vertical.out, kh, c, kw, ow, n)
    for oh, o in np.ndindex(vertical.out, ow):
        top, left = oh * vertical.stride, o * horizontal.stride
        window = image[:, top : top + kh, left : left + kw]
        np.testing.assert_array_equal(blocks[oh, :, :, :, o], window.transpose(1, 0, 2, 3))


@given(axes(), axes(), st.integers(1, 3), st.integers(1, 2))
def test_scatter_is_the_transpose_of_gathering(vertical, horizontal, c, n):
    shape = (c, vertical.size, horizontal.size, vertical.out, horizontal.out, n)
    taps = np.random.default_rng(1).integers(-9, 10, shape).astype(np.float64)
    in_shape = (c, vertical.length, horizontal.length)
    image = padded(np.zeros((*in_shape, n)), vertical, horizontal)
    for i, j, oh, ow in np.ndindex(*shape[1:5]):
        image[:, oh * vertical.stride + i, ow * horizontal.stride + j] += taps[:, i, j, oh, ow]
    rows, columns = vertical.before, horizontal.before
    inside = image[:, rows : rows + vertical.length, columns : columns + horizontal.length]
    np.testing.assert_array_equal(scatter(taps, in_shape, vertical, horizontal), inside)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_preserved(dtype):
    vertical, horizontal = place((2, 5, 4), (2, 3), (1, 2), 1)
    assert lower_rows(np.ones((2, 5, 4, 3), dtype), vertical, horizontal).dtype == dtype
    taps = np.ones((2, 2, 3, vertical.out, horizontal.out, 3), dtype)
    assert scatter(taps, (2, 5, 4), vertical, horizontal).dtype == dtype
