"""The folder of an imported model: a config and a checkpoint, whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cnntrain.config.read import dump_plan
from cnntrain.data.dataset import Split
from cnntrain.errors import RunFolderError
from cnntrain.files import TEMPORARY, atomic_write, write_text, writing
from cnntrain.runs.checkpoint import save
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State, initial_optimizer_state
from cnntrain.types import Params

CONFIG, CHECKPOINT, SAMPLES = "config.yaml", "best.npz", "samples.npz"


def write_model_folder(
    out: Path, experiment: Experiment, params: Params, samples: Split | None = None
) -> None:
    """Write config and checkpoint, and ``samples`` where the config names these as its data."""
    plan = experiment.plan
    state = State(params, initial_optimizer_state(plan, experiment.network, params))
    with new_folder(out) as folder:
        write_text(folder / CONFIG, dump_plan(plan))
        if samples is not None:
            with atomic_write(folder / SAMPLES) as file:
                np.savez(file, x=samples.x, y=samples.y)
        save(folder / CHECKPOINT, experiment, state)


def check_new(out: Path) -> None:
    """Refuse a folder that holds something, or a file in its place."""
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out}: not a folder; choose another --out")
    with writing(out):
        if out.is_dir() and any(out.iterdir()):
            raise RunFolderError(f"{out}: this folder is not empty; choose another --out")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that appears at ``out`` when everything in it has been written."""
    check_new(out)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = out.parent / f".{out.name}.{secrets.token_hex(4)}{TEMPORARY}"
        folder.mkdir()
    try:
        yield folder
        with writing(out):
            folder.replace(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
