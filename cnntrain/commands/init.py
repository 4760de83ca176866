"""``cnntrain init``: a first config for some data."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnntrain.config.read import plan_from_tree, read_config
from cnntrain.config.template import Facts, Template, config_text
from cnntrain.data.dataset import Dataset
from cnntrain.data.description import described
from cnntrain.data.guess import Options, guessed
from cnntrain.data.locate import DataFolders
from cnntrain.environment import program
from cnntrain.errors import ConfigError, ExitCode
from cnntrain.files import write_text
from cnntrain.runs.console import warn
from cnntrain.training.checks import check_training
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import open_experiment

EMBEDDED: Options = {"source": "digits"}


def run_init(
    template: Template | None, data: Path | None, target: str | None, out: Path | None
) -> ExitCode:
    """Look at the data, write the config, and say how to go on."""
    path = out or Path(f"{_stem(data)}.yaml")
    if path.exists():
        raise ConfigError(f"{path}: exists already; choose another name with --out")
    options = EMBEDDED if data is None else guessed(data, target)
    options = _relative(options, path.parent)
    dataset = _loaded(options, path.parent)
    text = config_text(str(path), options, _facts(dataset), template)
    experiment = _opened(text, path, dataset)
    for line in described(experiment.data):
        warn(line)
    write_text(path, text)
    warn(f"wrote {path}\n\nNext:\n  {program()} fit {path} --check")
    return ExitCode.DONE


def _stem(data: Path | None) -> str:
    """The name of the config: that of the data."""
    if data is None:
        return "digits"
    name = data.resolve().name.partition(".")[0]
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "run"


def _relative(options: Any, folder: Path) -> Any:
    """The options with paths as the config in ``folder`` names them."""
    if isinstance(options, Mapping):
        return {key: _relative(value, folder) for key, value in options.items()}
    if not isinstance(options, Path):
        return options
    if options.is_absolute():
        return str(options)
    return Path(os.path.relpath(options, folder)).as_posix()


def _loaded(options: Mapping[str, Any], folder: Path) -> Dataset:
    placeholder = {"network": ["flatten"], "loss": "squared_error", "name": "init"}
    plan = plan_from_tree({**placeholder, "data": options})
    return plan.data.source.load(DataFolders.of(None, folder).find, 0)


def _facts(dataset: Dataset) -> Facts:
    classes, target = dataset.classes, dataset.target_shape
    soft = target if target is not None and len(target) == 1 else (1,)
    return Facts(
        shape=dataset.sample_shape,
        samples=len(dataset.train),
        outputs=len(classes) if classes is not None else soft[0],
        has_classes=classes is not None,
        has_test=dataset.test is not None,
        has_validation=dataset.val is not None,
    )


def _opened(text: str, path: Path, dataset: Dataset) -> Experiment:
    """The experiment that the config describes: what is written can be trained."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8")
        config = read_config(draft)
    find = DataFolders.of(None, path.parent).find
    return open_experiment(config.plan, find, further=check_training, dataset=dataset)
