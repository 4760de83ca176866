"""Arrays to be predicted: every way to store them gives the samples that the network reads."""

import gzip
import io
import struct

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.inputs import portion as portions_of
from cnntrain.data.inputs.arrays import array_portions
from cnntrain.data.inputs.portion import Wanted
from cnntrain.data.inputs.read import portions
from cnntrain.data.sources.digits import Digits
from cnntrain.data.sources.idx import Idx, IdxPair
from cnntrain.data.sources.numpy_files import Npy, NpyPair
from cnntrain.errors import DataError

X = np.arange(5 * 2 * 3).reshape(5, 1, 2, 3).astype(np.uint8)
COLORS = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
PAIR = NpyPair(inputs="x.npy", targets="y.npy")


@pytest.fixture
def read(tmp_path):
    """``read(name, shape)``: (ids, samples) of a file in the folder of this test."""

    def all_of(name, shape=(1, 2, 3), source=None, stdin=b""):
        wanted = Wanted(shape, source or Digits(), Schema(None))
        given = str(tmp_path / name) if name != "-" else name
        found = list(portions([given], tmp_path.joinpath, wanted, io.BytesIO(stdin), print))
        assert [p.total for p in found] == [sum(len(p.ids) for p in found), *[None] * 99][
            : len(found)
        ]
        return [i for p in found for i in p.ids], np.concatenate([p.x for p in found])

    return all_of


def idx_bytes(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("at_once", [4096, 2, 1])
@pytest.mark.parametrize(
    "stored",
    [X, X[:, 0], X.reshape(5, 6), np.asfortranarray(X), X.astype(">f8"), np.moveaxis(X, 1, -1)],
    ids=["NCHW", "NHW", "rows", "Fortran", "big-endian", "NHWC"],
)
def test_an_npy_file_in_any_layout(read, tmp_path, monkeypatch, stored, at_once):
    monkeypatch.setattr(portions_of, "MOST_SAMPLES", at_once)
    np.save(tmp_path / "x.npy", stored)
    ids, x = read("x.npy")
    np.testing.assert_array_equal(x, X)
    assert ids == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("one", [X[0], X[0, 0], X[0].reshape(6), np.asfortranarray(X[0])])
def test_a_single_sample_may_stand_alone(read, tmp_path, one):
    np.save(tmp_path / "x.npy", one)
    np.testing.assert_array_equal(read("x.npy")[1], X[:1])


def test_a_row_of_numbers_for_a_network_of_one_feature(read, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(4.0))
    np.testing.assert_array_equal(read("x.npy", (1,))[1], np.arange(4.0)[:, None])


@pytest.mark.parametrize("stored", [COLORS, np.moveaxis(COLORS, 1, -1)])
def test_channels_first_or_last(read, tmp_path, stored):
    np.save(tmp_path / "x.npy", stored)
    np.testing.assert_array_equal(read("x.npy", (3, 4, 5))[1], COLORS)


def test_where_both_fit_the_training_decides(read, tmp_path):
    cube = np.arange(54).reshape(2, 3, 3, 3)
    np.save(tmp_path / "x.npy", cube)
    last = Npy(train=PAIR, layout="channels_last")
    np.testing.assert_array_equal(read("x.npy", (3, 3, 3))[1], cube)
    np.testing.assert_array_equal(read("x.npy", (3, 3, 3), last)[1], np.moveaxis(cube, -1, 1))


@pytest.mark.parametrize(
    "arrays", [{"a": X}, {"x": X, "y": X[:3]}, {"x_train": X[:2], "X_test": X, "y_test": X}]
)
def test_the_inputs_of_an_archive(read, tmp_path, arrays):
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    np.testing.assert_array_equal(read("x.npz")[1], X)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_file(read, tmp_path, pack):
    (tmp_path / "images").write_bytes(pack(idx_bytes(X[:, 0])))
    np.testing.assert_array_equal(read("images")[1], X)


def test_an_idx_file_with_rows_and_columns_exchanged(read, tmp_path):
    (tmp_path / "images").write_bytes(idx_bytes(X[:, 0].swapaxes(1, 2)))
    source = Idx(train=IdxPair(images="a", labels="b"), transpose=True)
    np.testing.assert_array_equal(read("images", source=source)[1], X)


@pytest.mark.parametrize("stream", [idx_bytes(X[:, 0]), None])
def test_an_array_on_stdin(read, tmp_path, stream):
    if stream is None:
        np.save(tmp_path / "x.npy", X)
        stream = (tmp_path / "x.npy").read_bytes()
    np.testing.assert_array_equal(read("-", stdin=stream)[1], X)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (X[:, :, :, :2], "an array 5x1x2x2 holds no samples of shape 1x2x3, which the network "),
        (X[:0], "holds no samples; there is nothing to predict"),
        (np.array(["a"]), "holds <U1, not numbers"),
        (np.where(X == 7, np.nan, X), "sample 2 contains NaN or infinity"),
        (np.array([{}]), "holds object, not numbers"),
        (np.float64(3), "an array of one number holds no samples"),
    ],
)
def test_what_does_not_fit_is_explained(read, tmp_path, stored, message):
    np.save(tmp_path / "x.npy", stored)
    with pytest.raises(DataError) as caught:
        read("x.npy")
    assert str(caught.value).startswith(str(tmp_path / "x.npy"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_bytes(X[:, 0])[:-1], "ends before its last sample"),
        (idx_bytes(X[:, 0]) + b"0", "holds more than its header declares"),
        (gzip.compress(idx_bytes(X[:, 0]))[:-9], "corrupt archive"),
        (idx_bytes(X[:, 0, 0, 0]), "holds labels, not images"),
        (b"\x93NUMPY\x01\x00\x10\x00{nonsense", "not a readable NumPy file"),
        (b"\x93NUMPY\x09\x00", "not a readable NumPy file"),
        (b"PK\x03\x04 broken", "corrupt archive"),
    ],
    ids=["short", "long", "packed", "labels", "header", "version", "zip"],
)
def test_a_broken_file_is_explained(read, tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read("x")


@pytest.mark.parametrize("fortran", [False, True])
def test_a_header_that_declares_too_much_takes_no_memory(read, tmp_path, fortran):
    header = {"descr": "<f8", "fortran_order": fortran, "shape": (10**15, 2, 3)}
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(96))
    with pytest.raises(DataError, match="ends before its last sample"):
        read("x.npy")


def test_an_archive_whose_inputs_are_not_known(read, tmp_path):
    np.savez(tmp_path / "x.npz", a=X, b=X)
    with pytest.raises(DataError, match=r"which array holds the inputs\? It contains a, b"):
        read("x.npz")


def test_an_array_in_memory():
    wanted = Wanted((1, 2, 3), Digits(), Schema(None))
    (found,) = array_portions(X[:, 0], wanted, "X")
    np.testing.assert_array_equal(found.x, X)
    with pytest.raises(DataError, match="X: holds object, not numbers"):
        list(array_portions(np.array([None]), wanted, "X"))
