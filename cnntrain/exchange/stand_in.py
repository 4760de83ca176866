"""An experiment without the data of its training: what a checkpoint needs besides the arrays."""

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data.dataset import Schema, Split
from cnntrain.data.normalize import Normalizer, statistics_shape
from cnntrain.data.prepare import alone
from cnntrain.errors import DataError
from cnntrain.network.network import Network
from cnntrain.network.objective import Objective
from cnntrain.registry import listed
from cnntrain.rng import Purpose, stream
from cnntrain.training.experiment import Experiment

SAMPLES = 8
INPUTS = ("shift", "scale")


def stand_in(plan: Plan, network: Network, normalizer: Normalizer, schema: Schema) -> Experiment:
    """The experiment of a network that was trained elsewhere, on a few samples of noise."""
    data = alone("train", noise(network, schema, plan.seed), schema, normalizer)
    losses = Objective(plan.loss).named(schema.classes).terms
    return Experiment(plan, network, data, losses)


def noise(network: Network, schema: Schema, seed: int) -> Split:
    """Samples of standard normal numbers; targets are classes in turn, or noise too."""
    draws = stream(seed, Purpose.SYNTHETIC)
    x = draws.standard_normal((SAMPLES, *network.in_shape)).astype(np.float32)
    if schema.classes is not None:
        return Split(x, np.arange(SAMPLES) % len(schema.classes))
    return Split(x, draws.standard_normal((SAMPLES, *network.out_shape)).astype(np.float32))


def check_normalizer(plan: Plan, network: Network, found: Normalizer, where: str) -> None:
    """Refuse a normalization of another kind than the config's."""
    data = plan.data
    expected = {name: statistics_shape(data.normalize, network.in_shape) for name in INPUTS}
    if data.normalize_targets != "none":
        shape = statistics_shape("per_channel", network.out_shape)
        expected |= {f"target_{name}": shape for name in INPUTS}
    shapes = {name: array.shape for name, array in found.arrays().items()}
    if shapes != expected:
        raise DataError(
            f"{where}: was normalized with {listed([f'{n} {s}' for n, s in shapes.items()])}, but "
            f"the config says 'normalize: {data.normalize}', 'normalize_targets: "
            f"{data.normalize_targets}'; give it those of the training"
        )
