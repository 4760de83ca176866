"""What both estimators for scikit-learn share: parameters, training, pickling."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from cnntrain.api.model import Model
from cnntrain.api.training import Training
from cnntrain.config.plan import Plan
from cnntrain.config.read import plan_from_tree
from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.locate import DataFolders
from cnntrain.errors import Diverged
from cnntrain.network.network import Network
from cnntrain.training.checks import check_training
from cnntrain.training.events import EpochEnd, Stopped
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import initial_optimizer_state, start
from cnntrain.types import Array, Params

HIDDEN = ({"dense": {"units": 32, "activation": "relu"}},)
OPTIMIZER = {"adam": {"lr": 0.01}}
LARGEST_SEED = 2**31 - 1

Classes = tuple[str, ...] | None  # None: real-valued targets


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share; see ``CNNClassifier``."""

    loss_curve_: list[float]  # of every epoch
    model_: Model

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        *,
        shape: Sequence[int] | None = None,
        loss: Any = None,
        optimizer: Any = None,
        epochs: int = 100,
        batch_size: int = 32,
        l2: float = 0.0,
        normalize: str = "per_feature",
        config: Mapping[str, Any] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        threads: int | None = None,
    ) -> None:
        self.layers = layers
        self.shape = shape
        self.loss = loss
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.normalize = normalize
        self.config = config
        self.warm_start = warm_start
        self.random_state = random_state
        self.threads = threads

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "model_" in state:
            return {**state, "model_": self.model_.to_bytes()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": Model.from_bytes(state["model_"], state["threads"])}
        super().__setstate__(state)

    def _tree(self, features: int, outputs: int) -> dict[str, Any]:
        """The config of this training."""
        own = dict(self.config or {})
        shape = [features] if self.shape is None else list(self.shape)
        layers = list(HIDDEN if self.layers is None else self.layers)
        if self.layers is None and len(shape) > 1:
            layers.insert(0, "flatten")
        seed = check_random_state(self.random_state).randint(LARGEST_SEED)
        return {
            "name": type(self).__name__,
            "seed": int(seed),
            "dtype": "float64",
            **own,
            "input": shape,
            "data": {
                "source": "memory", "normalize": self.normalize, **self._data(),
                **own.get("data", {}),
            },
            "network": [*layers, {"dense": {"units": outputs}}],
            "loss": self.loss or self._usual_loss(),
            "optimizer": self.optimizer or OPTIMIZER,
            "train": {
                "batch_size": self.batch_size, "epochs": self.epochs, "l2": float(self.l2),
                **own.get("train", {}),
            },
        }  # fmt: skip

    def _data(self) -> dict[str, Any]:
        """More keys of ``data``."""
        return {}

    def _usual_loss(self) -> str:
        raise NotImplementedError

    def _train(self, X: Array, y: Array, outputs: int, classes: Classes) -> None:
        """Train on all samples, from new weights or, with ``warm_start``, from those there are."""
        before: Model | None = getattr(self, "model_", None) if self.warm_start else None
        plan = plan_from_tree(self._tree(X.shape[1], outputs))
        experiment = self._experiment(plan, X, y, classes, before)
        state = start(plan, experiment.network)
        if before is None:
            self.loss_curve_ = []
        else:
            state.params |= _fitting(before.checkpoint.state.params, experiment.network)
            state.optimizer_state = initial_optimizer_state(plan, experiment.network, state.params)
        self._follow(Training(experiment, state, self.threads))

    def _train_once(self, X: Array, y: Array, outputs: int, classes: Classes) -> None:
        """One pass over the samples, which continues what was trained before."""
        before: Model | None = getattr(self, "model_", None)
        found = before.checkpoint if before else None
        plan = found.plan if found else plan_from_tree(self._tree(X.shape[1], outputs))
        experiment = self._experiment(plan, X, y, classes, before)
        state = copy.deepcopy(found.state) if found else start(plan, experiment.network)
        self.loss_curve_ = self.loss_curve_ if found else []
        per_epoch = training_clock(plan, len(experiment.data.train)).steps_per_epoch
        done = math.ceil(state.step / per_epoch)  # of other lengths before: whole epochs of these
        state = replace(state, step=done * per_epoch, sums={})
        train = replace(plan.train, epochs=done + 1, max_steps=None)
        experiment = replace(experiment, plan=replace(plan, train=train))
        self._follow(Training(experiment, state, self.threads))

    def _experiment(
        self, plan: Plan, X: Array, y: Array, classes: Classes, before: Model | None
    ) -> Experiment:
        dataset = Dataset(Split(self._shaped(X), y), None, classes)
        normalizer = before.checkpoint.normalizer if before else None
        find = DataFolders.of(None).find
        return open_experiment(plan, find, normalizer, check_training, dataset=dataset)

    def _shaped(self, X: Array) -> Array:
        return X if self.shape is None else X.reshape(len(X), *self.shape)

    def _follow(self, training: Training) -> None:
        """Train to the end and keep the network."""
        for event in training:
            if isinstance(event, EpochEnd):
                self.loss_curve_.append(event.metrics["train/loss"])
            if isinstance(event, Stopped) and event.reason == "diverged":
                raise Diverged(f"{event.detail}; try a lower learning rate")
        self.n_iter_ = len(self.loss_curve_)
        self.model_ = training.model


def _fitting(params: Params, network: Network) -> Params:
    """The weights that have the same place in a network."""
    return {
        name: params[name].copy()
        for name, param in network.params.items()
        if name in params and params[name].shape == param.shape
    }
