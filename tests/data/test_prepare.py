"""Holding validation samples out of the training split."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.prepare import (
    held_out_indices,
    overlaps,
    prepare,
    split_dataset,
    with_test_split,
)
from cnntrain.errors import ConfigError, DataError


def dataset(labels, test=0, classes=("a", "b", "c")):
    labels = np.asarray(labels)
    x = np.arange(len(labels))[:, None]
    other = Split(x[:test] + 1000, labels[:test]) if test else None
    return Dataset(Split(x, labels), other, classes)


def regression(n):
    return dataset(np.linspace(0, 1, n)[:, None], classes=None)


@pytest.mark.parametrize(
    ("validation", "n", "expected"),
    [
        (1, 10, 1),
        (9, 10, 9),
        (0.5, 10, 5),
        (0.25, 10, 2),
        (0.3, 10, 3),
        (0.06, 10, 1),
        (0.99, 10, None),
    ],
)
@pytest.mark.parametrize("make", [regression, lambda n: dataset(np.arange(n) % 3)])
def test_a_count_or_a_fraction(make, validation, n, expected):
    if expected is None:
        with pytest.raises(ConfigError, match=r"0\.99 would hold out 10 of 10 training samples;"):
            split_dataset(make(n), validation, seed=0)
        return
    splits = split_dataset(make(n), validation, seed=0)
    assert (len(splits["train"]), len(splits["val"])) == (n - expected, expected)


@pytest.mark.parametrize("validation", [0, 0.0])
def test_nothing_is_held_out_without_validation(validation):
    data = dataset([0, 1, 2], test=2)
    splits = split_dataset(data, validation, seed=0)
    assert list(splits) == ["train", "test"]
    assert splits["train"] is data.train


@pytest.mark.parametrize(
    ("validation", "held_out"),
    [(10, 10), (11, 11), (10**9, 10**9), (0.01, 0), (0.04, 0), (0.96, 10)],
)
def test_both_parts_need_at_least_one_sample(validation, held_out):
    with pytest.raises(ConfigError) as caught:
        split_dataset(regression(10), validation, seed=0)
    assert caught.value.path == ("data", "validation")
    assert str(caught.value) == (
        f"{validation} would hold out {held_out} of 10 training samples; at least one must be held"
        " out and one must remain"
    )


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**64 - 1),
)
def test_every_class_is_held_out_in_proportion(labels, share, seed):
    count = max(1, min(len(labels) - 1, round(share * len(labels))))
    data = dataset(labels, classes=tuple("abcde"))
    splits = split_dataset(data, count, seed)
    kept, held = splits["train"], splits["val"]
    assert sorted([*kept.x[:, 0], *held.x[:, 0]]) == list(range(len(labels)))  # disjoint, complete
    assert (held.x[:, 0] == np.sort(held.x[:, 0])).all()
    np.testing.assert_array_equal(held.y, np.asarray(labels)[held.x[:, 0]])
    for label in set(labels):
        exact = labels.count(label) * count / len(labels)
        assert abs((held.y == label).sum() - exact) <= 1


def test_the_split_depends_only_on_the_seed(small_tree):
    data = dataset(np.arange(90) % 3)
    first, again, other = (held_out_indices(data, 30, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_held_out_samples_do_not_depend_on_their_values():
    """The indices depend only on the labels, not on the inputs."""
    data = dataset(np.arange(30) % 3)
    noisy = Dataset(Split(data.train.x * 7.5, data.train.y), None, data.classes)
    assert held_out_indices(data, 10, 0).tolist() == held_out_indices(noisy, 10, 0).tolist()


@pytest.mark.parametrize(
    ("train_x", "train_y", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "the training split has no samples"),
        (np.array([[1.0], [np.nan]]), np.zeros(2, int),
         "the input of training sample 1 contains NaN or infinity"),
        (np.array([[1.0], [-np.inf]]), np.zeros(2, int),
         "the input of training sample 1 contains NaN or infinity"),
        (np.zeros((2, 1)), np.array([[np.nan], [0.0]]),
         "the target of training sample 0 contains NaN or infinity"),
    ],
)  # fmt: skip
def test_unusable_training_data(train_x, train_y, message):
    with pytest.raises(DataError) as caught:
        split_dataset(Dataset(Split(train_x, train_y), None, None), 0, seed=0)
    assert str(caught.value) == message


def test_a_test_split_is_checked_too():
    bad = Split(np.array([[np.nan]]), np.zeros(1, int))
    with pytest.raises(DataError, match="the input of test sample 0 contains NaN"):
        split_dataset(Dataset(Split(np.zeros((1, 1)), np.zeros(1, int)), bad, ("a",)), 0, seed=0)


def test_everything_about_an_experiments_data():
    prepared = prepare(dataset([0, 1, 2, 0, 1, 2], test=2), 3, "unit", seed=0)
    assert {name: len(split) for name, split in prepared.splits.items()} == {
        "train": 3, "val": 3, "test": 2,
    }  # fmt: skip
    assert (prepared.sample_shape, prepared.target_shape) == ((1,), None)
    assert prepare(regression(5), 0, "none", seed=0).target_shape == (1,)


# Cross-validation


def fold_of(data, fold, seed=0):
    return held_out_indices(data, 0, seed, fold).tolist()


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    k=st.integers(2, 12),
    seed=st.integers(0, 2**64 - 1),
)
def test_folds_are_disjoint_complete_and_stratified(labels, k, seed):
    k = min(k, len(labels))
    data = dataset(labels, classes=tuple("abcde"))
    folds = [fold_of(data, f"{i}/{k}", seed) for i in range(1, k + 1)]
    assert sorted(itertools.chain(*folds)) == list(range(len(labels)))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    for label in set(labels):
        exact = labels.count(label) / k
        for fold in folds:
            assert abs(sum(labels[i] == label for i in fold) - exact) < 2


def test_a_fold_is_held_out():
    data = dataset(np.arange(10) % 2)
    splits = split_dataset(data, 0, seed=4, fold="2/5")
    held = fold_of(data, "2/5", seed=4)
    assert splits["val"].x[:, 0].tolist() == held
    assert splits["train"].x[:, 0].tolist() == sorted(set(range(10)) - set(held))


def test_the_folds_of_regression():
    folds = [fold_of(regression(10), f"{i}/3") for i in (1, 2, 3)]
    assert sorted(itertools.chain(*folds)) == list(range(10))


@pytest.mark.parametrize("fold", ["1/1", "3/2", "1/11", "11/11"])
def test_invalid_folds(fold):
    with pytest.raises(ConfigError) as caught:
        split_dataset(regression(10), 0, seed=0, fold=fold)
    assert caught.value.path == ("data", "fold")
    assert str(caught.value) == (
        f"fold {fold}: write it as i/k with 1 <= i <= k and 2 <= k <= 10 samples"
    )


@pytest.mark.parametrize(("validation", "fold"), [(2, None), (0, "1/2")])
def test_validation_files_exclude_holding_out(validation, fold):
    data = dataset([0, 1, 2])
    with_val = Dataset(data.train, None, data.classes, val=data.train)
    assert len(split_dataset(with_val, 0, seed=0)["val"]) == 3
    with pytest.raises(ConfigError, match="the source has its own validation files; remove"):
        split_dataset(with_val, validation, 0, fold)


# Overlap


def test_overlaps_are_counted_for_every_pair():
    def split(*values):
        return Split(np.array(values, float)[:, None], np.zeros(len(values), int))

    found = overlaps({"train": split(1, 2, 3, 3), "val": split(3, 4, 3), "test": split(4, 5)})
    assert found == {("train", "val"): 2, ("train", "test"): 0, ("val", "test"): 1}


def test_held_out_samples_do_not_overlap():
    splits = split_dataset(dataset(np.arange(12) % 3, test=3), 0.25, seed=0)
    assert set(overlaps(splits).values()) == {0}


@pytest.mark.parametrize("part", [10, 0.25])
def test_a_test_split_is_removed_from_the_training_samples(part):
    labels = np.arange(40) % 4
    whole = Dataset(Split(np.arange(40.0)[:, None], labels), None, tuple("0123"))
    cut = with_test_split(whole, part, seed=1)
    assert (len(cut.train), len(cut.test)) == (30, 10)
    together = np.concatenate([cut.train.x, cut.test.x]).ravel()
    np.testing.assert_array_equal(np.sort(together), np.arange(40))
    assert np.bincount(cut.test.y).min() >= 2
    splits = split_dataset(cut, 10, seed=1)
    assert not set(splits["val"].x.ravel()) & set(cut.test.x.ravel())


def test_an_existing_test_split_is_not_replaced():
    split = Split(np.zeros((4, 1)), np.zeros((4, 1)))
    with pytest.raises(ConfigError, match="has its own test split"):
        with_test_split(Dataset(split, split, None), 0.5, seed=0)
    with pytest.raises(ConfigError, match="4 would hold out 4 of 4"):
        with_test_split(Dataset(split, None, None), 4, seed=0)
