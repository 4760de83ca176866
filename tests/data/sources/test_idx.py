"""IDX files: raw and compressed, and all kinds of broken files."""

import contextlib
import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data import by_index
from cnntrain.data.by_index import ByIndex
from cnntrain.data.sources.idx import Idx, IdxPair, read_idx, read_shape
from cnntrain.errors import DataError, ExitCode

IMAGES = (np.arange(3 * 4 * 5) * 4 % 256).astype(np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], np.uint8)


def idx_bytes(array, code=8, shape=None):
    shape = array.shape if shape is None else shape
    header = struct.pack(f">4B{len(shape)}I", 0, 0, code, len(shape), *shape)
    return header + np.asarray(array, np.uint8).tobytes()


GOOD_IMAGES, GOOD_LABELS = idx_bytes(IMAGES), idx_bytes(LABELS)


@pytest.fixture
def source(tmp_path):
    """``source(images=bytes, labels=bytes, ...)``: an idx source over files with these contents."""

    def written(images=GOOD_IMAGES, labels=GOOD_LABELS, classes=3, test=None):
        pairs = {"train": (images, labels)} | ({"test": test} if test else {})
        for name, contents in pairs.items():
            for kind, content in zip(("images", "labels"), contents, strict=True):
                (tmp_path / f"{name}-{kind}").write_bytes(content)
        specs = {name: IdxPair(images=f"{name}-images", labels=f"{name}-labels") for name in pairs}
        return Idx(**specs, classes=classes)

    return written


@pytest.fixture
def load(source, tmp_path):
    return lambda *args, **options: source(*args, **options).load(tmp_path.joinpath, seed=0)


@pytest.fixture
def refused(load, tmp_path):
    """``refused(images=bytes)``: the message, which starts with the path of the broken file."""

    def message(**contents):
        with pytest.raises(DataError) as caught:
            load(**contents)
        assert caught.value.exit_code == ExitCode.FAILED
        return str(caught.value).replace(f"{tmp_path}/", "")

    return message


# What is read


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress], ids=["raw", "gz"])
def test_images_and_labels(load, compress):
    dataset = load(compress(GOOD_IMAGES), compress(GOOD_LABELS))
    np.testing.assert_array_equal(dataset.train.x, IMAGES[:, None])
    np.testing.assert_array_equal(dataset.train.y, LABELS)
    assert dataset.train.x.dtype == np.uint8
    assert dataset.classes == ("0", "1", "2")
    assert dataset.test is None


def test_images_with_channels_are_unchanged(load):
    images = IMAGES.reshape(3, 2, 2, 5)
    np.testing.assert_array_equal(load(idx_bytes(images)).train.x, images)


def test_a_test_split(load):
    dataset = load(test=(idx_bytes(IMAGES[:2]), idx_bytes(LABELS[:2])))
    np.testing.assert_array_equal(dataset.test.x, IMAGES[:2, None])


def test_a_large_raw_file_stays_on_disk(load, monkeypatch):
    small = load()
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 10)
    large = load()
    assert isinstance(large.train.stored, ByIndex)
    assert large.fingerprint() == small.fingerprint()
    np.testing.assert_array_equal(large.train.x, small.train.x)


def test_the_shape_is_read_from_the_header_alone(source, tmp_path):
    announced = idx_bytes(IMAGES[:0], shape=(60000, 28, 28))
    found = source(announced, announced)
    assert found.sample_shape(tmp_path.joinpath) == (1, 28, 28)
    assert read_shape(tmp_path / "train-images") == (60000, 28, 28)


def test_compression_is_not_determined_by_the_file_name(tmp_path):
    for name, content in (("a.gz", GOOD_IMAGES), ("b", gzip.compress(GOOD_IMAGES))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_idx(tmp_path / name), IMAGES)


def test_a_gz_of_two_members_is_one_stream(tmp_path):
    data = idx_bytes(IMAGES)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data[:30]) + gzip.compress(data[30:]))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), IMAGES)


# What is rejected

EARLY = "truncated IDX header; download it again"
FEWER = "contains fewer bytes than its header declares (60); download it again"
MORE = "contains more bytes than its header declares (60); download it again"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not an IDX file (it starts with nothing)"),
        (b"\0\0", "not an IDX file (it starts with 00 00)"),
        (b"<html>", "not an IDX file (it starts with 3c 68 74 6d)"),
        (b"\x08\x03\0\0", "not an IDX file (it starts with 08 03 00 00)"),
        (GOOD_IMAGES[:4], EARLY),
        (GOOD_IMAGES[:15], EARLY),
        (GOOD_IMAGES[:16], FEWER),
        (GOOD_IMAGES[:-1], FEWER),
        (GOOD_IMAGES + b"\0", MORE),
        (GOOD_IMAGES + b"\0" * 500, MORE),
        *((idx_bytes(IMAGES, code), f"IDX type code 0x{code:02x}; only unsigned bytes (0x08) are"
                                    " read") for code in (0, 9, 0x0B, 0x0D, 0x0E, 255)),
        (idx_bytes(IMAGES, shape=()), "declares 0 axes; images have 3 or 4, labels 1"),
        (idx_bytes(IMAGES, shape=(1,) * 70), "declares 70 axes; images have 3 or 4, labels 1"),
        (idx_bytes(IMAGES, shape=(0, 4, 5)), "declares no data (shape (0, 4, 5))"),
        (idx_bytes(IMAGES, shape=(0, 2**32 - 1, 2**32 - 1)),
         "declares no data (shape (0, 4294967295, 4294967295))"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress], ids=["raw", "gz"])
def test_a_broken_file_is_named(refused, content, expected, compress):
    assert refused(images=compress(content)) == f"train-images: {expected}"


def test_a_header_that_declares_too_much(refused):
    content = idx_bytes(IMAGES, shape=(2**32 - 1,) * 3)
    size = (2**32 - 1) ** 3
    assert refused(images=content) == (
        f"train-images: contains fewer bytes than its header declares ({size}); download it again"
    )
    packed = gzip.compress(content)
    assert refused(images=packed) == (
        f"train-images: {len(packed)} compressed bytes would expand to {size:,}; "
        "if that is intended, store them uncompressed"
    )


def test_an_empty_gz_file_is_not_an_empty_data_set(refused):
    assert refused(images=b"") == "train-images: not an IDX file (it starts with nothing)"
    assert refused(images=gzip.compress(b"")).startswith("train-images: not an IDX file")


def test_every_truncation_of_a_gz_file_is_rejected(refused):
    data = gzip.compress(GOOD_IMAGES)
    for length in range(2, len(data)):
        assert refused(images=data[:length]).startswith("train-images: corrupt gzip file (")


def test_a_corrupted_gz_file_is_rejected(refused):
    """Damage in the compressed bytes (zlib.error), in the checksum and in the header."""
    data = bytearray(gzip.compress(GOOD_IMAGES))
    for position, name in ((2, "method"), (12, "compressed"), (len(data) - 6, "checksum")):
        broken = bytearray(data)
        broken[position] ^= 0xFF
        message = refused(images=bytes(broken))
        assert message.startswith("train-images: corrupt gzip file ("), name
        assert message.endswith("); download it again")


@given(data=st.data())
def test_any_flipped_bit_of_a_gz_file_is_harmless_or_rejected(tmp_path_factory, data):
    content = bytearray(gzip.compress(GOOD_IMAGES))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.gz"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        np.testing.assert_array_equal(read_idx(path), IMAGES)


@given(content=st.binary(max_size=60))
def test_any_file_is_read_or_rejected(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert read_idx(path).dtype == np.uint8


def test_garbage_after_a_gz_stream_is_rejected(refused):
    data = gzip.compress(GOOD_IMAGES) + b"garbage"
    assert refused(images=data).startswith("train-images: corrupt gzip file (")


def test_swapped_files_are_recognized(refused):
    assert refused(images=idx_bytes(LABELS), labels=idx_bytes(IMAGES)) == (
        "train-images: holds labels, and train-labels images: 'images' and 'labels' are swapped; "
        "exchange them"
    )


@pytest.mark.parametrize("count", [2, 4])
def test_as_many_labels_as_images(refused, count):
    labels = idx_bytes(np.zeros(count))
    assert refused(labels=labels) == f"train-images: 3 images, but {count} labels"


def test_a_label_out_of_range_is_named(refused):
    labels = idx_bytes(np.array([1, 2, 3]))
    assert (
        refused(labels=labels)
        == "train-labels: labels 1..3 are not in 0..2; say 'classes: 3' and 'label_offset: 1'"
    )


def test_splits_of_different_shapes(refused):
    test = (idx_bytes(IMAGES.reshape(3, 5, 4)), idx_bytes(LABELS))
    assert refused(test=test) == ("test samples have shape (1, 5, 4), training samples (1, 4, 5)")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match=r": cannot be read: Is a directory$"):
        read_idx(tmp_path)


def test_mnist_has_its_published_shapes(shared_data):
    """The real files, if available."""
    folder = shared_data / "mnist"
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
        assert images.shape == (count, 28, 28)
        assert labels.shape == (count,)
        assert set(np.unique(labels)) == set(range(10))
        assert np.bincount(labels).min() > 0.08 * count
