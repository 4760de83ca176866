"""Named splits of samples with labels or targets; the first axis is the sample."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cnntrain.data.by_index import Stored, in_memory, samples_of_chunk
from cnntrain.registry import Spec
from cnntrain.types import Array, Shape


@dataclass(frozen=True)
class Split:
    """Samples (N, C, H, W) or (N, J) of any numeric type, with labels (N,) or targets (N, K).

    With ``rows``, the split consists of those samples of ``stored``, so that several splits can
    share one array, or one file that stays on disk until a batch is gathered.
    """

    stored: Stored
    y: Array
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_shape(self) -> Shape:
        return self.stored.shape[1:]

    @property
    def x(self) -> Array:
        """All samples; a copy if they are only a part of those stored."""
        return in_memory(self.stored) if self.rows is None else self.stored[self.rows]

    @property
    def labels(self) -> Array:
        """The class of every sample (N,): its label, or the largest of its soft labels (N, K)."""
        return self.y if self.y.ndim == 1 else self.y.argmax(axis=1)

    def gather(self, indices: Array) -> Array:
        """The samples at ``indices``, copied."""
        return self.stored[self.stored_rows(indices)]

    def stored_rows(self, indices: Array) -> Array:
        """Where the samples at ``indices`` are among those stored."""
        return indices if self.rows is None else self.rows[indices]

    def chunks(self) -> Iterator[Array]:
        """All samples, a few thousand at a time."""
        size = samples_of_chunk(self.stored)
        for start in range(0, len(self), size):
            yield self.gather(np.arange(start, min(start + size, len(self))))

    def take(self, indices: Array) -> "Split":
        """The samples at ``indices``, as a part of this split."""
        rows = indices if self.rows is None else self.rows[indices]
        return Split(self.stored, self.y[indices], rows)


@dataclass(frozen=True)
class Schema(Spec):
    """What the numbers of a data set mean: decided by the training data, matched by name later.

    ``classes``: names of the labels in order, None for real-valued targets. ``features``: names of
    the input columns in order, ``targets``: names of the target columns, ``categories``: the values
    of each text column that became inputs; all empty where the source has no such names.
    """

    classes: tuple[str, ...] | None
    features: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """Everything a source provides. ``classes``: names of the labels; None: real-valued targets.

    ``notes``: in words, which files were read, what was left out, and what was inferred.
    """

    train: Split
    test: Split | None
    classes: tuple[str, ...] | None
    val: Split | None = None  # if the source has its own validation files
    schema: Schema = field(default=Schema(None))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", replace(self.schema, classes=self.classes))

    @property
    def sample_shape(self) -> Shape:
        return self.train.sample_shape

    @property
    def target_shape(self) -> Shape | None:
        """Shape of one target; None for labels."""
        return None if self.classes is not None else self.train.y.shape[1:]

    def fingerprint(self) -> str:
        """SHA-256 over all samples and labels, with their shapes and types."""
        return _fingerprint(split for split in (self.train, self.test, self.val) if split)


def split_fingerprint(split: Split) -> str:
    """SHA-256 over the samples and targets of one split."""
    return _fingerprint([split])


def _fingerprint(splits: Iterable[Split]) -> str:
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.stored, split.y):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            for part in portions(array):
                digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def portions(array: Stored) -> Iterator[Array]:
    """All of it, in order; of what is on disk, a portion at a time."""
    if isinstance(array, np.ndarray):
        yield array
        return
    size = samples_of_chunk(array)
    for start in range(0, len(array), size):
        yield array[start : start + size]
