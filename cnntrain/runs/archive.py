"""Arrays and a header of JSON <-> one ``.npz`` file, checked when read.

The file is a zip archive of uncompressed ``.npy`` members: ``header`` (JSON text as bytes) and the
arrays. It contains no time and no machine, so equal contents give equal bytes. The header holds a
digest of itself and of all arrays, so that none can be exchanged.
"""

import hashlib
import io
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.errors import CheckpointError
from cnntrain.files import atomic_write, opened_plain
from cnntrain.text import finite_json
from cnntrain.training.state import weights_sha256
from cnntrain.types import Array, Params, Shape

HEADER = "header"
DIGEST = "digest"  # its key in the header; files of the first versions have none
HEADER_LIMIT = 16 << 20  # bytes
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal states give equal bytes
BROKEN = (
    zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError, TypeError, zlib.error,
    struct.error, tokenize.TokenError, NotImplementedError, RuntimeError, SyntaxError, MemoryError,
    OverflowError,
)  # fmt: skip


def write_archive(
    path: Path, header: Mapping[str, Any], arrays: Params, within: int | None = None
) -> None:
    """Write the file completely or not at all. ``within``: the descriptor of its folder."""
    bound = {**header, DIGEST: digest(header, arrays)}
    text = json.dumps(bound, allow_nan=False).encode()
    members = {HEADER: np.frombuffer(text, np.uint8), **arrays}
    size = sum(array.nbytes for array in members.values())
    with atomic_write(path, size, within) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in members.items():
            member = zipfile.ZipInfo(f"{name}.npy", EPOCH_OF_ZIP)
            with archive.open(member, "w", force_zip64=array.nbytes > 1 << 30) as out:
                np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)


def digest(header: Mapping[str, Any], arrays: Params) -> str:
    """SHA-256 of a header, without its own digest, and of all arrays with their names."""
    rest = {key: value for key, value in header.items() if key != DIGEST}
    text = json.dumps(rest, sort_keys=True, allow_nan=False)
    return hashlib.sha256(f"{text}\n{weights_sha256(arrays)}".encode()).hexdigest()


class Archive:
    """An opened file whose members are as ``write_archive`` makes them."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self._members = _members(path, archive)
        self.header = self._read_header()

    @property
    def names(self) -> set[str]:
        """The names of the arrays."""
        return self._members.keys() - {HEADER}

    def array(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """The array of this name, after its size and header have been checked."""
        path, info = self.path, self._members[name]
        size = int(np.prod(shape)) * dtype.itemsize
        if not size <= info.file_size <= size + 4096:
            raise CheckpointError(
                f"{path}: {info.filename} does not have the size of an array {shape}"
            )
        array = _plain_array(self._archive.read(info))
        if array.shape != shape or array.dtype != dtype:
            raise CheckpointError(
                f"{path}: {info.filename} is {array.dtype} {array.shape}, not {dtype} {shape}"
            )
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: {info.filename} contains NaN or infinity")
        return np.ascontiguousarray(array)

    def check_digest(self, arrays: Params) -> None:
        """Refuse a header that was changed, and arrays that were not saved with it."""
        found = self.header.get(DIGEST)
        if found is not None and found != digest(self.header, arrays):
            raise CheckpointError(
                f"{self.path}: its header and arrays were not saved together: one was changed or "
                "comes from another checkpoint; use another one of the same run"
            )

    def _read_header(self) -> dict[str, Any]:
        members = self._members
        if HEADER not in members or members[HEADER].file_size > HEADER_LIMIT:
            raise CheckpointError(f"{self.path}: a .npz file, but not a checkpoint of cnntrain")
        content = _plain_array(self._archive.read(members[HEADER]))
        tree = finite_json(content.astype(np.uint8).tobytes())
        return tree if isinstance(tree, dict) else {}


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open the file; everything that fails while it is read is a ``CheckpointError``."""
    try:
        with opened_plain(path) as file, zipfile.ZipFile(file) as archive:
            yield Archive(path, archive)
    except BROKEN as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({reason}); use another one of the same run"
        ) from None


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The archive's members by name; none may be compressed, encrypted or duplicated."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        plain = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
        if name in members or not plain or info.flag_bits & 1 or name == info.filename:
            raise CheckpointError(
                f"{path}: member {info.filename!r} was not written by cnntrain; "
                "use a checkpoint made by cnntrain"
            )
        members[name] = info
    return members


def _plain_array(content: bytes) -> Array:
    """The array of a .npy file; never an object array, whose reading could run code."""
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except ValueError:  # NumPy's own message recommends allowing pickles
        raise ValueError("a member that is not a plain array") from None
