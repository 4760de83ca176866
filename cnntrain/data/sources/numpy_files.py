"""NumPy files: ``.npz`` archives, and pairs of ``.npy`` files, which are memory-mapped.

Inputs are (N, J), (N, C, H, W), or (N, H, W) for one channel; targets are integers (N,), taken as
labels, or real numbers (N, K).
"""

import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import Source, check_expansion, checked_labels, readable
from cnntrain.errors import DataError
from cnntrain.registry import Spec, listed
from cnntrain.types import Array, Shape

BROKEN = (
    zipfile.BadZipFile, ValueError, KeyError, EOFError, zlib.error, tokenize.TokenError,
    NotImplementedError, RuntimeError, TypeError, SyntaxError, MemoryError,
)  # fmt: skip
MOST_CLASSES = 100_000  # a larger label indicates a mistake


def as_samples(x: Array, where: str) -> Array:
    """Inputs, images with a channel axis; any byte order and memory layout."""
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3, 4):
        raise DataError(f"{where}: inputs must be numbers (N, J), (N, H, W) or (N, C, H, W)")
    native = x.astype(x.dtype.newbyteorder("="), copy=False)
    return native[:, None] if x.ndim == 3 else native


def as_targets(y: Array, where: str) -> tuple[Array, bool]:
    """(labels or targets, whether they are labels)."""
    if y.dtype.kind in "biu" and y.ndim == 1:
        return y.astype(np.int64), True
    if y.dtype.kind in "biu" and y.ndim == 2 and (y.sum(axis=1) == 1).all() and y.min() == 0:
        return y.astype(np.float64), False
    if y.dtype.kind == "f" and y.ndim in (1, 2, 4):
        return (y[:, None] if y.ndim == 1 else y).astype(np.float64), False
    raise DataError(
        f"{where}: targets must be integers (N,), which are labels, or real numbers (N, K); "
        f"found {y.dtype} {y.shape}"
    )


def dataset(pairs: Sequence[tuple[Array, Array] | None], where: str) -> Dataset:
    """A dataset from the (inputs, targets) of train, test and val, checked for consistency."""
    checked = [
        None if pair is None else (as_samples(pair[0], where), *as_targets(pair[1], where))
        for pair in pairs
    ]
    there = [part for part in checked if part is not None]
    for x, y, _ in there:
        if len(x) != len(y) or len(x) == 0:
            raise DataError(f"{where}: {len(x)} inputs, but {len(y)} targets")
    if len({(x.shape[1:], labelled) for x, _, labelled in there}) != 1:
        raise DataError(f"{where}: the splits differ in the shape or the kind of their samples")
    names = None
    if there[0][2]:
        classes = min(max(2, *(int(y.max()) + 1 for _, y, _ in there)), MOST_CLASSES)
        names = tuple(str(k) for k in range(classes))
        for _, y, _ in there:
            checked_labels(y, classes, where)
    splits = [None if part is None else Split(part[0], part[1]) for part in checked]
    train, test, val = splits
    assert train is not None
    return Dataset(train, test, names, val)


@dataclass(frozen=True, kw_only=True)
class Npz(Source, kind="npz"):
    """NumPy archives (``.npz``).

    Options: ``train``, ``test`` and ``val``, names of ``.npz`` files; ``inputs`` and ``targets``,
    the names of the arrays in them (x and y).
    """

    train: str
    test: str | None = None
    val: str | None = None
    inputs: str = "x"
    targets: str = "y"

    def sample_shape(self, find: Find) -> Shape:
        return as_samples(self._read(self.train, find)[0], self.train).shape[1:]

    def load(self, find: Find, seed: int) -> Dataset:
        names = (self.train, self.test, self.val)
        return dataset([self._read(name, find) if name else None for name in names], self.train)

    def _read(self, name: str, find: Find) -> tuple[Array, Array]:
        path = find(name)
        with readable(path):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    if missing := {self.inputs, self.targets} - set(arrays):
                        raise DataError(
                            f"{path}: has no array {min(missing)!r}; it contains "
                            f"{listed(list(arrays))}; name them with 'inputs' and 'targets'"
                        )
                    for name, labels in ((self.inputs, False), (self.targets, True)):
                        member = arrays.zip.getinfo(_member_name(arrays.zip, name))
                        check_expansion(path, member.file_size, member.compress_size, labels)
                    return _plain(arrays[self.inputs]), _plain(arrays[self.targets])
            except BROKEN as error:
                raise DataError(_message(path, error)) from None


@dataclass(frozen=True, kw_only=True)
class NpyPair(Spec):
    """The two files of one split."""

    inputs: str
    targets: str


@dataclass(frozen=True, kw_only=True)
class Npy(Source, kind="npy"):
    """Single NumPy arrays (``.npy``).

    Options: ``train``, ``test`` and ``val``, each ``{inputs: FILE.npy, targets: FILE.npy}``.

    Memory-mapped: only the samples of a batch are read.
    """

    train: NpyPair
    test: NpyPair | None = None
    val: NpyPair | None = None

    def sample_shape(self, find: Find) -> Shape:
        return as_samples(_mapped(find(self.train.inputs)), self.train.inputs).shape[1:]

    def load(self, find: Find, seed: int) -> Dataset:
        pairs = [
            None if pair is None else (_mapped(find(pair.inputs)), _mapped(find(pair.targets)))
            for pair in (self.train, self.test, self.val)
        ]
        return dataset(pairs, self.train.inputs)


def _mapped(path: Path) -> Array:
    with readable(path):
        try:
            array: Array = np.lib.format.open_memmap(path, mode="r")
        except BROKEN as error:
            if zipfile.is_zipfile(path):
                raise DataError(
                    f"{path}: not a .npy file; for archives use the source 'npz'"
                ) from None
            raise DataError(_message(path, error)) from None
    return array


def _member_name(archive: zipfile.ZipFile, name: str) -> str:
    """The name of an array in the archive, as NumPy resolves it."""
    return name if name in archive.namelist() else f"{name}.npy"


def _plain(member: Array) -> Array:
    """An array of an archive; NumPy returns members in other formats as bytes."""
    if not isinstance(member, np.ndarray):
        raise TypeError
    return member


def _message(path: Path, error: BaseException) -> str:
    if "pickle" in str(error) or "Python objects" in str(error):
        return f"{path}: contains Python objects or is not a NumPy file; save plain numbers"
    if isinstance(error, MemoryError):
        return f"{path}: declares more values than fit into memory"
    return f"{path}: not a readable NumPy file ({type(error).__name__})"
