"""NumPy files: any byte order and layout is read; anything else gives one clear message."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from cnntrain.config.read import plan_from_tree
from cnntrain.data import by_index
from cnntrain.data.by_index import ByIndex
from cnntrain.data.sources.numpy_files import Npy, NpyPair, Npz, NpzPart
from cnntrain.errors import CnntrainError, DataError
from cnntrain.training.opening import open_experiment

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 1, 2])


@pytest.fixture
def npz(tmp_path):
    """``npz(x, y, **options)``: the data of an archive with these arrays."""

    def loaded(x=X, y=Y, **options):
        np.savez(tmp_path / "a.npz", x=x, y=y)
        return Npz(train="a.npz", **options).load(tmp_path.joinpath, seed=0)

    return loaded


@pytest.fixture
def npy(tmp_path):
    """``npy(x, y)``: the data of two files with these arrays."""

    def loaded(x=X, y=Y):
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", y)
        pair = NpyPair(inputs="x.npy", targets="y.npy")
        return Npy(train=pair).load(tmp_path.joinpath, seed=0)

    return loaded


@pytest.fixture(params=["npz", "npy"])
def load(request):
    return request.getfixturevalue(request.param)


LAYOUTS = {
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "Fortran order": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8"])
def test_any_byte_order_and_layout(load, layout, dtype):
    dataset = load(LAYOUTS[layout](X.astype(dtype)), LAYOUTS[layout](Y.astype("i4")))
    np.testing.assert_array_equal(dataset.train.x, X)
    assert dataset.train.x.dtype == np.dtype(dtype)
    assert dataset.train.x.dtype.isnative
    np.testing.assert_array_equal(dataset.train.y, Y)
    assert dataset.train.y.dtype == np.int64
    assert dataset.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("shape", "expected"), [((4, 6), (6,)), ((4, 2, 3), (1, 2, 3)), ((4, 3, 2, 1), (3, 2, 1))]
)
def test_shapes_of_samples(load, shape, expected):
    assert load(np.zeros(shape)).sample_shape == expected


@pytest.mark.parametrize(
    ("y", "shape"), [(Y / 2, (1,)), (X, (3,)), (np.zeros((4, 1, 2, 2), np.float32), (1, 2, 2))]
)
def test_real_numbers_are_targets_of_regression(load, y, shape):
    dataset = load(y=y)
    assert dataset.classes is None
    assert dataset.target_shape == shape
    np.testing.assert_array_equal(dataset.train.y.reshape(y.shape), y)


def test_whole_floats_are_labels_to_a_classifier(tmp_path, small_tree):
    np.savez(tmp_path / "a.npz", x=X, y=np.array([7.0, -2.0, 7.0, 30.0]))
    network = [{"dense": {"units": 3}}]
    plan = plan_from_tree(small_tree(data={"source": "npz", "train": "a.npz"}, network=network))
    experiment = open_experiment(plan, tmp_path.joinpath)
    assert experiment.data.classes == ("-2", "7", "30")
    assert experiment.data.train.y.tolist() == [1, 0, 1, 2]


def test_other_floats_for_a_classifier_give_one_clear_message(tmp_path, small_tree):
    """They are targets, which do not match the outputs of a classifier."""
    np.savez(tmp_path / "a.npz", x=X, y=Y / 2)
    plan = plan_from_tree(small_tree(data={"source": "npz", "train": "a.npz"}))
    with pytest.raises(CnntrainError, match=r"gives \(2,\), but the targets are \(1,\)"):
        open_experiment(plan, tmp_path.joinpath)


def test_a_large_npy_stays_on_disk(npy, monkeypatch):
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 100)
    x = np.arange(120, dtype=">f4").reshape(4, 5, 6)
    stored = npy(x).train.stored
    assert isinstance(stored, ByIndex)
    assert (stored.shape, stored.dtype) == ((4, 1, 5, 6), np.float32)
    np.testing.assert_array_equal(stored[np.array([3, 0, 3])], x[[3, 0, 3], None])


def test_a_folder_of_npy_files_is_one_array(tmp_path):
    for name, part in (("x", X), ("y", Y)):
        (tmp_path / name).mkdir()
        for k, rows in enumerate(np.array_split(part, 2)):
            np.save(tmp_path / name / f"{k}.npy", rows)
    source = Npy(train=NpyPair(inputs="x", targets="y"))
    dataset = source.load(tmp_path.joinpath, 0)
    np.testing.assert_array_equal(dataset.train.stored, X)
    assert len(dataset.train) == len(Y)
    assert source.sample_shape(tmp_path.joinpath) == X.shape[1:]
    np.save(tmp_path / "x" / "1.npy", X.astype(np.float32)[:, :1])
    with pytest.raises(DataError, match=r"1\.npy: samples float32 .* but in 0\.npy they are"):
        source.load(tmp_path.joinpath, 0)


def test_arrays_of_other_names(tmp_path):
    np.savez(tmp_path / "a.npz", images=X, labels=Y)
    source = Npz(train="a.npz", inputs="images", targets="labels")
    np.testing.assert_array_equal(source.load(tmp_path.joinpath, 0).train.x, X)
    with pytest.raises(DataError) as caught:
        Npz(train="a.npz").load(tmp_path.joinpath, 0)
    assert str(caught.value) == (
        f"{tmp_path / 'a.npz'}: has no array 'x'; it contains images, labels; "
        "name them with 'inputs' and 'targets'"
    )


NO_INPUTS = "inputs must be numbers (N, J), (N, H, W) or (N, C, H, W)"
NO_TARGETS = "targets must be labels (N,), one-hot rows (N, K) or real numbers (N, K); found"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, 0], Y, f"{NO_INPUTS}, not float64 (4,)"),
        (np.zeros((4, 1, 1, 1, 1)), Y, f"{NO_INPUTS}, not float64 (4, 1, 1, 1, 1)"),
        (np.array([["a"], ["b"]]), Y[:2], f"{NO_INPUTS}, not <U1 (2, 1)"),
        (X[:, :0], Y, f"{NO_INPUTS}, not float64 (4, 0)"),
        (X.astype(complex), Y, f"{NO_INPUTS}, not complex128 (4, 3)"),
        (np.zeros((4, 2), "M8[s]"), Y, f"{NO_INPUTS}, not datetime64[s] (4, 2)"),
        (X, np.array([["a", "b"]] * 4), f"{NO_TARGETS} <U1 (4, 2)"),
        (X, np.float64(3.0), f"{NO_TARGETS} float64 ()"),
        (X, Y[:3], "4 inputs, but 3 targets"),
        (X[:0], Y[:0], "0 inputs, but 0 targets"),
        (X, Y * 0, "one class only ('0'); there must be two or more"),
    ],
)
def test_arrays_that_are_not_samples(load, x, y, message):
    with pytest.raises(DataError) as caught:
        load(x, y)
    assert str(caught.value).partition(": ")[2] == message


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (Y[:, None], ("0", "1", "2")),
        (np.array([10, 91, 10, 20]), ("10", "20", "91")),
        (np.array([1, 2, 3, 4]), ("1", "2", "3", "4")),
        (np.array([0, -1, 1, 1]), ("-1", "0", "1")),
        (np.array([0, 2**64 - 1, 1, 1], np.uint64), ("0", "1", str(2**64 - 1))),
        (np.array([0, 2**62, 1, 1]), ("0", "1", str(2**62))),
        (np.array([True, False, True, True]), ("0", "1")),
        (np.array(["oak", "elm", "oak", "oak"]), ("elm", "oak")),
        (np.array([b"oak", b"elm", b"oak", b"oak"]), ("elm", "oak")),
    ],
    ids=str,
)
def test_labels_of_any_kind_are_classes_with_their_names(load, y, classes):
    dataset = load(y=y)
    assert dataset.classes == classes
    names = [classes[label] for label in dataset.train.y]
    given = [
        value.decode() if isinstance(value, bytes) else value for value in y.reshape(-1).tolist()
    ]
    assert names == [str(int(value) if isinstance(value, bool) else value) for value in given]


def test_class_names_in_the_order_of_the_labels(npz):
    dataset = npz(class_names=("zero", "one", "two", "three"))
    assert dataset.classes == ("zero", "one", "two", "three")
    assert dataset.train.y.tolist() == Y.tolist()
    with pytest.raises(DataError, match=r"'2' is not a class of the training data; known: 0, 1"):
        npz(class_names=("zero", "one"))


def test_channels_last_is_never_guessed(npz):
    images = np.zeros((4, 8, 8, 3))
    with pytest.raises(DataError, match="look like images with their channels last; say 'layout"):
        npz(images)
    assert npz(images, layout="channels_last").sample_shape == (3, 8, 8)
    assert npz(images, layout="channels_first").sample_shape == (8, 8, 3)


def test_one_archive_of_both_splits_is_recognized(tmp_path):
    np.savez(tmp_path / "k.npz", x_train=X, y_train=Y, x_test=X[:2] + 1, y_test=Y[:2])
    dataset = Npz(train="k.npz").load(tmp_path.joinpath, 0)
    np.testing.assert_array_equal(dataset.test.x, X[:2] + 1)
    part = {"file": "k.npz", "inputs": "x_test", "targets": "y_test"}
    named = Npz(train="k.npz", inputs="x_train", targets="y_train", test=NpzPart(**part))
    np.testing.assert_array_equal(named.load(tmp_path.joinpath, 0).test.x, X[:2] + 1)


def test_the_splits_must_match(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    shapes = r"test samples have shape \(2,\), training samples \(3,\)"
    kinds = "real-valued targets, but the training data has labels"
    for x, y, message in ((X[:, :2], Y, shapes), (X, Y / 2, kinds)):
        np.savez(tmp_path / "b.npz", x=x, y=y)
        with pytest.raises(DataError, match=message):
            Npz(train="a.npz", test="b.npz").load(tmp_path.joinpath, 0)


def test_a_label_only_in_the_test_split_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.savez(tmp_path / "b.npz", x=X, y=Y + 2)
    with pytest.raises(DataError, match=r"'3', '4' is not a class of the training data; known: 0"):
        Npz(train="a.npz", test="b.npz").load(tmp_path.joinpath, 0)


def huge_header():
    """A .npy file that declares 8 TB."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1), }"
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def saved(tmp_path, save, *arguments, **arrays):
    save(tmp_path / "made", *arguments, **arrays)
    (path,) = tmp_path.glob("made*")
    return path.read_bytes()


HOSTILE = {
    "empty": lambda tmp: b"",
    "html": lambda tmp: b"<html>not found</html>",
    "pickle": lambda tmp: pickle.dumps([1, 2]),
    "object array": lambda tmp: saved(tmp, np.save, np.array([{}, None], object)),
    "archive of objects": lambda tmp: saved(tmp, np.savez, x=np.array([{}], object), y=Y),
    "cut off": lambda tmp: saved(tmp, np.savez, x=X, y=Y)[:-30],
    "cut off array": lambda tmp: saved(tmp, np.save, X)[:-1],
    "cut off header": lambda tmp: saved(tmp, np.save, X)[:20],
    "declares too much": lambda tmp: huge_header(),
}


def archive_around(member):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", member)
        archive.writestr("y.npy", member)
    return buffer.getvalue()


@pytest.mark.parametrize("wrap", [bytes, archive_around], ids=["file", "member"])
@pytest.mark.parametrize("content", HOSTILE)
def test_files_that_are_not_plain_arrays(tmp_path, content, wrap):
    path = tmp_path / "a"
    path.write_bytes(wrap(HOSTILE[content](tmp_path)))
    pair = NpyPair(inputs="a", targets="a")
    for source in (Npz(train="a"), Npy(train=pair)):
        for read in (source.sample_shape, lambda find, source=source: source.load(find, 0)):
            with pytest.raises(DataError) as caught:
                read(tmp_path.joinpath)
            message = str(caught.value)
            assert message.startswith(f"{path}: ")
            assert "allow_pickle" not in message
            assert "\n" not in message


def test_the_wrong_kind_of_file(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    with pytest.raises(DataError, match=r"a\.npy: "):
        Npz(train="a.npy").load(tmp_path.joinpath, 0)
    with pytest.raises(DataError, match=r"a\.npz: not a \.npy file; for archives use the source"):
        Npy(train=NpyPair(inputs="a.npz", targets="a.npz")).load(tmp_path.joinpath, 0)
