"""A trained network as a Python object."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cnntrain.commands.eval import EvalOptions, evaluated, evaluation
from cnntrain.commands.predict import predictor_of
from cnntrain.config.read import plan_to_tree
from cnntrain.data.inputs.arrays import array_portions
from cnntrain.data.inputs.portion import Wanted, checked
from cnntrain.data.prepare import SplitName, alone
from cnntrain.data.sources.numpy_files import ArraySource, Npy, NpyPair
from cnntrain.environment import available_cores
from cnntrain.errors import DataError
from cnntrain.runs import checkpoint
from cnntrain.runs.checkpoint import Checkpoint, best_checkpoint
from cnntrain.runs.names import resolve
from cnntrain.training.experiment import Experiment
from cnntrain.training.opening import check_losses_fit
from cnntrain.training.reading import in_classes
from cnntrain.training.workers import Workers
from cnntrain.types import Array, Arrays

AT_HAND = Npy(train=NpyPair(inputs="x", targets="y"))  # how arrays in memory are understood


def load(path: str | Path, *, threads: int | None = None) -> "Model":
    """Read a trained network.

    ``path``: a .npz checkpoint, a run folder (its best checkpoint), or the name of runs (the newest
    one). ``threads``: of predictions, by default all cores; the results do not depend on it. Raises
    ``cnntrain.errors.CheckpointError`` if it cannot be read.

    >>> import cnntrain as ct
    >>> model = ct.load("runs/digits/1")              # doctest: +SKIP
    >>> model.predict(images)                         # doctest: +SKIP
    array(['7', '2', '1'], dtype='<U1')
    """
    return Model(checkpoint.load(best_checkpoint(resolve(Path(path)))), threads)


class Model:
    """A trained network; made by ``load``, or by ``fit(...).model``.

    Samples are arrays (N, J) or (N, C, H, W), with the values that the data has: they are
    normalized as in training. A single sample may stand alone.

    >>> import cnntrain as ct
    >>> training = ct.fit({
    ...     "data": {"source": "synthetic", "problem": "xor"},
    ...     "network": [{"dense": {"units": 8, "activation": "tanh"}}, {"dense": {"units": 2}}],
    ...     "loss": "cross_entropy",
    ...     "optimizer": {"sgd": {"lr": 0.5}},
    ... })
    >>> *_, last = training
    >>> model = training.model
    >>> model.predict([[1, 1], [1, -1]])
    array(['equal', 'different'], dtype='<U9')
    >>> model.predict_proba([[1, 1], [1, -1]]).round(2)
    array([[0.98, 0.02],
           [0.01, 0.99]], dtype=float32)
    >>> model.evaluate([[1, 1], [1, -1]], ["equal", "different"])["accuracy"]
    1.0
    >>> model.params["dense1.W"].shape
    (8, 2)
    """

    def __init__(self, found: Checkpoint, threads: int | None = None) -> None:
        self.checkpoint = found
        self.threads = threads
        self._predictor = predictor_of(found)

    @property
    def config(self) -> dict[str, Any]:
        """The config of its training, with all defaults."""
        return plan_to_tree(self.checkpoint.plan)

    @property
    def params(self) -> Arrays:
        """The weights by name: (F, C, KH, KW) of convolutions, (K, J) of dense layers."""
        return MappingProxyType(dict(self._predictor.params))

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes; None for a regression."""
        return self._predictor.classes

    def predict(self, x: npt.ArrayLike) -> Array:
        """The names of the classes (N,), or the targets (N, K) in the units of the data.

        >>> import cnntrain as ct
        >>> training = ct.fit({
        ...     "data": {"source": "inline", "inputs": [[0], [1], [2]], "targets": [1.0, 3.0, 5.0]},
        ...     "network": [{"dense": {"units": 1}}],
        ...     "loss": "squared_error",
        ...     "train": {"mode": "batch", "epochs": 500},
        ...     "optimizer": {"sgd": {"lr": 0.5}},
        ... })
        >>> *_, last = training
        >>> training.model.predict([[10]]).round(2)
        array([[21.]], dtype=float32)
        """
        parts = list(self._outputs(x))
        if self.classes is None:
            return np.concatenate([self._predictor.values(z) for z in parts])
        winners = np.concatenate([self._predictor.ranked(z, 1)[:, 0] for z in parts])
        return np.array(self.classes)[winners]

    def predict_proba(self, x: npt.ArrayLike) -> Array:
        """The probability (N, classes) of every class, in the order of ``classes``.

        ``DataError`` for a regression, and for losses that give no probabilities, such as hinge.
        """
        if self.classes is None or not self._predictor.has_probabilities:
            what = "real-valued targets" if self.classes is None else "scores"
            raise DataError(f"{self.checkpoint.path}: gives {what}, not probabilities")
        return self.scores(x)

    def scores(self, x: npt.ArrayLike) -> Array:
        """(N, classes): probabilities, or the outputs of a loss that gives none."""
        return np.concatenate([self._predictor.scores(z) for z in self._outputs(x)])

    def evaluate(
        self,
        x: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        *,
        split: SplitName | None = None,
        data_dir: str | Path | None = None,
    ) -> dict[str, Any]:
        """Loss, metrics and confusion matrix: of samples x and targets y, or of a split.

        Without x and y the data of the config is read, as by ``cnntrain eval --json``. y: names or
        numbers of classes (N,), or real-valued targets (N,) or (N, K).
        """
        if x is None or y is None:
            options = EvalOptions(
                split=split, data_dir=Path(data_dir) if data_dir else None, threads=self.threads
            )
            return evaluation(self.checkpoint, options, lambda line: None)
        found = self.checkpoint
        experiment = self._experiment(np.asarray(x), np.asarray(y))
        return evaluated(found, experiment, "test", self.threads)

    def save(self, path: str | Path) -> None:
        """Write a checkpoint (.npz), whole or not at all."""
        checkpoint.write(Path(path), self.checkpoint)

    def to_bytes(self) -> bytes:
        """The content of a checkpoint."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(path := Path(folder) / "model.npz")
            return path.read_bytes()

    @classmethod
    def from_bytes(cls, content: bytes, threads: int | None = None) -> Self:
        """The network of a checkpoint with this content."""
        with tempfile.TemporaryDirectory() as folder:
            (path := Path(folder) / "model.npz").write_bytes(content)
            return cls(replace(checkpoint.load(path), path=Path("model.npz")), threads)

    def _outputs(self, x: npt.ArrayLike) -> Iterator[Array]:
        threads, uses_blas = self.threads or available_cores(), not self._predictor.is_compiled
        with Workers(threads, holds_blas=uses_blas) as workers:
            for portion in checked(array_portions(np.asarray(x), self._wanted, "x"), "x"):
                yield self._predictor.outputs(portion.x, workers)

    @property
    def _wanted(self) -> Wanted:
        found = self.checkpoint
        return Wanted(found.network.in_shape, found.plan.data.source, found.known.schema)

    def _experiment(self, x: Array, y: Array) -> Experiment:
        found, schema = self.checkpoint, self.checkpoint.known.schema
        samples = [p.x for p in checked(array_portions(x, self._wanted, "x"), "x")]
        source = found.plan.data.source
        reader = source if isinstance(source, ArraySource) else AT_HAND
        part = replace(reader, layout="channels_first").part(
            np.concatenate(samples), y, "y", schema
        )
        split = in_classes(part.split, schema, "y")
        shape = None if schema.classes is not None else split.y.shape[1:]
        check_losses_fit(found.plan, found.network, shape)
        prepared = alone("test", split, schema, found.normalizer)
        return Experiment(found.plan, found.network, prepared, found.known.losses)
