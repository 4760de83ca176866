"""What a command works on: a config, a checkpoint, or a run folder (its best checkpoint)."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from cnntrain.config.overrides import override
from cnntrain.config.plan import Plan
from cnntrain.config.read import Config, plan_from_tree, plan_to_tree, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.errors import ConfigError, DataError
from cnntrain.network.network import Network
from cnntrain.runs.checkpoint import Checkpoint, best_checkpoint, check_kind_of_targets, load
from cnntrain.runs.console import warn
from cnntrain.runs.logs import recorded_environment
from cnntrain.runs.names import resolve
from cnntrain.text import visible
from cnntrain.training.experiment import Experiment, build_network
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import State, start


@dataclass(frozen=True)
class Target:
    """A plan, and where it comes from: exactly one of ``config`` and ``checkpoint``."""

    plan: Plan
    folders: DataFolders
    config: Config | None = None
    checkpoint: Checkpoint | None = None

    def places(self) -> contextlib.AbstractContextManager[None]:
        """Add line and column to errors of the config."""
        return self.config.places() if self.config else contextlib.nullcontext()

    def network(self) -> Network:
        """The network, without reading any data if the config has ``input:``."""
        if self.checkpoint is not None:
            return self.checkpoint.network
        with self.places():
            return build_network(self.plan, self.folders.find)

    def experiment(self) -> tuple[Experiment, State]:
        """(network and data, the state: new, or that of the checkpoint)."""
        if self.checkpoint is not None:
            return open_checkpoint(self.checkpoint, self.folders), self.checkpoint.state
        with self.places():
            experiment = open_experiment(self.plan, self.folders.find)
            tell_what_was_read(experiment)
            return experiment, start(self.plan, experiment.network)


def open_target(path: Path, settings: Sequence[str], data_dir: Path | None) -> Target:
    """Read a config, or the (best) checkpoint that ``path`` names."""
    path = resolve(path)
    if is_trained(path):
        if settings:
            raise ConfigError(
                "--set changes a config, but a checkpoint contains its own; remove --set"
            )
        found = load(best_checkpoint(path))
        return Target(found.plan, checkpoint_folders(found, data_dir), checkpoint=found)
    if not path.suffix and not path.exists():
        raise ConfigError(f"{path}: no such config, checkpoint or run folder")
    config = read_config(path, settings)
    return Target(config.plan, DataFolders.of(data_dir, path.parent), config=config)


def is_trained(path: Path) -> bool:
    """Whether ``path`` names a checkpoint or a run, rather than a config."""
    path = resolve(path)
    return path.is_dir() or path.suffix == ".npz"


def open_checkpoint(found: Checkpoint, folders: DataFolders) -> Experiment:
    """The experiment of a checkpoint, with the normalization stored in it; says what it read."""
    try:
        experiment = open_experiment(
            found.plan, folders.find, found.normalizer, schema=found.known.schema
        )
    except ConfigError as error:
        raise DataError(f"the data does not fit the checkpoint: {error}") from None
    check_kind_of_targets(found, experiment)
    tell_what_was_read(experiment)
    return experiment


def tell_what_was_read(experiment: Experiment) -> None:
    """A line on stderr for every file, and for what was left out of it."""
    for note in experiment.data.notes:
        warn(f"read {visible(note)}")


def checkpoint_folders(found: Checkpoint, data_dir: Path | None) -> DataFolders:
    """Where to look for its data: in ``data_dir``, or where its run found it."""
    return DataFolders.of(data_dir, *recorded_folders(found.path), found.path.parent)


def with_data_settings(plan: Plan, settings: Sequence[str]) -> Plan:
    """The plan with other data; nothing else about a trained network can be changed."""
    tree = plan_to_tree(plan)
    for setting in settings:
        if not setting.startswith("data."):
            raise ConfigError(
                f"--set {setting}: a trained network is used as it is; only keys of its data can "
                "be set, such as data.test=FILE"
            )
        override(tree, setting)
    return plan_from_tree(tree)


STEP_SECTIONS = ("data", "optimizer", "schedule", "train", "loss", "seed")


def with_step_settings(plan: Plan, settings: Sequence[str]) -> Plan:
    """The plan with another way to make the next update; the network stays as it is."""
    tree = plan_to_tree(plan)
    for setting in settings:
        if re.split(r"[.=]", setting)[0] not in STEP_SECTIONS:
            raise ConfigError(
                f"--set {setting}: a trained network is used as it is; what can be set is how it "
                f"is trained on: keys of {', '.join(STEP_SECTIONS[:-1])}, and seed"
            )
        override(tree, setting)
    return plan_from_tree(tree)


def recorded_folders(checkpoint: Path) -> list[Path]:
    """Where the run of this checkpoint found its data, if the checkpoint is in a run folder."""
    folders = recorded_environment(checkpoint.parent.parent).get("data_folders")
    return [Path(folder) for folder in folders] if _are_texts(folders) else []


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
