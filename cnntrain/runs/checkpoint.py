"""Training state <-> one ``.npz`` file, written completely or not at all, and checked when read.

Besides its header the file holds ``params/<name>``, ``memory/<slot>:<name>``, ``normalize/shift``
and ``normalize/scale`` (and ``normalize/target_shift``, ``normalize/target_scale`` if targets are
normalized). It never names a class, module or path: everything follows from the config in the
header, and every member is checked against the shape that the config implies before it is read.
What the header says is checked for sense, and bound to the arrays by a digest.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, MaxLen
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.plan import Plan
from cnntrain.config.read import frozen, plan_from_tree, plan_to_tree
from cnntrain.data.dataset import Schema
from cnntrain.data.normalize import Normalizer, statistics_shape
from cnntrain.errors import CheckpointError, ConfigError
from cnntrain.metrics import metric_values
from cnntrain.native import current
from cnntrain.network.network import Network
from cnntrain.network.objective import LossTerm
from cnntrain.registry import Spec, listed, to_tree
from cnntrain.runs.archive import Archive, opened_archive, write_archive
from cnntrain.runs.logs import MOST_STEPS
from cnntrain.training.experiment import Experiment, network_for
from cnntrain.training.reading import Known
from cnntrain.training.state import Best, State, optimizer_state_names
from cnntrain.types import Count, NonNegative, Params, Shape

FORMAT = 1
MOST_AXES = 8
FROZEN = ("sample_shape", "classes", "schema")  # which JSON has as lists

Steps = Annotated[int, Ge(0), Le(MOST_STEPS)]


@dataclass(frozen=True, kw_only=True)
class BestHeader(Spec):
    """``State.best`` as JSON."""

    value: float
    epoch: Steps
    step: Steps


@dataclass(frozen=True, kw_only=True)
class Header(Spec):
    """Everything in a checkpoint that is not an array."""

    format: int
    version: str
    config: dict[str, Any]
    sample_shape: Annotated[tuple[Count, ...], MaxLen(MOST_AXES)]
    classes: tuple[str, ...] | None
    fingerprint: str
    step: Steps
    sums: dict[str, float | int | list[Any]]
    figures: dict[str, float]  # the metrics; the name is part of the format
    best: BestHeader | None
    stale_epochs: Steps
    drops: Steps
    largest_change: NonNegative | None
    digest: str | None = None  # of this header and all arrays; old files have none
    schema: Schema | None = None  # None: written by version 0.1
    losses: Any = None
    engine: str = "numpy"  # with which it was trained; version 0.1 had no other
    part_fingerprints: dict[str, str] = field(default_factory=dict)


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
    known: Known
    part_fingerprints: Mapping[str, str]
    engine: str


def save(path: Path, experiment: Experiment, state: State, within: int | None = None) -> None:
    """Write a checkpoint; after a crash at any moment ``path`` is the old or new one, complete.

    ``within``: the descriptor of its folder, if that must be this one.
    """
    write(path, taken(path, experiment, state), within)


def taken(path: Path, experiment: Experiment, state: State) -> Checkpoint:
    """The checkpoint of a training as it is now."""
    data = experiment.data
    return Checkpoint(
        path=path,
        plan=experiment.plan,
        network=experiment.network,
        state=state,
        normalizer=data.normalizer,
        classes=data.classes,
        fingerprint=data.fingerprint,
        known=Known(data.schema, data.normalizer, experiment.objective.terms),
        part_fingerprints=data.part_fingerprints,
        engine=current().name,
    )


def write(path: Path, found: Checkpoint, within: int | None = None) -> None:
    """Write a checkpoint that was taken or read."""
    state = found.state
    arrays = {
        **{f"params/{name}": array for name, array in state.params.items()},
        **{f"memory/{name}": array for name, array in state.optimizer_state.items()},
        **{f"normalize/{name}": array for name, array in found.normalizer.arrays().items()},
    }
    write_archive(path, _header(found), arrays, within)


def _header(found: Checkpoint) -> dict[str, Any]:
    from cnntrain import __version__

    state = found.state
    return {
        "format": FORMAT,
        "version": __version__,
        "config": plan_to_tree(found.plan),
        "sample_shape": found.network.in_shape,
        "classes": found.classes,
        "fingerprint": found.fingerprint,
        "step": state.step,
        "sums": {name: np.asarray(value).tolist() for name, value in state.sums.items()},
        "figures": state.metrics,
        "best": asdict(state.best) if state.best else None,
        "stale_epochs": state.stale_epochs,
        "drops": state.drops,
        "largest_change": state.largest_change,
        "schema": to_tree(found.known.schema),
        "losses": _fitted_losses(found),
        "engine": found.engine,
        "part_fingerprints": dict(found.part_fingerprints),
    }


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises ``CheckpointError`` if anything in it is not as expected."""
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file; name a .npz checkpoint or a run folder")
    with opened_archive(path) as archive:
        return _read(path, archive)


def _read(path: Path, archive: Archive) -> Checkpoint:
    header = _checked_header(path, archive.header)
    try:
        plan = plan_from_tree(header.config)
        network = network_for(plan, header.sample_shape)
        expected = _expected(plan, network, header.sample_shape)
    except ConfigError as error:
        raise CheckpointError(f"{path}: the config in it is not valid: {error}") from None
    _compare_names(path, archive.names, expected.keys())
    arrays = {name: archive.array(name, *spec) for name, spec in expected.items()}
    archive.check_digest(arrays)
    state = State(
        params=_under("params/", arrays),
        optimizer_state=_under("memory/", arrays),
        step=header.step,
        sums=_unlisted(header.sums),
        metrics=dict(header.figures),
        best=Best(**asdict(header.best)) if header.best else None,
        stale_epochs=header.stale_epochs,
        drops=header.drops,
        largest_change=header.largest_change,
    )
    normalizer = Normalizer(**_under("normalize/", arrays))
    found = Checkpoint(
        path=path,
        plan=plan,
        network=network,
        state=state,
        normalizer=normalizer,
        classes=header.classes,
        fingerprint=header.fingerprint,
        known=Known(_schema(path, header), normalizer, _losses(header, plan)),
        part_fingerprints=header.part_fingerprints,
        engine=header.engine,
    )
    _check_sense(found)
    return found


def _fitted_losses(found: Checkpoint) -> Any:
    """The losses with what they took from the training targets; None if that is nothing."""
    fitted = found.known.losses
    return None if fitted == found.plan.loss else to_tree(fitted)


def _losses(header: Header, plan: Plan) -> tuple[LossTerm, ...]:
    if header.losses is None:
        return plan.loss
    return plan_from_tree({**header.config, "loss": header.losses}).loss


def _schema(path: Path, header: Header) -> Schema:
    schema = header.schema or Schema(header.classes)
    if schema.classes != header.classes:
        raise CheckpointError(f"{path}: the header is damaged at 'classes'")
    return schema


def _checked_header(path: Path, tree: dict[str, Any]) -> Header:
    version = tree.get("format")
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {version}; this cnntrain reads format {FORMAT}"
        )
    tuples = {key: frozen(tree[key]) for key in FROZEN if tree.get(key) is not None}
    try:
        return TypeAdapter(Header).validate_python({**tree, **tuples})
    except ValidationError as error:
        where = ".".join(str(key) for key in error.errors()[0]["loc"])
        raise CheckpointError(f"{path}: the header is damaged at {where!r}") from None


def _check_sense(found: Checkpoint) -> None:
    """Refuse what no training can have left, although its types are right."""
    state, outputs = found.state, found.network.out_shape[0]
    wrong = {
        "best": state.best is not None and state.best.step > state.step,
        "classes": found.classes is not None and not 0 < len(found.classes) <= max(outputs, 2),
        "sums": bool(state.sums) and not are_sums(state.sums, found.plan),
    }
    for where in (where for where, is_wrong in wrong.items() if is_wrong):
        raise CheckpointError(f"{found.path}: the header is damaged at {where!r}")


def are_sums(sums: Mapping[str, Any], plan: Plan) -> bool:
    """Whether they are the sums of some samples, from which metrics can be computed."""
    try:
        with np.errstate(all="ignore"):
            values = metric_values(sums, plan.metrics).values()
        return type(sums["n"]) is int and sums["n"] > 0 and all(map(math.isfinite, values))
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError):
        return False


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


def _under(prefix: str, arrays: Params) -> Params:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def _unlisted(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Sums as they were: lists become arrays again."""
    return {n: np.array(value) if isinstance(value, list) else value for n, value in sums.items()}


def check_kind_of_targets(found: Checkpoint, experiment: Experiment) -> None:
    """Refuse data with classes for a network trained without, and the other way round."""
    kinds = ("real targets", "classes")
    trained, given = found.classes is not None, experiment.data.classes is not None
    if trained != given:
        raise CheckpointError(
            f"{found.path}: by its header it was trained on {kinds[trained]}, but the data has "
            f"{kinds[given]}; use another checkpoint of the same run, or the data of its training"
        )


def best_checkpoint(path: Path) -> Path:
    """The file itself, or the best checkpoint of a run folder (the last one if none is best)."""
    if not path.is_dir():
        return path
    for name in ("best.npz", "last.npz"):
        for folder in (path / "checkpoints", path):
            if (folder / name).is_file():
                return folder / name
    raise CheckpointError(f"{path}: this folder contains no checkpoint (checkpoints/best.npz)")
