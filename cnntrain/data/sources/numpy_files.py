"""NumPy files: ``.npz`` archives, and ``.npy`` files, large ones of which are read by index.

Inputs are (N, J) or (N, C, H, W), and (N, H, W) means one channel; targets are integers or text
(N,), which are labels, or real numbers (N, K).
"""

import tokenize
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from cnntrain.data.by_index import ByIndex, FileRows, RowFile, Stored, in_memory, stored, viewed
from cnntrain.data.dataset import Schema, Split
from cnntrain.data.labels import are_whole, is_one_hot, label_names, sorted_classes, to_codes
from cnntrain.data.locate import Find
from cnntrain.data.sources.base import FileSource, Part, check_expansion, readable
from cnntrain.errors import DataError
from cnntrain.registry import Spec, listed
from cnntrain.types import Array, Shape

BROKEN = (
    zipfile.BadZipFile, ValueError, KeyError, EOFError, zlib.error, tokenize.TokenError,
    NotImplementedError, RuntimeError, TypeError, SyntaxError, MemoryError,
)  # fmt: skip
KNOWN_NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
)

Layout = Literal["channels_first", "channels_last"]


def as_samples(x: Stored, layout: Layout | None, where: str) -> Stored:
    """Inputs with their sample first and channels second; any byte order."""
    if isinstance(x, ByIndex):  # a zero of this shape says what is wrong with them
        zero = np.zeros((), x.dtype.newbyteorder("="))
        _as_samples(np.broadcast_to(zero, x.shape), layout, where)
    return viewed(x, lambda found: _as_samples(found, layout, where))


def _as_samples(x: Array, layout: Layout | None, where: str) -> Array:
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3, 4) or 0 in x.shape[1:]:
        raise DataError(
            f"{where}: inputs must be numbers (N, J), (N, H, W) or (N, C, H, W), not "
            f"{x.dtype} {x.shape}"
        )
    native = x.astype(x.dtype.newbyteorder("="), copy=False)
    if native.ndim == 3:
        return native[:, None]
    if native.ndim == 4 and layout is None and looks_channels_last(native.shape):
        raise DataError(
            f"{where}: inputs {native.shape} look like images with their channels last; say "
            "'layout: channels_last', or 'layout: channels_first' if they are not"
        )
    return np.moveaxis(native, -1, 1) if native.ndim == 4 and layout == "channels_last" else native


def looks_channels_last(shape: Shape) -> bool:
    """Whether the last axis is 1, 3 or 4, and much smaller than the other two."""
    return shape[3] in (1, 3, 4) and min(shape[1], shape[2]) > 2 * shape[3]


def as_targets(y: Array, where: str) -> tuple[Array, bool]:
    """(names of labels (N,), True), or (real-valued targets (N, ...), False)."""
    alone = y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)
    if y.dtype.kind == "S" and alone:
        return np.char.decode(y.reshape(-1), "utf-8", "replace"), True
    if y.dtype.kind in "biuU" and alone:
        return label_names(y.reshape(-1)), True
    if is_one_hot(y) or (y.dtype.kind == "f" and y.ndim in (1, 2, 4)):
        return (y[:, None] if y.ndim == 1 else y).astype(np.float64), False
    raise DataError(
        f"{where}: targets must be labels (N,), one-hot rows (N, K) or real numbers (N, K); "
        f"found {y.dtype} {y.shape}"
    )


def _fits_classes(answers: Array, schema: Schema) -> bool:
    """Whether real numbers may stand for the classes of a schema: shares, or whole numbers."""
    if schema.classes is None:
        return True
    if answers.ndim != 2:
        return False
    if answers.shape[1] == 1:
        return are_whole(answers)
    return answers.shape[1] == len(schema.classes)


@dataclass(frozen=True, kw_only=True)
class ArraySource(FileSource):
    """Base of sources of arrays: ``layout`` of images, ``class_names`` of integer labels."""

    layout: Layout | None = None
    class_names: tuple[str, ...] = ()

    def part(self, x: Stored, y: Array, where: str, schema: Schema | None) -> Part:
        """Inputs and targets of one split, checked to belong together."""
        samples, (answers, are_labels) = as_samples(x, self.layout, where), as_targets(y, where)
        if len(samples) != len(answers) or len(samples) == 0:
            raise DataError(f"{where}: {len(samples)} inputs, but {len(answers)} targets")
        note = f"{where}: inputs {'x'.join(map(str, samples.shape))}"
        if not are_labels:
            if schema is not None and not _fits_classes(answers, schema):
                raise DataError(f"{where}: real-valued targets, but the training data has labels")
            return Part(Split(samples, answers), schema or Schema(None), (note,))
        if schema is not None and schema.classes is None:
            raise DataError(f"{where}: labels, but the training data has real-valued targets")
        names = self._named(answers, where) if self.class_names else answers
        classes = self.class_names or sorted_classes(names, where)
        if schema is not None:
            classes = schema.classes or ()
        elif len(classes) < 2:
            raise DataError(f"{where}: one class only ({classes[0]!r}); there must be two or more")
        split = Split(samples, to_codes(names, classes, where))
        return Part(split, schema or Schema(classes), (note,))

    def _named(self, names: Array, where: str) -> Array:
        """Label k has the k-th of the ``class_names``, from 0; labels that are names stay."""
        if set(np.unique(names).tolist()) <= set(self.class_names):
            return names
        numbers = tuple(str(k) for k in range(len(self.class_names)))
        return np.array(self.class_names)[to_codes(names, numbers, where)]


@dataclass(frozen=True, kw_only=True)
class NpzPart(Spec):
    """Where one split is: an archive, and the names of its two arrays."""

    file: str
    inputs: str = "x"
    targets: str = "y"


@dataclass(frozen=True, kw_only=True)
class Npz(ArraySource, kind="npz"):
    """NumPy archives (``.npz``).

    Options: ``train``, ``test`` and ``val``, each the name of a ``.npz`` file or ``{file, inputs,
    targets}``; ``inputs`` and ``targets``, the names of the arrays where a file alone is given (x
    and y; an archive of x_train, y_train, x_test and y_test is recognized); ``layout``:
    channels_first or channels_last; ``class_names``, in the order of the labels 0, 1, ...

    Labels are integers of any kind or text; real numbers are targets of a regression.
    """

    train: str | NpzPart
    test: str | NpzPart | None = None
    val: str | NpzPart | None = None
    inputs: str = "x"
    targets: str = "y"

    def sample_shape(self, find: Find) -> Shape:
        given = self.parts(find)["train"]
        x, _ = self._arrays(given, find)
        return as_samples(x, self.layout, str(find(given.file))).shape[1:]

    def evaluated_on(self, path: str) -> Self:
        return replace(self, test=path)

    def parts(self, find: Find) -> dict[str, Any]:
        """The arrays of the splits; the usual names of one archive for all are recognized."""
        given = {name: self._part(value) for name, value in super().parts(find).items()}
        usual = self._usual_names(find)
        if usual is None:
            return given
        x_train, y_train, x_test, y_test = usual
        file = str(self.train)
        given["train"] = NpzPart(file=file, inputs=x_train, targets=y_train)
        if self.test in (None, self.train):
            given["test"] = NpzPart(file=file, inputs=x_test, targets=y_test)
        return given

    def _usual_names(self, find: Find) -> tuple[str, ...] | None:
        """The names of an archive with arrays of both splits, if ``train`` is one."""
        if not isinstance(self.train, str) or (self.inputs, self.targets) != ("x", "y"):
            return None
        with readable(path := find(self.train)):
            try:
                with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                    members = {name.removesuffix(".npy") for name in archive.namelist()}
            except BROKEN:
                return None
        return next((names for names in KNOWN_NAMES if members >= set(names)), None)

    def _part(self, given: str | NpzPart | None) -> NpzPart | None:
        if not isinstance(given, str):
            return given
        return NpzPart(file=given, inputs=self.inputs, targets=self.targets)

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        x, y = self._arrays(given, find)
        return self.part(x, y, str(find(given.file)), schema)

    def _arrays(self, given: NpzPart, find: Find) -> tuple[Array, Array]:
        path = find(given.file)
        wanted = (given.inputs, given.targets)
        with readable(path):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    if missing := set(wanted) - set(arrays):
                        raise DataError(
                            f"{path}: has no array {min(missing)!r}; it contains "
                            f"{listed(list(arrays))}; name them with 'inputs' and 'targets'"
                        )
                    for name, labels in zip(wanted, (False, True), strict=True):
                        member = arrays.zip.getinfo(_member_name(arrays.zip, name))
                        check_expansion(path, member.file_size, member.compress_size, labels)
                    return _plain(arrays[given.inputs]), _plain(arrays[given.targets])
            except BROKEN as error:
                raise DataError(broken_message(str(path), error)) from None


@dataclass(frozen=True, kw_only=True)
class NpyPair(Spec):
    """The two files, or folders of files, of one split."""

    inputs: str
    targets: str


@dataclass(frozen=True, kw_only=True)
class Npy(ArraySource, kind="npy"):
    """NumPy arrays (``.npy``), one per file.

    Options: ``train``, ``test`` and ``val``, each ``{inputs: PATH, targets: PATH}``, where a path
    is a file or a folder of files, which follow one another in the order of their names;
    ``layout``: channels_first or channels_last; ``class_names``, as for npz.

    Inputs of more than 256 MiB stay on disk; the samples of a batch are read when it is trained.
    """

    train: NpyPair
    test: NpyPair | None = None
    val: NpyPair | None = None

    def sample_shape(self, find: Find) -> Shape:
        path = find(self.train.inputs)
        return as_samples(_arrays_at(path), self.layout, str(path)).shape[1:]

    def read(self, given: Any, find: Find, schema: Schema | None) -> Part:
        inputs = find(given.inputs)
        x, y = _arrays_at(inputs), _arrays_at(find(given.targets))
        x = x if isinstance(x, np.ndarray) else stored(x)
        return self.part(x, in_memory(y), str(inputs), schema)


def _arrays_at(path: Path) -> Stored:
    """The array of a file, or those of all files of a folder as one."""
    parts = sorted(path.glob("*.npy")) if path.is_dir() else [path]
    if not parts:
        raise DataError(f"{path}: no .npy files in this folder")
    whole = _header(parts[0])
    if len(parts) == 1 and (whole.ndim == 0 or not whole.flags.c_contiguous):
        return np.array(whole)  # a single number, or stored column by column
    found = [_array_of(part) for part in parts]
    _, sample, dtype = found[0]
    for part, (_, other, kind) in zip(parts, found, strict=True):
        if (other, kind) != (sample, dtype):
            raise DataError(
                f"{part}: samples {kind} {other}, but in {parts[0].name} they are {dtype} {sample}"
            )
    return FileRows([rows for rows, _, _ in found], sample, dtype)


def _array_of(path: Path) -> tuple[RowFile, Shape, "np.dtype[Any]"]:
    """Where the rows of an array are, their shape and type: from its header alone."""
    array = _header(path)
    if not array.flags.c_contiguous or array.ndim == 0:
        raise DataError(f"{path}: save it with np.save(file, np.ascontiguousarray(x))")
    return RowFile.at(path, array.offset, len(array)), array.shape[1:], array.dtype


def _header(path: Path) -> "np.memmap[Any, Any]":
    """The array of a file, which is mapped and not read."""
    with readable(path):
        try:
            return np.lib.format.open_memmap(path, mode="r")
        except BROKEN as error:
            if zipfile.is_zipfile(path):
                raise DataError(
                    f"{path}: not a .npy file; for archives use the source 'npz'"
                ) from None
            raise DataError(broken_message(str(path), error)) from None


def _member_name(archive: zipfile.ZipFile, name: str) -> str:
    """The name of an array in the archive, as NumPy resolves it."""
    return name if name in archive.namelist() else f"{name}.npy"


def _plain(member: Array) -> Array:
    """An array of an archive; NumPy returns members in other formats as bytes."""
    if not isinstance(member, np.ndarray):
        raise TypeError
    return member


def broken_message(where: str, error: BaseException) -> str:
    """What is wrong with a file that NumPy could not read."""
    if "pickle" in str(error) or "Python objects" in str(error):
        return f"{where}: contains Python objects or is not a NumPy file; save plain numbers"
    if isinstance(error, MemoryError):
        return f"{where}: declares more values than fit into memory"
    return f"{where}: not a readable NumPy file ({type(error).__name__})"
