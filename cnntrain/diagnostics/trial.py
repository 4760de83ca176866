"""A short training on two batches, which every sound experiment can learn by heart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cnntrain.data.batches import epoch_order
from cnntrain.layers.activations import Identity
from cnntrain.metrics.sums import means
from cnntrain.optimizers.schedules import Constant
from cnntrain.training.baseline import guessing, is_certain
from cnntrain.training.divergence import Divergence
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.gradients import gradients
from cnntrain.training.state import State, start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers
from cnntrain.types import Array

LARGEST_BATCH = 256
OVERFIT_STEPS = 500
OVERFIT_BATCHES = 2
FITTED_LOSS = 0.1  # relative to the loss of guessing
FITTED_ERRORS = 0.05  # relative to the errors of guessing


@dataclass(frozen=True)
class Trial:
    """How a training on two batches went; ``guess`` is the loss of guessing on them."""

    fitted: bool
    first: float
    last: float
    guess: float
    steps: int
    diverged: str = ""


def overfit(small: Experiment, workers: Workers) -> Trial:
    """Train on all samples of ``small`` until they are fitted, or ``OVERFIT_STEPS``."""
    state = start(small.plan, small.network)
    clock = training_clock(small.plan, len(small.data.train))
    everything, guess = np.arange(len(small.data.train)), guessing(small, "train")
    least = least_loss(small)
    first = loss = means(gradients(small, state.params, everything, 0, workers).sums)["loss"]
    fitted = False
    while not fitted and state.step < OVERFIT_STEPS:
        taken = train_step(small, state, workers, clock)
        if isinstance(taken, Divergence):
            return Trial(False, first, loss, guess["loss"], state.step, taken.message)
        if state.step % clock.steps_per_epoch == 0:
            metrics, state.sums = means(state.sums), {}
            loss = metrics["loss"]
            fitted = is_fitted(metrics, guess, first, least)
    return Trial(fitted, first, loss, guess["loss"], state.step)


def least_loss(small: Experiment) -> float:
    """The mean loss of the best output for each sample alone: of shares, their entropy."""
    network, objective = small.network, small.objective
    shapes = [network.out_shape, *(network.nodes[node].out_shape for node in network.heads)]
    terms = [objective.main, *objective.on_heads]
    targets = small.batches("train").targets(np.arange(len(small.data.train)))
    total = 0.0
    for n in range(targets.shape[-1]):
        y = targets[..., n : n + 1]
        for term, shape in zip(terms, shapes, strict=True):
            best = term.loss.constant(y, shape)[..., None]
            total += term.weight * term.loss.forward(best, y)[0]
    return total / targets.shape[-1]


def is_fitted(
    metrics: Mapping[str, float], guess: Mapping[str, float], first: float, least: float = 0.0
) -> bool:
    """Whether little is left of the loss of guessing above ``least``, or of its errors.

    Samples of one class, or of equal targets, are guessed without loss: then of the first loss.
    """
    reference = first if is_certain(guess) else guess["loss"]
    if metrics["loss"] - least <= FITTED_LOSS * (reference - least):
        return True
    errors = 1 - guess.get("accuracy", 1.0)
    return errors > 0 and 1 - metrics["accuracy"] <= FITTED_ERRORS * errors


def two_batches(experiment: Experiment) -> Experiment:
    """The experiment on as many samples, without what prevents overfitting."""
    return without_noise(experiment, OVERFIT_BATCHES * batch_of(experiment))


def without_noise(experiment: Experiment, samples: int) -> Experiment:
    """The experiment on its first samples, without anything that prevents overfitting."""
    plan, data, network = experiment.plan, experiment.data, experiment.network
    calm = replace(
        plan,
        data=replace(plan.data, augment=()),
        schedule=Constant(),
        train=replace(plan.train, l2=0.0, l1=0.0, epochs=OVERFIT_STEPS, max_steps=None),
    )
    split = data.train.take(some(experiment, samples))
    nodes = (replace(n, layer=Identity()) if n.layer.is_random else n for n in network.nodes)
    return Experiment(
        calm, replace(network, nodes=tuple(nodes)), replace(data, splits={"train": split})
    )


def some(experiment: Experiment, samples: int) -> Array:
    """Some training samples, in the order of the first epoch."""
    return epoch_order(len(experiment.data.train), experiment.plan.seed, 0, True)[:samples]


def batch_of(experiment: Experiment) -> int:
    """Samples per batch, limited for training on the whole split."""
    samples = len(experiment.data.train)
    return min(experiment.plan.train.samples_per_step(samples), LARGEST_BATCH)


def early_state(small: Experiment, workers: Workers, steps: int) -> State | None:
    """The state after some updates; None if they diverge."""
    state = start(small.plan, small.network)
    clock = training_clock(small.plan, len(small.data.train))
    while state.step < steps:
        if isinstance(train_step(small, state, workers, clock), Divergence):
            return None
    return state
