"""Training state <-> one ``.npz`` file, written completely or not at all, and checked when read.

The file is a zip archive of uncompressed ``.npy`` members: ``header`` (JSON text as bytes),
``params/<name>``, ``memory/<slot>:<name>``, ``normalize/shift`` and ``normalize/scale`` (and
``normalize/target_shift``, ``normalize/target_scale`` if targets are normalized). It contains no
time and no machine, so equal states give equal bytes. It never names a class, module
or path: everything follows from the config in the header, and every member is checked against the
shape that the config implies before it is read.
"""

import io
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import MaxLen
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.plan import Plan
from cnntrain.config.read import plan_from_tree, plan_to_tree
from cnntrain.data.normalize import Normalizer, statistics_shape
from cnntrain.errors import CheckpointError, ConfigError
from cnntrain.files import atomic_write
from cnntrain.network.network import Network
from cnntrain.registry import Spec, listed
from cnntrain.training.experiment import Experiment, network_for
from cnntrain.training.state import Best, State, optimizer_state_names
from cnntrain.types import Array, Count, Natural, Params, Shape

FORMAT = 1
HEADER = "header"
HEADER_LIMIT = 16 << 20  # bytes
MOST_AXES = 8
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal states give equal bytes
BROKEN = (
    zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError, TypeError, zlib.error,
    struct.error, tokenize.TokenError, NotImplementedError, RuntimeError, SyntaxError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class BestHeader(Spec):
    """``State.best`` as JSON."""

    value: float
    epoch: Natural
    step: Natural


@dataclass(frozen=True, kw_only=True)
class Header(Spec):
    """Everything in a checkpoint that is not an array."""

    format: int
    version: str
    config: dict[str, Any]
    sample_shape: Annotated[tuple[Count, ...], MaxLen(MOST_AXES)]
    classes: tuple[str, ...] | None
    fingerprint: str
    step: Natural
    sums: dict[str, float | int | list[Any]]
    figures: dict[str, float]  # the metrics; the name is part of the format
    best: BestHeader | None
    stale_epochs: Natural
    drops: Natural
    largest_change: float | None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, read and found consistent."""

    path: Path
    plan: Plan
    network: Network
    state: State
    normalizer: Normalizer
    classes: tuple[str, ...] | None
    fingerprint: str


def save(path: Path, experiment: Experiment, state: State) -> None:
    """Write a checkpoint; after a crash at any moment ``path`` is the old or new one, complete."""
    arrays = {
        HEADER: np.frombuffer(_header(experiment, state).encode(), np.uint8),
        **{f"params/{name}": array for name, array in state.params.items()},
        **{f"memory/{name}": array for name, array in state.optimizer_state.items()},
        **{f"normalize/{name}": a for name, a in experiment.data.normalizer.arrays().items()},
    }
    size = sum(array.nbytes for array in arrays.values())
    with atomic_write(path, size) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", EPOCH_OF_ZIP)
            with archive.open(member, "w", force_zip64=array.nbytes > 1 << 30) as out:
                np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)


def _header(experiment: Experiment, state: State) -> str:
    from cnntrain import __version__

    data = experiment.data
    header = {
        "format": FORMAT,
        "version": __version__,
        "config": plan_to_tree(experiment.plan),
        "sample_shape": data.sample_shape,
        "classes": data.classes,
        "fingerprint": data.fingerprint,
        "step": state.step,
        "sums": {name: np.asarray(value).tolist() for name, value in state.sums.items()},
        "figures": state.metrics,
        "best": asdict(state.best) if state.best else None,
        "stale_epochs": state.stale_epochs,
        "drops": state.drops,
        "largest_change": state.largest_change,
    }
    return json.dumps(header, allow_nan=False)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises ``CheckpointError`` if anything in it is not as expected."""
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file; name a .npz checkpoint or a run folder")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except BROKEN as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({reason}); use another one of the same run"
        ) from None


def _read(path: Path, archive: zipfile.ZipFile) -> Checkpoint:
    members = _members(path, archive)
    header = _read_header(path, archive, members)
    try:
        plan = plan_from_tree(header.config)
        network = network_for(plan, header.sample_shape)
        expected = _expected(plan, network, header.sample_shape)
    except ConfigError as error:
        raise CheckpointError(f"{path}: the config in it is not valid: {error}") from None
    _compare_names(path, members.keys() - {HEADER}, expected.keys())
    arrays = {
        name: _read_array(path, archive, members[name], *spec) for name, spec in expected.items()
    }
    best = Best(**asdict(header.best)) if header.best else None
    state = State(
        params=_under("params/", arrays),
        optimizer_state=_under("memory/", arrays),
        step=header.step,
        sums=_unlisted(header.sums),
        metrics=dict(header.figures),
        best=best,
        stale_epochs=header.stale_epochs,
        drops=header.drops,
        largest_change=header.largest_change,
    )
    normalizer = Normalizer(**_under("normalize/", arrays))
    return Checkpoint(
        path=path,
        plan=plan,
        network=network,
        state=state,
        normalizer=normalizer,
        classes=header.classes,
        fingerprint=header.fingerprint,
    )


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


def _read_header(
    path: Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]
) -> Header:
    if HEADER not in members or members[HEADER].file_size > HEADER_LIMIT:
        raise CheckpointError(f"{path}: a .npz file, but not a checkpoint of cnntrain")
    content = _plain_array(archive.read(members[HEADER]))
    tree = json.loads(content.astype(np.uint8).tobytes())
    version = tree.get("format") if isinstance(tree, dict) else None
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {version}; this cnntrain reads format {FORMAT}"
        )
    for key in ("sample_shape", "classes"):
        tree[key] = tuple(tree[key]) if isinstance(tree.get(key), list) else tree.get(key)
    try:
        return TypeAdapter(Header).validate_python(tree)
    except ValidationError as error:
        where = ".".join(str(key) for key in error.errors()[0]["loc"])
        raise CheckpointError(f"{path}: the header is damaged at {where!r}") from None


def _expected(
    plan: Plan, network: Network, sample_shape: Shape
) -> dict[str, tuple[Shape, "np.dtype[Any]"]]:
    """Shape and type of every array that a checkpoint of this plan holds."""
    shapes = {name: param.shape for name, param in network.params.items()}
    statistics = statistics_shape(plan.data.normalize, sample_shape)
    dtype, exact = plan.numpy_dtype, np.dtype(np.float64)
    normalizers = {"shift": statistics, "scale": statistics}
    if plan.data.normalize_targets != "none":
        of_targets = statistics_shape("per_channel", network.out_shape)
        normalizers |= {"target_shift": of_targets, "target_scale": of_targets}
    return {
        **{f"params/{name}": (shape, dtype) for name, shape in shapes.items()},
        **{
            f"memory/{slot}": (shapes[name], dtype)
            for slot, name in optimizer_state_names(plan, network).items()
        },
        **{f"normalize/{name}": (shape, exact) for name, shape in normalizers.items()},
    }


def _compare_names(path: Path, found: Iterable[str], expected: Iterable[str]) -> None:
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or extra:
        raise CheckpointError(
            f"{path}: does not match its config: "
            + "; ".join(
                f"{what} {listed(names)}"
                for what, names in (("missing", missing), ("not expected", extra))
                if names
            )
        )


def _read_array(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: Shape, dtype: np.dtype[Any]
) -> Array:
    """The array of a member, after its size and header have been checked."""
    size = int(np.prod(shape)) * dtype.itemsize
    if not size <= info.file_size <= size + 4096:
        raise CheckpointError(f"{path}: {info.filename} does not have the size of an array {shape}")
    array = _plain_array(archive.read(info))
    if array.shape != shape or array.dtype != dtype:
        raise CheckpointError(
            f"{path}: {info.filename} is {array.dtype} {array.shape}, not {dtype} {shape}"
        )
    if not np.isfinite(array).all():
        raise CheckpointError(f"{path}: {info.filename} contains NaN or infinity")
    return np.ascontiguousarray(array)


def _plain_array(content: bytes) -> Array:
    """The array of a .npy file; never an object array, whose reading could run code."""
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except ValueError:  # NumPy's own message recommends allowing pickles
        raise ValueError("a member that is not a plain array") from None


def _under(prefix: str, arrays: Params) -> Params:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def _unlisted(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Sums as they were: lists become arrays again."""
    return {n: np.array(value) if isinstance(value, list) else value for n, value in sums.items()}


def weights_for(found: Checkpoint, experiment: Experiment) -> Params:
    """The weights of a checkpoint (their moving averages, if it has them) for another training."""
    weights = found.state.evaluated()
    old = {name: array.shape for name, array in weights.items()}
    new = {name: param.shape for name, param in experiment.network.params.items()}
    differing = [name for name in {**new, **old} if new.get(name) != old.get(name)]
    if differing:
        lines = (
            f"\n  {name}: {old.get(name, 'absent')} in the checkpoint, "
            f"{new.get(name, 'absent')} in the config"
            for name in differing
        )
        raise CheckpointError(
            f"{found.path}: its network differs from the config's:{''.join(lines)}"
        )
    return {name: weights[name].astype(experiment.plan.numpy_dtype) for name in new}


def best_checkpoint(path: Path) -> Path:
    """The file itself, or the best checkpoint of a run folder (the last one if none is best)."""
    if not path.is_dir():
        return path
    for name in ("best.npz", "last.npz"):
        for folder in (path / "checkpoints", path):
            if (folder / name).is_file():
                return folder / name
    raise CheckpointError(f"{path}: this folder contains no checkpoint (checkpoints/best.npz)")
