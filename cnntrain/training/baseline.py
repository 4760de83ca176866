"""What guessing would give, and whether a training ended better than that.

A guess is the same output for every sample: the one of least cost over the training targets, that
is, the shares of the classes or the mean of the targets; its accuracy is that of the most frequent
class. Both are evaluated on the split whose figures they are compared with.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.data.prepare import SplitName
from cnntrain.metrics import metrics_line
from cnntrain.metrics.sums import Sums, add_sums
from cnntrain.training.experiment import Experiment
from cnntrain.types import Array

CHUNK = 4096  # samples looked at together,
MOST_NUMBERS = 1 << 22  # if their outputs are no more numbers than this
LOSS_MARGIN = 0.02  # a loss less than this share below that of guessing is no better
ACCURACY_MARGIN = 2.0  # standard deviations of an accuracy from as many samples
LEAST_LOSS = 1e-9  # of guessing classes; where it costs less, there is only one

Outputs = dict[int | None, Array]  # of the last layer (None) and of the heads, by their place


@dataclass(frozen=True)
class Baseline:
    """The figures of guessing on ``split``, and those that training ended with.

    ``since_epoch``: the first of all the epochs at the end whose training loss was no better than
    that of guessing.
    """

    split: SplitName
    guessing: dict[str, float]  # loss, accuracy, ...
    reached: dict[str, float]
    better: bool
    since_epoch: int | None = None

    def __str__(self) -> str:
        """``val/loss 2.304 (guessing: 2.302)``."""
        shown = [name for name in ("loss", "accuracy", "rmse") if name in self.reached]
        parts = []
        for name in shown:
            told, guess = (metrics_line({name: v[name]}) for v in (self.reached, self.guessing))
            parts.append(f"{self.split}/{told} (guessing: {guess.removeprefix(f'{name} ')})")
        return ", ".join(parts)


def guessing(experiment: Experiment, split: SplitName) -> dict[str, float]:
    """The metrics of guessing on a split."""
    best = constant_outputs(experiment)
    metrics = _metrics_of(experiment, split, best)
    if experiment.task != "numbers":
        frequent = {**best, None: _most_frequent(experiment)}
        metrics["accuracy"] = _metrics_of(experiment, split, frequent)["accuracy"]
    return metrics


def constant_outputs(experiment: Experiment) -> Outputs:
    """The outputs of the best guess, by the training targets."""
    network, objective = experiment.network, experiment.objective
    y = _targets(experiment, "train", slice(None))
    outputs: Outputs = {None: objective.main.loss.constant(y, network.out_shape)}
    for term, node in zip(objective.on_heads, network.heads, strict=True):
        outputs[node] = term.loss.constant(y, network.nodes[node].out_shape)
    return outputs


def judged(
    experiment: Experiment, metrics: Mapping[str, float], epochs: Sequence[Mapping[str, float]]
) -> Baseline | None:
    """Compare the last ``metrics`` of a training with guessing; None if that cannot be done.

    ``epochs``: the metrics of every finished epoch.
    """
    split: SplitName = "val" if "val" in experiment.data.splits else "train"
    guess, learned = guessing(experiment, split), guessing(experiment, "train")["loss"]
    reached = {name: metrics[f"{split}/{name}"] for name in guess if f"{split}/{name}" in metrics}
    if "loss" not in reached or is_certain(guess):
        return None
    at_guess = [epoch["train/loss"] >= (1 - LOSS_MARGIN) * learned for epoch in epochs]
    has_left = not all(at_guess) or metrics["train/loss"] < (1 - LOSS_MARGIN) * learned
    better = reached["loss"] < (1 - LOSS_MARGIN) * guess["loss"]
    samples = len(experiment.data.splits[split])
    better = better or (has_left and is_more_accurate(reached, guess, samples))
    since = None if better or not at_guess or not at_guess[-1] else _first_of_last(at_guess)
    return Baseline(split, guess, reached, better, since)


def is_certain(guess: Mapping[str, float]) -> bool:
    """Whether guessing costs nothing: all samples are of one class, or their targets are equal."""
    return guess["loss"] <= (LEAST_LOSS if "accuracy" in guess else 0.0)


def is_more_accurate(
    reached: Mapping[str, float], guess: Mapping[str, float], samples: int
) -> bool:
    """Whether an accuracy is above that of guessing by more than chance explains."""
    if "accuracy" not in reached:
        return False
    p = guess["accuracy"]
    return reached["accuracy"] > p + ACCURACY_MARGIN * math.sqrt(p * (1 - p) / samples)


def loss_of(experiment: Experiment, split: SplitName, outputs: Outputs) -> float:
    """The mean loss of outputs that are the same for all samples of a split."""
    return _metrics_of(experiment, split, outputs)["loss"]


def _first_of_last(flags: Sequence[bool]) -> int:
    """The number, from 1, of the first of all the true flags at the end."""
    return max((k for k, flag in enumerate(flags, start=1) if not flag), default=0) + 1


def _targets(experiment: Experiment, split: SplitName, part: slice) -> Array:
    batches = experiment.batches(split)
    return batches.targets(np.arange(len(batches.split))[part])


def _most_frequent(experiment: Experiment) -> Array:
    """Outputs that take every sample for the most frequent class, or every label for yes or no."""
    network, y = experiment.network, experiment.data.train
    if experiment.task == "yes_no":
        shares = _targets(experiment, "train", slice(None)).mean(axis=-1, dtype=np.float64)
        return np.where(shares > 0.5, 1.0, -1.0)
    counts = np.bincount(y.labels, minlength=2)
    if network.out_shape == (1,):
        return np.array([1.0 if counts[1] > counts[0] else -1.0])
    return np.eye(network.out_shape[0])[counts.argmax()]


def _metrics_of(experiment: Experiment, split: SplitName, outputs: Outputs) -> dict[str, float]:
    """The metrics of outputs that are the same for all samples of a split."""
    total: Sums = {}
    numbers = sum(z.size for z in outputs.values())
    chunk = min(CHUNK, max(1, MOST_NUMBERS // numbers))
    for start in range(0, len(experiment.data.splits[split]), chunk):
        y = _targets(experiment, split, slice(start, start + chunk))
        repeated = {place: _repeated(z, y.shape[-1]) for place, z in outputs.items()}
        heads = {place: z for place, z in repeated.items() if place is not None}
        loss, _, _ = experiment.objective.forward(repeated[None], heads, y)
        sums = experiment.sums(loss, repeated[None], y)
        total = add_sums(total, sums) if total else sums
    found = experiment.metrics(split, total)
    return {name.partition("/")[2]: value for name, value in found.items()}


def _repeated(z: Array, samples: int) -> Array:
    return np.repeat(z[..., None], samples, axis=-1)
