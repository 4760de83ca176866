"""Self-test of an experiment before training: the most common mistakes, found in seconds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from cnntrain.data.batches import epoch_order
from cnntrain.data.prepare import overlaps
from cnntrain.diagnostics.gradcheck import BATCH, DEFAULT_TOLERANCE, check_batch, spread
from cnntrain.layers.activations import Identity
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.metrics.sums import means
from cnntrain.optimizers.schedules import Constant
from cnntrain.rng import Purpose, stream
from cnntrain.training.divergence import Divergence
from cnntrain.training.experiment import Experiment, training_clock
from cnntrain.training.state import start
from cnntrain.training.step import gradients, train_step
from cnntrain.training.workers import Workers
from cnntrain.types import Array

LARGEST_SPREAD = 10.0  # largest standard deviation of inputs that networks tolerate
LOSS_FACTOR = 4.0  # largest ratio of the initial loss to the loss of guessing
RANGE_SAMPLES = 1000
LARGEST_BATCH = 256
NOISE = 0.01  # relative to the standard deviation of the inputs
CHECKED_ENTRIES = 8
OVERFIT_STEPS = 500
OVERFIT_BATCHES = 2
FITTED_LOSS = 0.1  # relative to the initial loss
FITTED_ACCURACY = 0.95


@dataclass(frozen=True)
class Finding:
    """One result: what was checked, what was found, and a remedy if it is wrong."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def self_test(experiment: Experiment, workers: Workers) -> Iterator[Finding]:
    """All findings in turn, the quick ones first."""
    for check in CHECKS:
        with np.errstate(all="ignore"):
            yield check(experiment, workers)


def check_inputs(experiment: Experiment, workers: Workers) -> Finding:
    """Check the range of the first samples, as read by the network."""
    batches = experiment.batches("train")
    x, _ = batches.take(_some(experiment, RANGE_SAMPLES))
    mean, std = float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64))
    found = f"{x.min():.4g} to {x.max():.4g}, mean {mean:.3g}, deviation {std:.3g}"
    ok = bool(np.isfinite(x).all()) and 0 < std <= LARGEST_SPREAD
    return Finding("inputs", ok, found, "scale them with data.normalize: per_channel (or unit)")


def check_targets(experiment: Experiment, workers: Workers) -> Finding:
    """Check that every class has training samples, or that real-valued targets vary."""
    data = experiment.data
    if data.classes is None:
        y = data.train.y.astype(np.float64)
        found = f"{y.min():.4g} to {y.max():.4g}, mean {y.mean():.3g}, deviation {y.std():.3g}"
        ok = bool(np.isfinite(y).all()) and (len(y) == 1 or y.std() > 0)
        return Finding("targets", ok, found, "constant targets teach nothing; check the data")
    counts = np.bincount(data.train.labels, minlength=len(data.classes))
    missing = [label for label, count in zip(data.classes, counts, strict=True) if not count]
    found = f"{len(data.classes)} classes, {counts.min():,} to {counts.max():,} samples each"
    if missing:
        found = f"no training sample of {', '.join(missing[:5])}{' ...' * (len(missing) > 5)}"
    return Finding("targets", not missing, found, "add samples of these classes or remove them")


def check_splits(experiment: Experiment, workers: Workers) -> Finding:
    """Check that no evaluation sample is also a training sample."""
    shared = {pair: count for pair, count in overlaps(experiment.data.splits).items() if count}
    found = ", ".join(f"{n:,} samples of {b} also appear in {a}" for (a, b), n in shared.items())
    remedy = "remove them: metrics on training samples are too optimistic"
    found = found or "no sample appears in more than one split"
    return Finding("splits", not shared, found, remedy)


def check_start(experiment: Experiment, workers: Workers) -> Finding:
    """Compare the loss of the first batch with that of guessing: ln(classes) for cross_entropy."""
    state = start(experiment.plan, experiment.network)
    indices = _some(experiment, _batch(experiment))
    loss = means(gradients(experiment, state.params, indices, 0, workers).sums)["loss"]
    found, ok = f"{loss:.4g}", math.isfinite(loss)
    if isinstance(experiment.objective.main.loss, CrossEntropy):
        guess = math.log(experiment.network.out_shape[0])
        found += f"; guessing gives {guess:.4g}"
        ok = ok and loss <= LOSS_FACTOR * guess
    remedy = "use smaller initial weights, especially in the last layer, or scale the inputs"
    return Finding("loss at start", ok, found, remedy)


def check_gradients(experiment: Experiment, workers: Workers) -> Finding:
    """Check the whole network against numerical derivatives, on real samples, in float64.

    A little noise separates equal pixels, because at ties of a max-pooling there is no derivative.
    """
    exact = replace(experiment, plan=replace(experiment.plan, dtype="float64"))
    x, y = exact.batches("train").take(_some(exact, BATCH))
    x += NOISE * x.std() * spread(x.shape, stream(exact.plan.seed, Purpose.GRADCHECK))
    params = exact.network.init(exact.plan.seed, exact.plan.numpy_dtype)
    verdicts = list(
        check_batch(
            exact.network,
            exact.objective,
            params,
            penalty=exact.penalty,
            x=x,
            y=y,
            seed=exact.plan.seed,
            tolerance=DEFAULT_TOLERANCE,
            entries=CHECKED_ENTRIES,
        )
    )
    wrong = [v.name for v in verdicts if not v.ok and v.kinks < v.checked]
    checked = sum(v.checked for v in verdicts)
    found = f"wrong: {', '.join(wrong)}" if wrong else f"{checked:,} derivatives are correct"
    return Finding("gradients", not wrong, found, "report the output of cnntrain gradcheck")


def check_reach(experiment: Experiment, workers: Workers) -> Finding:
    """Check that every trainable array receives a gradient from the first batch."""
    state = start(experiment.plan, experiment.network)
    indices = _some(experiment, _batch(experiment))
    grads = gradients(experiment, state.params, indices, 0, workers).grads
    trained = [name for name, p in experiment.network.params.items() if p.trainable]
    still = [name for name in trained if not grads[name].any()]
    found = f"none reaches {', '.join(still)}" if still else f"reach all {len(trained)} arrays"
    remedy = "look for dead units (try another init or activation) or a layer that blocks gradients"
    return Finding("first gradients", not still, found, remedy)


def check_overfit(experiment: Experiment, workers: Workers) -> Finding:
    """Check that the network can overfit two batches without dropout, augmentation and penalty."""
    small = without_noise(experiment, OVERFIT_BATCHES * _batch(experiment))
    state = start(small.plan, small.network)
    clock = training_clock(small.plan, len(small.data.train))
    everything = np.arange(len(small.data.train))
    first = loss = means(gradients(small, state.params, everything, 0, workers).sums)["loss"]
    ok = False
    while not ok and state.step < OVERFIT_STEPS:
        taken = train_step(small, state, workers, clock)
        if isinstance(taken, Divergence):
            return Finding("overfits two batches", False, taken.message, "lower the learning rate")
        if state.step % clock.steps_per_epoch == 0:
            metrics, state.sums = means(state.sums), {}
            loss = metrics["loss"]
            ok = is_fitted(loss, first, metrics.get("accuracy"))
    found = f"loss {first:.4g} -> {loss:.4g} in {state.step} steps"
    remedy = "try 10 and 0.1 times the learning rate or a wider network; check the targets"
    return Finding("overfits two batches", ok, found, remedy)


def is_fitted(loss: float, first: float, accuracy: float | None) -> bool:
    """Whether the loss has fallen enough, or nearly every sample is classified correctly."""
    return loss <= FITTED_LOSS * first or (accuracy is not None and accuracy >= FITTED_ACCURACY)


def without_noise(experiment: Experiment, samples: int) -> Experiment:
    """The experiment on its first samples, without anything that prevents overfitting."""
    plan, data, network = experiment.plan, experiment.data, experiment.network
    calm = replace(
        plan,
        data=replace(plan.data, augment=()),
        schedule=Constant(),
        train=replace(plan.train, l2=0.0, l1=0.0, epochs=OVERFIT_STEPS, max_steps=None),
    )
    split = data.train.take(_some(experiment, samples))
    nodes = (replace(n, layer=Identity()) if n.layer.is_random else n for n in network.nodes)
    return Experiment(
        calm, replace(network, nodes=tuple(nodes)), replace(data, splits={"train": split})
    )


def _some(experiment: Experiment, samples: int) -> Array:
    """Some training samples, in the order of the first epoch."""
    return epoch_order(len(experiment.data.train), experiment.plan.seed, 0, True)[:samples]


def _batch(experiment: Experiment) -> int:
    """Samples per batch, limited for training on the whole split."""
    samples = len(experiment.data.train)
    return min(experiment.plan.train.samples_per_step(samples), LARGEST_BATCH)


CHECKS: tuple[Callable[[Experiment, Workers], Finding], ...] = (
    check_inputs,
    check_targets,
    check_splits,
    check_start,
    check_reach,
    check_gradients,
    check_overfit,
)
