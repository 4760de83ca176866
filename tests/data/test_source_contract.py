"""What every registered data source promises, whichever it is."""

import numpy as np
import pytest

from cnntrain.config.read import plan_from_tree, plan_to_tree
from cnntrain.data import Source
from cnntrain.data.prepare import split_dataset
from cnntrain.files import DataFolders

IMAGES = np.arange(48).reshape(12, 2, 2)


@pytest.fixture
def sources(tmp_path, idx_file):
    """Some options of every kind of source; whoever adds a kind adds an example here."""
    files = {
        name: idx_file(tmp_path / f"{name}.idx", array).name
        for name, array in {
            "images": IMAGES, "labels": np.arange(12) % 3,
            "test-images": IMAGES[:5], "test-labels": np.arange(5) % 3,
        }.items()
    }  # fmt: skip
    train = {"images": files["images"], "labels": files["labels"]}
    test = {"images": files["test-images"], "labels": files["test-labels"]}
    return {
        "digits": [{}],
        "idx": [{"train": train, "test": test}, {"train": train, "classes": 3}],
        "inline": [
            {"inputs": [[1, 2], [3, 4], [5, 6]], "targets": [0, 1, 1]},
            {"inputs": [[[[1]]], [[[2]]]], "targets": [0.5, 1.5],
             "test_inputs": [[[[3]]]], "test_targets": [2.5]},
        ],
        "synthetic": [
            {"problem": problem, "n": 40, "n_test": 10} for problem in ("xor", "spirals", "sine")
        ],
    }  # fmt: skip


@pytest.fixture
def plans(sources, small_tree):
    """A plan with every source of every kind."""
    return [
        plan_from_tree(small_tree(data={"source": kind, **options}))
        for kind, cases in sources.items()
        for options in cases
    ]


@pytest.fixture
def examples(plans, tmp_path):
    """Every such source, with the function that finds its files."""
    return [(plan.data.source, DataFolders((tmp_path,)).find) for plan in plans]


def splits_of(dataset):
    return [split for split in (dataset.train, dataset.test) if split is not None]


def bits(dataset):
    return [array.tobytes() for split in splits_of(dataset) for array in (split.x, split.y)]


def test_every_kind_has_an_example(sources):
    assert sources.keys() == Source.kinds.keys()


def test_the_announced_shape_is_the_loaded_one(examples):
    for source, find in examples:
        dataset = source.load(find, seed=0)
        announced = source.sample_shape(find)
        assert announced == dataset.sample_shape
        assert len(announced) in (1, 3)
        for split in splits_of(dataset):
            assert split.x.shape[1:] == announced


def test_samples_and_answers_fit(examples):
    for source, find in examples:
        dataset = source.load(find, seed=0)
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


def test_the_same_seed_gives_the_same_bits(examples):
    for source, find in examples:
        first, again = (source.load(find, seed=3) for _ in range(2))
        assert bits(first) == bits(again)
        assert first.fingerprint() == again.fingerprint()


def test_the_fingerprint_sees_every_change(examples):
    for source, find in examples:
        fingerprints = set()
        for change in range(3):
            dataset = source.load(find, seed=0)
            train = type(dataset.train)(dataset.train.x.copy(), dataset.train.y.copy())
            changed = type(dataset)(train, dataset.test, dataset.classes)
            if change == 1:
                train.x[-1] += 1
            if change == 2:
                train.y[-1] += 1
            fingerprints.add(changed.fingerprint())
        assert len(fingerprints) == 3


def test_held_out_samples_are_not_trained_on(examples):
    for source, find in examples:
        dataset = source.load(find, seed=0)
        splits = split_dataset(dataset, validation=1, seed=0)
        assert len(splits["train"]) == len(dataset.train) - 1
        assert len(splits["val"]) == 1
        together = np.concatenate([splits["train"].x, splits["val"].x])
        assert sorted(sample.tobytes() for sample in together) == sorted(
            sample.tobytes() for sample in dataset.train.x
        )


def test_options_survive_being_written_down(plans):
    for plan in plans:
        assert plan_from_tree(plan_to_tree(plan)) == plan
