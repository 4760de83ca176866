"""Arrays from .npy, .npz and IDX files, read in order, so that a pipe serves as well as a file."""

import math
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from cnntrain.data.inputs.portion import Portion, Wanted, numbered
from cnntrain.data.sources.base import readable
from cnntrain.data.sources.idx import Idx, read_header
from cnntrain.data.sources.numpy_files import BROKEN, broken_message
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.types import Array, Shape

AT_ONCE = 1 << 20  # bytes read at a time, because a header may declare too much
USUAL_NAMES = ("x", "X", "x_test", "X_test", "inputs")
HEADERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Arrange = Callable[[Array], Array]


def array_portions(x: Array, wanted: Wanted, where: str) -> Iterator[Portion]:
    """The samples of an array in memory."""
    if x.dtype.kind not in "biuf":
        raise DataError(f"{where}: holds {x.dtype}, not numbers; give an array of numbers")
    rows = stored_shape(x.shape, wanted, where)
    yield from _in_portions(iter([x.reshape(rows)]), rows, wanted)


def npy_portions(file: IO[bytes], where: str, wanted: Wanted) -> Iterator[Portion]:
    """The samples of a .npy file or stream."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError
        shape, fortran, dtype = HEADERS[version](file)
    except BROKEN as error:
        raise DataError(broken_message(where, error)) from None
    if dtype.kind not in "biuf":
        raise DataError(f"{where}: holds {dtype}, not numbers; save plain numbers")
    rows = stored_shape(shape, wanted, where)
    if fortran:  # one column after the other: rows are complete at the end only
        backwards = shape[::-1] or (1,)
        parts = iter([_rows(file, backwards, dtype, where, backwards[0]).T.reshape(rows)])
    else:
        parts = _parts(file, rows, dtype, wanted, where)
    yield from _in_portions(parts, rows, wanted)


def npz_portions(path: Path, wanted: Wanted) -> Iterator[Portion]:
    """The samples of one array of an archive."""
    with readable(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = [n.removesuffix(".npy") for n in archive.namelist() if n[-4:] == ".npy"]
                name = _inputs_of(path, members, wanted)
                with archive.open(f"{name}.npy") as file:
                    yield from npy_portions(file, f"{path}: {name}", wanted)
        except BROKEN as error:
            raise DataError(broken_message(str(path), error)) from None


def _inputs_of(path: Path, members: list[str], wanted: Wanted) -> str:
    if len(members) == 1:
        return members[0]
    own = getattr(wanted.source, "inputs", None)
    for name in (own, *USUAL_NAMES):
        if name in members:
            return str(name)
    raise DataError(
        f"{path}: which array holds the inputs? It contains {listed(members)}; call it 'x'"
    )


def idx_portions(file: IO[bytes], path: Path, wanted: Wanted) -> Iterator[Portion]:
    """The samples of an IDX file, raw or unpacked while it is read."""
    shape, _ = read_header(file, path)
    if len(shape) == 1:
        raise DataError(f"{path}: holds labels, not images; name the file of the images")
    turned = isinstance(wanted.source, Idx) and wanted.source.transpose
    upright = (*shape[:-2], shape[-1], shape[-2]) if turned else shape
    rows = stored_shape(upright, wanted, str(path))
    byte = np.dtype(np.uint8)
    if not turned:
        parts = _parts(file, rows, byte, wanted, str(path))
    else:
        stored = (*rows[:-2], rows[-1], rows[-2])
        parts = (p.swapaxes(-1, -2) for p in _parts(file, stored, byte, wanted, str(path)))
    yield from _in_portions(parts, rows, wanted)


def _parts(
    file: IO[bytes], shape: Shape, dtype: np.dtype[Any], wanted: Wanted, where: str
) -> Iterator[Array]:
    for start in range(0, shape[0], wanted.at_once):
        count = min(wanted.at_once, shape[0] - start)
        yield _rows(file, shape, dtype, where, count)
    if file.read(1):
        raise DataError(f"{where}: holds more than its header declares; download it again")


def _rows(file: IO[bytes], shape: Shape, dtype: np.dtype[Any], where: str, count: int) -> Array:
    """The next ``count`` entries of the first axis."""
    size = count * math.prod(shape[1:]) * dtype.itemsize
    content = bytearray()
    while len(content) < size and (part := file.read(min(AT_ONCE, size - len(content)))):
        content += part
    if len(content) < size:
        raise DataError(f"{where}: ends before its last sample; save or download it again")
    native = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(count, *shape[1:]) if shape else native


def _in_portions(parts: Iterator[Array], rows: Shape, wanted: Wanted) -> Iterator[Portion]:
    arrange, first = arrangement(rows, wanted), 0
    assert arrange is not None
    for part in parts:
        x = arrange(part)
        for start in range(0, len(x), wanted.at_once):
            yield numbered(x[start : start + wanted.at_once], first + start, rows[0])
        first += len(x)


def stored_shape(shape: Shape, wanted: Wanted, where: str) -> Shape:
    """The shape with the axis of the samples, which a single sample may lack."""
    for rows in (shape, (1, *shape)):
        if rows and arrangement(rows, wanted) is not None:
            return rows
    own = "x".join(map(str, wanted.shape))
    raise DataError(
        f"{where}: an array {'x'.join(map(str, shape)) or 'of one number'} holds no samples of "
        f"shape {own}, which the network takes; give it as Nx{own}"
    )


def arrangement(shape: Shape, wanted: Wanted) -> Arrange | None:
    """How an array (N, ...) becomes samples as the network reads them; None: it cannot.

    Images may have their channels last, a single channel may be left out, and an image may be a
    row of numbers.
    """
    own, one = wanted.shape, shape[1:]
    is_image = len(own) == 3
    last = is_image and one == (*own[1:], own[0])
    if last and (one != own or getattr(wanted.source, "layout", None) == "channels_last"):
        return lambda x: np.moveaxis(x, -1, 1)
    single = is_image and own[0] == 1 and one == own[1:]
    one_channel = len(one) == 2 or (len(one) == 3 and 1 in (one[0], one[2]))
    is_row = len(one) < 2 or (len(own) == 1 and one_channel)
    if one == own or single or (is_row and math.prod(one) == wanted.size):
        return lambda x: x.reshape(len(x), *own)
    return None


def is_idx(head: bytes) -> bool:
    """Whether a file begins like an IDX file of bytes."""
    return len(head) >= 4 and struct.unpack(">HB", head[:3]) == (0, 8) and 1 <= head[3] <= 4
