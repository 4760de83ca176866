"""Training from Python: a config in, events out."""

import copy
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from cnntrain.api.model import Model
from cnntrain.config.overrides import override
from cnntrain.config.plan import Plan
from cnntrain.config.read import Config, plan_from_tree, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.environment import available_cores
from cnntrain.runs.checkpoint import taken
from cnntrain.training.checks import check_training
from cnntrain.training.events import Event
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import State, start
from cnntrain.training.train import train
from cnntrain.training.workers import Workers


def fit(
    config: str | Path | Mapping[str, Any],
    *,
    settings: Sequence[str] = (),
    seed: int | None = None,
    data_dir: str | Path | None = None,
    threads: int | None = None,
) -> "Training":
    """Train the network that a config describes: a file, or a dict with the same keys.

    Returns an iterator of events: ``StepEnd`` after every update, ``EpochEnd``, and at last
    ``Stopped``. The network is trained while it is iterated over, and stops where the loop is left.
    ``settings``: changes such as "train.epochs=3". The result is that of ``cnntrain fit``, bit for
    bit, but no run folder is written. Raises ``cnntrain.errors.ConfigError`` or ``DataError``.

    >>> import cnntrain as ct
    >>> config = {
    ...     "data": {"source": "digits", "validation": 0.1, "normalize": "unit"},
    ...     "network": ["flatten", {"dense": {"units": 10}}],
    ...     "loss": "cross_entropy",
    ...     "optimizer": {"sgd": {"lr": 0.5}},
    ... }
    >>> training = ct.fit(config, settings=["train.epochs=2"])
    >>> for event in training:
    ...     if isinstance(event, ct.EpochEnd):
    ...         print(event.epoch, round(event.metrics["val/accuracy"], 2))
    1 0.94
    2 0.94
    >>> training.model.classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    folder = Path(data_dir) if data_dir is not None else None
    if isinstance(config, Mapping):
        plan = _plan_of(config, settings, seed)
        experiment = open_experiment(plan, DataFolders.of(folder).find, further=check_training)
        return Training(experiment, start(plan, experiment.network), threads)
    read = read_config(Path(config), settings, seed)
    experiment = _opened(read, DataFolders.of(folder, Path(config).parent))
    return Training(experiment, start(read.plan, experiment.network), threads)


def _plan_of(config: Mapping[str, Any], settings: Sequence[str], seed: int | None) -> Plan:
    tree = copy.deepcopy(dict(config))
    tree.setdefault("name", "run")
    for setting in settings:
        override(tree, setting)
    if seed is not None:
        tree["seed"] = seed
    return plan_from_tree(tree)


def _opened(config: Config, folders: DataFolders) -> Experiment:
    with config.places():
        return open_experiment(config.plan, folders.find, further=check_training)


class Training(Iterator[Event]):
    """The events of a training, and the network as it is trained so far."""

    def __init__(self, experiment: Experiment, state: State, threads: int | None = None) -> None:
        self.experiment, self.state, self.threads = experiment, state, threads
        self._events = self._train()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    @property
    def model(self) -> Model:
        """The network as it is now; training on does not change it."""
        path = Path(self.experiment.plan.name)
        return Model(taken(path, self.experiment, copy.deepcopy(self.state)), self.threads)

    def _train(self) -> Generator[Event, None, None]:
        with Workers(self.threads or available_cores()) as workers:
            yield from train(self.experiment, self.state, workers)
