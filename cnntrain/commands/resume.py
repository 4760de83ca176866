"""Continuing a run exactly where it stopped, or saying why that is impossible."""

from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.config.differences import differences
from cnntrain.config.plan import Plan
from cnntrain.config.read import plan_to_tree
from cnntrain.environment import environment
from cnntrain.errors import CheckpointError, RunFolderError
from cnntrain.native import current
from cnntrain.network.network import by_numpy
from cnntrain.runs.checkpoint import Checkpoint, are_sums, check_kind_of_targets
from cnntrain.runs.console import warn
from cnntrain.runs.logs import elapsed_before, recorded_environment
from cnntrain.runs.place import Place
from cnntrain.runs.writer import RunFolder, newest_checkpoint
from cnntrain.training.experiment import Experiment


def continued_run(place: Place, experiment: Experiment) -> tuple[RunFolder, float]:
    """(the run in its folder, seconds already trained), from its newest readable checkpoint."""
    path = place.path
    found, skipped = newest_checkpoint(path)
    for message in skipped:
        warn(f"Warning: {message}")
    _check_same(path, experiment, found)
    check_kind_of_targets(found, experiment)
    _check_sums(experiment, found)
    for message in _machine_changes(path, experiment):
        warn(f"Warning: {message}")
    elapsed_s = elapsed_before(path, found.state.step)
    return RunFolder.resume(place, experiment, found), elapsed_s


def _check_same(path: Path, experiment: Experiment, found: Checkpoint) -> None:
    """A resumed run must have the plan and the data of the stopped one."""
    old, new = (_comparable(plan) for plan in (found.plan, experiment.plan))
    changes = [str(change) for change in differences(old, new)]
    if found.fingerprint != experiment.data.fingerprint:
        changes += _data_changes(recorded_environment(path), found, experiment)
    if found.engine != current().name:
        changes.append(f"engine: {found.engine} -> {current().name}; use --engine {found.engine}")
    if changes:
        raise RunFolderError(
            f"{path}: config or data have changed since this run was started, so it cannot be "
            "resumed exactly:"
            + "".join(f"\n  {change}" for change in changes)
            + f"\nUse the original config and data, or start a new run from its weights with "
            f"--init-from {path}"
        )


def _check_sums(experiment: Experiment, found: Checkpoint) -> None:
    """Within an epoch, its sums must be those that this version takes, and make sense."""
    kept = found.state.sums
    z = np.zeros((*experiment.network.out_shape, 1), experiment.plan.numpy_dtype)
    taken = experiment.sums(0.0, z, experiment.batches("train").targets(np.arange(1)))
    if kept and kept.keys() != taken.keys():
        folder = found.path.parent.parent
        raise CheckpointError(
            f"{found.path}: the header is damaged at 'sums', or it stopped within an epoch whose "
            "metrics another version of cnntrain took otherwise; resume it with that version, or "
            f"start a new run from its weights with --init-from {folder}"
        )
    if kept and not are_sums(kept, experiment.plan):
        raise CheckpointError(f"{found.path}: the header is damaged at 'sums'")


def _data_changes(env: dict[str, Any], found: Checkpoint, experiment: Experiment) -> list[str]:
    """The data's fingerprint, and the numbers of samples that differ."""
    data = experiment.data
    samples = {name: len(split) for name, split in data.splits.items()}
    counts = [f"samples.{d}" for d in differences(env.get("samples", samples), samples)]
    return [f"data fingerprint: {found.fingerprint[:12]} -> {data.fingerprint[:12]}", *counts]


def _comparable(plan: Plan) -> dict[str, Any]:
    """What must not change: all but the stopping rules, unless the schedule depends on the end."""
    tree = plan_to_tree(plan)
    free = {"checkpoint_steps"} | (set() if plan.schedule.sees_end else {"epochs", "max_steps"})
    kept = {key: value for key, value in tree["train"].items() if key not in free}
    kept["stop"] = {"threshold": plan.train.stop.threshold is not None}
    del tree["log"]  # which changes no bit
    return {**tree, "train": kept}


def _machine_changes(path: Path, experiment: Experiment) -> list[str]:
    """Warnings of what may change the last bits of a resumed run: nothing, where compiled kernels
    do all the work."""
    if not by_numpy(experiment.fast_network):
        return []
    old, new = ({k: env.get(k) for k in ("numpy", "blas", "cpu")} for env in
                (recorded_environment(path), environment()))  # fmt: skip
    changes = [str(change) for change in differences(old, new)] if any(old.values()) else []
    end = "the last bits may differ from those of an uninterrupted run"
    return [f"{change}; {end}" for change in changes]
