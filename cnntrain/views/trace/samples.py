"""Which training samples to trace: those where a trained network has most to learn."""

import math
from typing import Literal

import numpy as np

from cnntrain.losses.base import as_targets, is_labels
from cnntrain.network.network import Pass
from cnntrain.rng import Purpose, stream
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import State
from cnntrain.types import Array

Choice = Literal["worst", "best", "random"]
CHOICES: tuple[Choice, ...] = ("worst", "best", "random")
MOST_SHOWN = 4  # training samples that are traced together by default
MOST_TRIED = 10_000  # training samples that are looked at
AT_A_TIME = 256


def default_samples(experiment: Experiment, state: State) -> list[int]:
    """All training samples if there are few; else the first, or of a trained network the worst."""
    n = len(experiment.data.train)
    if n <= MOST_SHOWN:
        return list(range(n))
    return [chosen_sample(experiment, state, "worst") if state.step else 0]


def chosen_sample(experiment: Experiment, state: State, choice: Choice) -> int:
    """The most confident mistake, else the least confident right answer (``worst``); the most
    confident right answer (``best``); or one at random, the same for the same seed and step."""
    n = len(experiment.data.train)
    if choice == "random":
        return int(stream(experiment.plan.seed, Purpose.TRACE, state.step).integers(n))
    badness = np.concatenate(
        [
            _badness(experiment, state, np.arange(at, min(at + AT_A_TIME, n)))
            for at in range(0, min(n, MOST_TRIED), AT_A_TIME)
        ]
    )
    return int(badness.argmax() if choice == "worst" else badness.argmin())


def _badness(experiment: Experiment, state: State, rows: Array) -> Array:
    """Of every sample: the share of a wrong answer plus 1; minus that of a right one; or the
    squared error of a regression."""
    x, y = experiment.batches("train").take(rows)
    with np.errstate(all="ignore"):
        z, _ = experiment.network.forward(state.params, x, Pass())
        said = experiment.objective.main.loss.estimate(z)
    if not is_labels(y):
        error = np.square(said - as_targets(y, z)).reshape(-1, len(rows)).sum(axis=0)
        return np.nan_to_num(error, nan=math.inf)
    shares = np.concatenate([1 - said, said]) if len(said) == 1 else said
    wrong = shares.argmax(axis=0) != y
    return np.where(wrong, 1 + shares.max(axis=0), -shares.max(axis=0))
