"""CIFAR's binary records: byte order, several files, and broken files."""

import numpy as np
import pytest

from cnntrain.data import by_index
from cnntrain.data.by_index import ByIndex
from cnntrain.data.sources.cifar import CIFAR10_CLASSES, Cifar10, Cifar100, records_of
from cnntrain.errors import DataError

PIXELS = np.arange(3 * 3072).astype(np.uint8).reshape(3, 3072)


def records(*labels):
    """Records with these label bytes, one tuple per record."""
    table = np.array(labels, np.uint8).reshape(len(labels), -1)
    return np.concatenate([table, PIXELS[: len(table)]], axis=1).tobytes()


@pytest.fixture
def load(tmp_path):
    """``load(source, name=bytes)``: the data of a source over files with these contents."""

    def loaded(source, **contents):
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        return source.load(tmp_path.joinpath, seed=0)

    return loaded


def test_red_green_blue_row_by_row(load):
    train = load(Cifar10(train=("a",)), a=records(3, 0, 9)).train
    assert train.y.tolist() == [3, 0, 9]
    assert (train.x.shape, train.x.dtype) == ((3, 3, 32, 32), np.uint8)
    for sample, channel, row, column in ((0, 0, 0, 1), (1, 2, 0, 0), (2, 1, 31, 30)):
        place = channel * 1024 + row * 32 + column
        assert train.x[sample, channel, row, column] == PIXELS[sample, place]


def test_files_are_concatenated(load):
    source = Cifar10(train=("a", "b"), test=("b",), val=("a",))
    dataset = load(source, a=records(1, 2), b=records(7))
    splits = (dataset.train, dataset.test, dataset.val)
    assert [split.y.tolist() for split in splits] == [[1, 2, 7], [7], [1, 2]]
    np.testing.assert_array_equal(dataset.train.x[2], dataset.test.x[0])
    assert dataset.classes == CIFAR10_CLASSES


@pytest.mark.parametrize(("labels", "expected"), [("fine", [99, 5]), ("coarse", [19, 4])])
def test_two_labels_per_record(load, labels, expected):
    dataset = load(Cifar100(train=("a",), labels=labels), a=records((19, 99), (4, 5)))
    assert dataset.train.y.tolist() == expected
    assert len(dataset.classes) == {"fine": 100, "coarse": 20}[labels]


def test_large_files_stay_on_disk(load, monkeypatch):
    small = load(Cifar10(train=("a", "b")), a=records(1, 2), b=records(3))
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 100)
    large = load(Cifar10(train=("a", "b")), a=records(1, 2), b=records(3))
    assert isinstance(large.train.stored, ByIndex)
    assert large.train.y.tolist() == [1, 2, 3]
    assert large.fingerprint() == small.fingerprint()
    np.testing.assert_array_equal(large.train.gather(np.array([2, 0])), small.train.x[[2, 0]])


@pytest.mark.parametrize("size", [0, 1, 3072, 3074, 2 * 3073 - 1])
def test_an_incomplete_record(load, tmp_path, size):
    content = (2 * records(1))[:size].ljust(size, b"\0")
    with pytest.raises(DataError) as caught:
        load(Cifar10(train=("a",)), a=content)
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: {size} bytes are not a whole number of records of 3073 bytes; "
        "the file is truncated or not in CIFAR's binary format"
    )


@pytest.mark.parametrize(
    ("source", "labels", "message"),
    [
        (Cifar10(train=("a",)), [1, 10], "label 10 of sample 1 is not in 0..9"),
        (Cifar100(train=("a",)), [(3, 100)], "label 100 of sample 0 is not in 0..99"),
        (Cifar100(train=("a",), labels="coarse"), [(20, 5)],
         "label 20 of sample 0 is not in 0..19"),
    ],
)  # fmt: skip
def test_labels_out_of_range(load, tmp_path, source, labels, message):
    with pytest.raises(DataError) as caught:
        load(source, a=records(*labels))
    assert str(caught.value) == f"{tmp_path / 'a'}: {message}"


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read|not a whole number of records"):
        records_of(tmp_path, 3073)
