"""A short training on two batches, and changes of the config that are tried with it.

A remedy is tried before it is told: two batches are trained again with the change, and only one
that makes the difference is named.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data.batches import epoch_order
from cnntrain.data.normalize import Normalization, Normalizer, fit_normalizer, fit_targets
from cnntrain.layers.activations import Identity, Relu
from cnntrain.metrics.sums import means
from cnntrain.optimizers.schedules import Constant
from cnntrain.training.baseline import guessing, is_certain
from cnntrain.training.divergence import Divergence
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.state import State, start
from cnntrain.training.step import gradients, train_step
from cnntrain.training.workers import Workers
from cnntrain.types import Array

LARGEST_BATCH = 256
OVERFIT_STEPS = 500
OVERFIT_BATCHES = 2
FITTED_LOSS = 0.1  # relative to the loss of guessing
FITTED_ERRORS = 0.05  # relative to the errors of guessing
USUAL_RATES = (0.1, 0.01, 0.001)  # learning rates
SATURATING = ("sigmoid", "hard_sigmoid", "tanh", "softsign")
UNIT = (0.3, 3.0)  # deviations of targets that need no other scale


@dataclass(frozen=True)
class Trial:
    """How a training on two batches went; ``guess`` is the loss of guessing on them."""

    fitted: bool
    first: float
    last: float
    guess: float
    steps: int
    diverged: str = ""


@dataclass(frozen=True)
class Change:
    """One or several keys of the config with other values, and the experiment so changed."""

    text: str  # as it is written in a config
    what: str
    experiment: Experiment


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


def first_that_helps(
    candidates: Iterable[Change], helps: Callable[[Experiment], str | None]
) -> str | None:
    """The text of the first change that helps, with what ``helps`` says about it."""
    for change in candidates:
        if (told := helps(change.experiment)) is not None:
            return f"{change.text} ({change.what}; tried: {told})"
    return None


def changes(small: Experiment) -> Iterator[Change]:
    """What most often helps, the most usual first."""
    yield from other_scales(small)
    yield from _other_rates(small)
    yield from other_activations(small)


def other_scales(small: Experiment) -> Iterator[Change]:
    """Targets, inputs, or both at unit scale, as far as they are not."""
    targets = _standardized(small)
    inputs = _normalized(small)
    if targets is not None:
        yield targets
    if inputs is not None:
        yield inputs
    if targets is not None and (both := _normalized(targets.experiment)) is not None:
        text = f"{targets.text}, {both.text}"
        yield Change(text, "targets and inputs at unit scale", both.experiment)


def other_activations(small: Experiment) -> Iterator[Change]:
    """With relu in place of hidden activations that saturate; their gradients vanish."""
    network = small.network
    hidden = network.nodes[:-1]
    kinds = dict.fromkeys(node.layer.kind for node in hidden if node.layer.kind in SATURATING)
    if kinds:
        nodes = [replace(n, layer=Relu()) if n.layer.kind in kinds else n for n in hidden]
        changed = replace(network, nodes=(*nodes, network.nodes[-1]))
        text = f"relu in place of {' and '.join(kinds)}"
        yield Change(text, "which saturates", Experiment(small.plan, changed, small.data))


def _standardized(small: Experiment) -> Change | None:
    """With targets of unit scale; None if they have it."""
    if small.task != "numbers" or not targets_are_far(small):
        return None
    loss = small.objective.main.loss
    if loss.takes_soft_labels or loss.single_output_is_yes:
        return None
    normalizer = small.data.normalizer.with_targets(fit_targets(small.data.train))
    data = replace(small.plan.data, normalize_targets="standardize")
    changed = _with(small, normalizer, replace(small.plan, data=data))
    return Change("data.normalize_targets: standardize", "targets at unit scale", changed)


def targets_are_far(experiment: Experiment) -> bool:
    """Whether any real-valued target, as it is trained, is far from mean 0 and deviation 1."""
    y = experiment.batches("train").targets(np.arange(len(experiment.data.train)))
    flat = y.reshape(len(y), -1).astype(np.float64)
    mean, deviation = np.abs(flat.mean(axis=1)), flat.std(axis=1)
    least, most = UNIT
    is_far = (mean > most) | (deviation > most) | ((deviation < least) & (deviation > 0))
    return bool(is_far.any())


def _normalized(small: Experiment) -> Change | None:
    """With inputs of mean 0 and deviation 1; None if they are normalized like that."""
    kind: Normalization = "per_channel" if len(small.data.sample_shape) == 3 else "per_feature"
    if small.plan.data.normalize in ("per_channel", "per_feature"):
        return None
    found, targets = fit_normalizer(kind, small.data.train), small.data.normalizer.of_targets
    normalizer = found if targets is None else found.with_targets(targets)
    plan = replace(small.plan, data=replace(small.plan.data, normalize=kind))
    return Change(f"data.normalize: {kind}", "inputs at unit scale", _with(small, normalizer, plan))


def _other_rates(small: Experiment) -> Iterator[Change]:
    optimizer = small.plan.optimizer
    usual = [rate for rate in USUAL_RATES if not math.isclose(rate, optimizer.lr)]
    for rate in dict.fromkeys([0.1 * optimizer.lr, 10 * optimizer.lr, *usual]):
        plan = replace(small.plan, optimizer=replace(optimizer, lr=rate))
        what = f"a {'lower' if rate < optimizer.lr else 'higher'} learning rate"
        text = f"optimizer.{optimizer.kind}.lr: {rate:.3g}"
        yield Change(text, what, Experiment(plan, small.network, small.data))


def _with(small: Experiment, normalizer: Normalizer, plan: Plan) -> Experiment:
    return replace(small, plan=plan, data=replace(small.data, normalizer=normalizer))


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
