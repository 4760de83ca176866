"""Preparing a dataset for training and evaluation: splits, statistics, batches."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from cnntrain.data.by_index import samples_of_chunk
from cnntrain.data.dataset import Dataset, Schema, Split, split_fingerprint
from cnntrain.data.normalize import Normalizer, fit_normalizer
from cnntrain.errors import ConfigError, DataError
from cnntrain.rng import Purpose, stream
from cnntrain.types import Array, Shape

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Prepared:
    """The splits of one experiment. ``normalizer`` was fitted on ``train``."""

    splits: dict[SplitName, Split]
    normalizer: Normalizer
    classes: tuple[str, ...] | None
    fingerprint: str
    schema: Schema = field(default=Schema(None))
    notes: tuple[str, ...] = ()
    part_fingerprints: Mapping[str, str] = field(default_factory=dict)  # of test and val files

    @property
    def train(self) -> Split:
        return self.splits["train"]

    @property
    def sample_shape(self) -> Shape:
        return next(iter(self.splits.values())).sample_shape

    @property
    def target_shape(self) -> Shape | None:
        return None if self.classes is not None else next(iter(self.splits.values())).y.shape[1:]


def split_dataset(
    dataset: Dataset, validation: int | float, seed: int, fold: str | None = None
) -> dict[SplitName, Split]:
    """Hold out ``validation`` samples (a count or a fraction) or a fold of the training split."""
    named = {"training": dataset.train, "test": dataset.test, "validation": dataset.val}
    for name, split in named.items():
        if split is not None:
            _check_values(split, name)
    if dataset.val is not None and (validation or fold):
        raise ConfigError(
            "the source has its own validation files; remove 'validation' and 'fold'",
            ("data", "validation"),
        )
    held_out = held_out_indices(dataset, validation, seed, fold)
    kept = np.setdiff1d(np.arange(len(dataset.train)), held_out)
    splits: dict[SplitName, Split] = {
        "train": dataset.train.take(kept) if len(held_out) else dataset.train
    }
    if len(held_out):
        splits["val"] = dataset.train.take(held_out)
    elif dataset.val is not None:
        splits["val"] = dataset.val
    if dataset.test is not None:
        splits["test"] = dataset.test
    return splits


def with_test_split(dataset: Dataset, test_split: int | float, seed: int) -> Dataset:
    """The dataset with a stratified part of its training samples as test split.

    ``seed`` determines which samples; they are removed from the training split.
    """
    if not test_split:
        return dataset
    if dataset.test is not None:
        raise ConfigError(
            "the source has its own test split; remove 'test_split'", ("data", "test_split")
        )
    n = len(dataset.train)
    count = _count(test_split, n, "test_split")
    held_out = np.sort(_stratified_order(dataset, seed)[:count])
    kept = np.setdiff1d(np.arange(n), held_out)
    return replace(dataset, train=dataset.train.take(kept), test=dataset.train.take(held_out))


def _count(part: int | float, n: int, option: str) -> int:
    """The number of n samples given by a count or a fraction; both parts must be nonempty."""
    count = round(part * n) if isinstance(part, float) else part
    if not 0 < count < n:
        raise ConfigError(
            f"{part} would hold out {count} of {n} training samples; "
            "at least one must be held out and one must remain",
            ("data", option),
        )
    return count


def held_out_indices(
    dataset: Dataset, validation: int | float, seed: int, fold: str | None = None
) -> Array:
    """Sorted indices of the validation samples: drawn by ``seed``, stratified by class.

    The k folds of one seed are disjoint and together contain all samples.
    """
    n = len(dataset.train)
    if not validation and fold is None:
        return np.arange(0)
    order = _stratified_order(dataset, seed)
    if fold is not None:
        i, k = map(int, fold.split("/"))
        if not (2 <= k <= n and i <= k):
            raise ConfigError(
                f"fold {fold}: write it as i/k with 1 <= i <= k and 2 <= k <= {n} samples",
                ("data", "fold"),
            )
        return np.sort(order[(i - 1) * n // k : i * n // k])
    return np.sort(order[: _count(validation, n, "validation")])


def _stratified_order(dataset: Dataset, seed: int) -> Array:
    """Training samples in random order, such that every contiguous part is stratified by class."""
    n = len(dataset.train)
    order = stream(seed, Purpose.SPLIT).permutation(n)
    if dataset.classes is None:
        return order
    labels = dataset.train.labels[order]
    quantile = np.empty(n)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        quantile[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return order[np.argsort(quantile, kind="stable")]


def _check_values(split: Split, name: str) -> None:
    if len(split) == 0:
        raise DataError(f"the {name} split has no samples")
    for array, what in ((split.stored, "input"), (split.y, "target")):
        size = samples_of_chunk(array)
        for start in range(0, len(array), size) if array.dtype.kind == "f" else ():
            bad = np.argwhere(~np.isfinite(array[start : start + size]))
            if len(bad):
                sample = start + bad[0][0]
                raise DataError(f"the {what} of {name} sample {sample} contains NaN or infinity")


def prepare(
    dataset: Dataset,
    validation: int | float,
    normalization: Normalizer | Literal["none", "unit", "per_channel", "per_feature"],
    seed: int,
    fold: str | None = None,
) -> Prepared:
    """Split the data and fit the normalization, unless a fitted normalizer is given."""
    splits = split_dataset(dataset, validation, seed, fold)
    fitted = (
        normalization
        if isinstance(normalization, Normalizer)
        else fit_normalizer(normalization, splits["train"])
    )
    _check_different(splits)
    own = {"test": dataset.test, "val": dataset.val}
    return Prepared(
        splits=splits,
        normalizer=fitted,
        classes=dataset.classes,
        fingerprint=dataset.fingerprint(),
        schema=dataset.schema,
        notes=dataset.notes,
        part_fingerprints={name: split_fingerprint(s) for name, s in own.items() if s is not None},
    )


def _check_different(splits: Mapping[SplitName, Split]) -> None:
    """Two splits with the same samples measure nothing."""
    for (a, first), (b, second) in itertools.combinations(splits.items(), 2):
        same = len(first) == len(second) and (first.rows is None) == (second.rows is None)
        if same and np.array_equal(first.y, second.y) and _have_equal_inputs(first, second):
            raise DataError(
                f"the {a} and the {b} split are the same samples, so {b} metrics would be those of "
                f"{a}; give {b} its own file or arrays, or hold samples out with 'validation' and "
                "'test_split'"
            )


def _have_equal_inputs(a: Split, b: Split) -> bool:
    return a.sample_shape == b.sample_shape and all(
        np.array_equal(ours, theirs) for ours, theirs in zip(a.chunks(), b.chunks(), strict=False)
    )


def alone(name: SplitName, part: Split, schema: Schema, normalizer: Normalizer) -> Prepared:
    """A single split, prepared as its network was trained."""
    _check_values(part, name)
    return Prepared({name: part}, normalizer, schema.classes, "", schema)


def overlaps(splits: Mapping[SplitName, Split]) -> dict[tuple[SplitName, SplitName], int]:
    """For each pair of splits, the number of samples of the second that are also in the first."""
    digests = {
        name: [_digest(sample) for chunk in split.chunks() for sample in chunk]
        for name, split in splits.items()
    }
    return {
        (a, b): sum(digest in set_a for digest in digests[b])
        for a, b in itertools.combinations(splits, 2)
        for set_a in [set(digests[a])]
    }


def _digest(sample: Array) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(sample).tobytes(), digest_size=16).digest()
