"""A trained network as other tools see it: samples first, float32, with its preprocessing."""

from dataclasses import dataclass, replace

import numpy as np

from cnntrain.data.dataset import Schema
from cnntrain.data.normalize import Normalizer
from cnntrain.network.network import Network
from cnntrain.network.objective import Objective
from cnntrain.ops.sums import in_two
from cnntrain.runs.checkpoint import Checkpoint
from cnntrain.training.predict import Predictor
from cnntrain.types import Array, Arrays


@dataclass(frozen=True)
class Model:
    """A network with its arrays, and what its inputs and outputs mean.

    ``preprocessing``: the normalization of inputs and targets; None where the other tool does it.
    """

    name: str
    network: Network
    params: Arrays
    preprocessing: Normalizer | None
    schema: Schema
    loss: str

    @classmethod
    def of(cls, found: Checkpoint, with_preprocessing: bool = True) -> "Model":
        """The network of a checkpoint, with averaged weights where it has them."""
        dtype, known = found.plan.numpy_dtype, found.known
        predictor = Predictor(found.network, found.state.evaluated(), known, dtype)
        return cls(
            found.plan.name,
            found.network,
            predictor.params,
            found.normalizer if with_preprocessing else None,
            replace(known.schema, classes=predictor.classes),
            Objective(found.plan.loss).main.loss.kind,
        )


@dataclass(frozen=True)
class Affine:
    """(x - shift - rest) · factor: a normalization in float32, which needs its shift in two."""

    shift: Array
    rest: Array
    factor: Array

    @classmethod
    def of(cls, normalizer: Normalizer) -> "Affine":
        """What normalizes the inputs."""
        near, rest = in_two(normalizer.shift, np.dtype(np.float32))
        return cls(near, rest, (1 / normalizer.scale).astype(np.float32))

    @property
    def changes_nothing(self) -> bool:
        """Whether it is x itself."""
        return not (self.shift.any() or self.rest.any() or (self.factor != 1).any())
