"""Self-test of an experiment before training: the most common mistakes, found in seconds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from cnntrain.data.prepare import overlaps
from cnntrain.diagnostics.changes import changes, first_that_helps, other_scales
from cnntrain.diagnostics.differences import DEFAULT_TOLERANCE
from cnntrain.diagnostics.finding import Finding
from cnntrain.diagnostics.gradcheck import BATCH, check_batch, spread
from cnntrain.diagnostics.gradient_flow import check_reach
from cnntrain.diagnostics.trial import overfit, some, two_batches
from cnntrain.metrics.sums import means
from cnntrain.rng import Purpose, stream
from cnntrain.text import counted
from cnntrain.training.baseline import constant_outputs, guessing, loss_of
from cnntrain.training.experiment import Experiment
from cnntrain.training.gradients import gradients
from cnntrain.training.state import start
from cnntrain.training.workers import Workers

LARGEST_SPREAD = 10.0  # largest standard deviation of inputs that networks tolerate
LARGEST_MEAN = 100.0  # of inputs
LARGEST_TARGET = 1000.0  # mean or deviation of targets that can be learned as they are
LOSS_FACTOR = 4.0  # largest ratio of the initial loss to that of guessing, for softmax and sigmoid
QUADRATIC_FACTOR = 100.0  # for losses that grow with the square: a mean of ten deviations
RANGE_SAMPLES = 1000
NOISE = 0.01  # relative to the standard deviation of the inputs
CHECKED_ENTRIES = 8
SMALLER_START = "use smaller initial weights, especially in the last layer"
WIDER = (
    "no other scale, learning rate or activation that was tried helps; check the targets, or try "
    "a wider network"
)


def self_test(experiment: Experiment, workers: Workers) -> Iterator[Finding]:
    """All findings in turn, the quick ones first."""
    for check in CHECKS:
        with np.errstate(all="ignore"):
            yield check(experiment, workers)


def check_inputs(experiment: Experiment, workers: Workers) -> Finding:
    """Check the range of the first samples, as read by the network."""
    batches = experiment.batches("train")
    x, _ = batches.take(some(experiment, RANGE_SAMPLES))
    mean, std = float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64))
    found = f"{x.min():.4g} to {x.max():.4g}, mean {mean:.3g}, deviation {std:.3g}"
    ok = bool(np.isfinite(x).all()) and 0 < std <= LARGEST_SPREAD and abs(mean) <= LARGEST_MEAN
    kind = "per_channel" if len(experiment.data.sample_shape) == 3 else "per_feature"
    remedy = f"data.normalize: {kind}" if std else "they are all equal; check the data"
    return Finding("inputs", ok, found, remedy)


def check_targets(experiment: Experiment, workers: Workers) -> Finding:
    """Check that every class has training samples, or that real-valued targets vary."""
    data = experiment.data
    if experiment.task == "yes_no":
        return _check_labels(experiment)
    if data.classes is None:
        y = experiment.batches("train").targets(np.arange(len(data.train))).astype(np.float64)
        found = f"{y.min():.4g} to {y.max():.4g}, mean {y.mean():.3g}, deviation {y.std():.3g}"
        if len(data.train) > 1 and not y.std(axis=-1).any():
            remedy = "constant targets teach nothing; check the data"
            return Finding("targets", False, found, remedy)
        ok = max(abs(y.mean(axis=-1)).max(), y.std(axis=-1).max()) <= LARGEST_TARGET
        return Finding("targets", bool(ok), found, "data.normalize_targets: standardize")
    counts = np.bincount(data.train.labels, minlength=len(data.classes))
    missing = [label for label, count in zip(data.classes, counts, strict=True) if not count]
    found = f"{len(data.classes)} classes, {counts.min():,} to {counts.max():,} samples each"
    if missing:
        found = f"no training sample of {', '.join(missing[:5])}{' ...' * (len(missing) > 5)}"
    return Finding("targets", not missing, found, "add samples of these classes or remove them")


def _check_labels(experiment: Experiment) -> Finding:
    """Every label must hold for some training samples, and not for all."""
    y = experiment.data.train.y
    counts = np.count_nonzero(y, axis=(0, *range(2, y.ndim)))
    constant = (counts == 0) | (counts == y[:, :1].size)
    names = [name for name, same in zip(experiment.label_names, constant, strict=True) if same]
    found = f"{counted(len(counts), 'label')}, yes {counts.min():,} to {counts.max():,} times each"
    if names:
        found = f"always or never yes: {', '.join(names[:5])}{' ...' * (len(names) > 5)}"
    return Finding("targets", not names, found, "add samples of the other answer, or remove them")


def check_splits(experiment: Experiment, workers: Workers) -> Finding:
    """Check that no evaluation sample is also a training sample."""
    shared = {pair: count for pair, count in overlaps(experiment.data.splits).items() if count}
    found = ", ".join(f"{n:,} samples of {b} also appear in {a}" for (a, b), n in shared.items())
    remedy = "remove them: metrics on training samples are too optimistic"
    found = found or "no sample appears in more than one split"
    return Finding("splits", not shared, found, remedy)


def check_start(experiment: Experiment, workers: Workers) -> Finding:
    """Compare the loss of the first batches with that of guessing: prior or mean of the targets.

    Of classes also with that of equal outputs, from which networks usually start.
    """
    small = two_batches(experiment)
    loss, guess = _loss_at_start(small, workers), guessing(experiment, "train")["loss"]
    found = f"{loss:.4g}; guessing gives {guess:.4g}"
    if _is_usual_start(small, loss, guess):
        return Finding("loss at start", True, found, SMALLER_START)

    def helps(changed: Experiment) -> str | None:
        then, best = _loss_at_start(changed, workers), guessing(changed, "train")["loss"]
        return f"then {then:.4g}" if _is_usual_start(changed, then, best) else None

    remedy = first_that_helps(other_scales(small), helps) or SMALLER_START
    return Finding("loss at start", False, found, remedy)


def _loss_at_start(small: Experiment, workers: Workers) -> float:
    state, everything = start(small.plan, small.network), np.arange(len(small.data.train))
    return means(gradients(small, state.params, everything, 0, workers).sums)["loss"]


def _is_usual_start(small: Experiment, loss: float, guess: float) -> bool:
    if small.task == "numbers":
        return math.isfinite(loss) and (loss <= QUADRATIC_FACTOR * guess or guess == 0)
    factor = LOSS_FACTOR if small.objective.main.loss.contains else QUADRATIC_FACTOR
    equal = {place: 0 * z for place, z in constant_outputs(small).items()}
    return loss <= factor * max(guess, loss_of(small, "train", equal))


def check_gradients(experiment: Experiment, workers: Workers) -> Finding:
    """Check the whole network against numerical derivatives, on real samples, in float64.

    A little noise separates equal pixels, because at ties of a max-pooling there is no derivative.
    """
    exact = replace(experiment, plan=replace(experiment.plan, dtype="float64"))
    x, y = exact.batches("train").take(some(exact, BATCH))
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


def check_overfit(experiment: Experiment, workers: Workers) -> Finding:
    """Check that the network can overfit two batches without dropout, augmentation and penalty."""
    small = two_batches(experiment)
    trial = overfit(small, workers)
    found = f"loss {trial.first:.4g} -> {trial.last:.4g} in {trial.steps} steps"
    if trial.fitted:
        return Finding("overfits two batches", True, found, WIDER)

    def helps(changed: Experiment) -> str | None:
        again = overfit(changed, workers)
        return f"fits them in {again.steps} steps" if again.fitted else None

    found = trial.diverged or f"{found}; guessing gives {trial.guess:.4g}"
    remedy = first_that_helps(changes(small), helps) or WIDER
    return Finding("overfits two batches", False, found, remedy)


CHECKS: tuple[Callable[[Experiment, Workers], Finding], ...] = (
    check_inputs,
    check_targets,
    check_splits,
    check_start,
    check_reach,
    check_gradients,
    check_overfit,
)
