"""The contract of every registered data source."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from cnntrain.config.read import plan_from_tree, plan_to_tree
from cnntrain.data import Source, Split
from cnntrain.data.locate import DataFolders
from cnntrain.data.prepare import split_dataset

IMAGES = np.arange(48, dtype=np.uint8).reshape(12, 2, 2)
LABELS = np.arange(12) % 3


def write_cifar(path, label_bytes):
    labels = np.repeat(LABELS[:, None], label_bytes, axis=1).astype(np.uint8)
    pixels = (np.arange(12 * 3072) % 251).reshape(12, 3072).astype(np.uint8)
    path.write_bytes(np.concatenate([labels, pixels], axis=1).tobytes())


def write_parquet(path):
    """A column of lists and one of labels, if pyarrow is installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return
    import pyarrow
    from pyarrow import parquet

    columns = {"pixels": IMAGES.reshape(12, 4).tolist(), "label": LABELS, "z": LABELS / 7}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=5)


def write_images(folder):
    """One folder of images per class, if Pillow is installed."""
    if importlib.util.find_spec("PIL") is None:
        return
    from PIL import Image

    for k, (pixels, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        (folder / "abc"[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "abc"[label] / f"{k}.png")
    flat = folder.parent / "flat"
    flat.mkdir()
    for k, pixels in enumerate(IMAGES):
        Image.fromarray(pixels).save(flat / f"p{k}.png")
    rows = [f"p{k},{'abc'[label]}" for k, label in enumerate(LABELS)]
    (folder.parent / "flat.csv").write_text("\n".join(["id,label", *rows]))


@pytest.fixture
def files(tmp_path, idx_file):
    """A folder with small files of every format."""
    for name, n in (("train", 12), ("test", 5)):
        idx_file(tmp_path / f"{name}-images.idx", IMAGES[:n])
        idx_file(tmp_path / f"{name}-labels.idx", LABELS[:n])
    write_cifar(tmp_path / "cifar10.bin", label_bytes=1)
    write_cifar(tmp_path / "cifar100.bin", label_bytes=2)
    rows = [f"{k / 2},{-k},class{label}" for k, label in enumerate(LABELS)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,kind", *rows]))
    np.savez(tmp_path / "arrays.npz", x=IMAGES, y=LABELS)
    np.save(tmp_path / "x.npy", IMAGES.reshape(12, 4).astype(">f4"))
    np.save(tmp_path / "y.npy", LABELS / 7)
    write_images(tmp_path / "folder")
    write_parquet(tmp_path / "table.parquet")
    return tmp_path


SOURCES = {  # options for every kind; a new kind needs an example here
    "cifar10": [{"train": ["cifar10.bin", "cifar10.bin"], "test": ["cifar10.bin"]}],
    "cifar100": [{"train": ["cifar100.bin"]}, {"train": ["cifar100.bin"], "labels": "coarse"}],
    "csv": [{"train": "table.csv"}, {"train": "table.csv", "targets": ["b"], "ignore": ["kind"]}],
    "digits": [{}],
    "labelled_images": [
        {"train": {"images": "flat", "labels": "flat.csv"}, "suffix": ".png", "mode": "gray"}
    ],
    "folder": [{"train": "folder", "mode": "gray"}, {"train": "folder", "size": [3, 4]}],
    "idx": [
        {"train": {"images": "train-images.idx", "labels": "train-labels.idx"},
         "test": {"images": "test-images.idx", "labels": "test-labels.idx"}},
        {"train": {"images": "train-images.idx", "labels": "train-labels.idx"}, "classes": 3},
    ],
    "inline": [
        {"inputs": [[1, 2], [3, 4], [5, 6]], "targets": [0, 1, 1]},
        {"inputs": [[[[1]]], [[[2]]]], "targets": [0.5, 1.5],
         "test_inputs": [[[[3]]]], "test_targets": [2.5]},
    ],
    "memory": [],  # arrays given in Python: there is nothing to read
    "npy": [{"train": {"inputs": "x.npy", "targets": "y.npy"}}],
    "npz": [{"train": "arrays.npz", "test": "arrays.npz"}],
    "parquet": [
        {"train": "table.parquet", "features": ["pixels"], "shape": [1, 2, 2]},
        {"train": "table.parquet", "targets": ["z"]},
    ],
    "synthetic": [
        {"problem": problem, "n": 40, "n_test": 10} for problem in ("xor", "spirals", "sine")
    ],
}  # fmt: skip
NEEDS = {"folder": "PIL", "parquet": "pyarrow"}


@pytest.fixture(params=[(k, i) for k, cases in SOURCES.items() for i in range(len(cases))], ids=str)
def plan(request, small_tree):
    """A plan with each source of each kind in turn."""
    kind, case = request.param
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind], reason=f"{kind} needs {NEEDS[kind]}")
    return plan_from_tree(small_tree(data={"source": kind, **SOURCES[kind][case]}))


@pytest.fixture
def load(plan, files):
    """``load(seed)``: the data of the source."""
    return lambda seed=0: plan.data.source.load(DataFolders((files,)).find, seed)


def splits_of(dataset):
    return [split for split in (dataset.train, dataset.test) if split is not None]


def bits(dataset):
    return [array.tobytes() for split in splits_of(dataset) for array in (split.x, split.y)]


def test_every_kind_has_an_example():
    assert SOURCES.keys() == Source.kinds.keys()


def test_the_declared_shape_is_the_loaded_one(plan, load, files):
    announced = plan.data.source.sample_shape(DataFolders((files,)).find)
    dataset = load()
    assert announced == dataset.sample_shape
    assert len(announced) in (1, 3)
    assert all(split.x.shape[1:] == announced for split in splits_of(dataset))


def test_samples_and_targets_match(load):
    dataset = load()
    for split in splits_of(dataset):
        assert len(split) == len(split.x) == len(split.y) > 0
        assert split.x.dtype.kind in "uif"
        if dataset.classes is None:
            assert split.y.dtype.kind == "f"
            assert split.y.ndim >= 2
            assert dataset.target_shape == split.y.shape[1:]
        else:
            assert split.y.dtype == np.int64
            assert split.y.ndim == 1
            assert set(np.unique(split.y)) <= set(range(len(dataset.classes)))
            assert all(isinstance(name, str) for name in dataset.classes)
            assert dataset.target_shape is None


def test_the_same_seed_gives_identical_data(load):
    first, again = load(seed=3), load(seed=3)
    assert bits(first) == bits(again)
    assert first.fingerprint() == again.fingerprint()


def test_the_fingerprint_depends_on_every_value(load):
    fingerprints = set()
    for change in ("nothing", "x", "y"):
        dataset = load()
        train = Split(dataset.train.x.copy(), dataset.train.y.copy())
        if change != "nothing":
            getattr(train, change)[-1] += 1
        fingerprints.add(replace(dataset, train=train).fingerprint())
    assert len(fingerprints) == 3


def test_held_out_samples_are_not_trained_on(load):
    dataset = load()
    splits = split_dataset(dataset, validation=1, seed=0)
    assert (len(splits["train"]), len(splits["val"])) == (len(dataset.train) - 1, 1)
    together = np.concatenate([splits["train"].x, splits["val"].x])
    assert sorted(sample.tobytes() for sample in together) == sorted(
        sample.tobytes() for sample in dataset.train.x
    )


def test_options_survive_a_round_trip(plan):
    assert plan_from_tree(plan_to_tree(plan)) == plan
