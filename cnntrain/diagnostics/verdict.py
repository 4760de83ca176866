"""Why a training ended no better than guessing: what the self-test would have said."""

from collections.abc import Callable

import numpy as np

from cnntrain.diagnostics.finding import Finding
from cnntrain.diagnostics.gradient_flow import check_reach
from cnntrain.diagnostics.selftest import check_inputs, check_overfit, check_start, check_targets
from cnntrain.training.baseline import LOSS_MARGIN, Baseline, guessing
from cnntrain.training.events import Stopped
from cnntrain.training.experiment import Experiment
from cnntrain.training.workers import Workers

FEW_STEPS = 100  # updates after which little can be expected
LONGER = 10  # times
QUICK = (check_inputs, check_targets, check_start, check_reach)


def cause_of(
    experiment: Experiment, stopped: Stopped, workers: Workers, is_over: Callable[[], bool]
) -> Finding:
    """The first of the causes, from the data to the length of the training.

    ``is_over``: whether the user no longer wants to wait.
    """
    if (heart := _learned_by_heart(experiment, stopped)) is not None:
        return heart
    for check in QUICK:
        with np.errstate(all="ignore"):
            if not (found := check(experiment, workers)).ok:
                return found
    if stopped.step < FEW_STEPS:
        return Finding("length", False, f"only {stopped.step} updates", _longer(experiment))
    if is_over():
        return Finding("not checked", False, "interrupted", "cnntrain fit CONFIG --check")
    with np.errstate(all="ignore"):
        if not (found := check_overfit(experiment, workers)).ok:
            return found
    remedy = f"{_longer(experiment)}, or check that inputs and targets belong together"
    return Finding("two batches are learned, all are not", False, f"{stopped.step} updates", remedy)


def _learned_by_heart(experiment: Experiment, stopped: Stopped) -> Finding | None:
    """The finding if the training samples were learned, and only the others are guessed."""
    guess, loss = guessing(experiment, "train")["loss"], stopped.metrics["train/loss"]
    if "val" not in experiment.data.splits or loss >= (1 - LOSS_MARGIN) * guess:
        return None
    remedy = (
        "it learned the training samples, but nothing that holds for others: check that inputs "
        "and targets belong together; more samples, train.l2 or dropout"
    )
    return Finding(
        "learned by heart", False, f"train/loss {loss:.4g} (guessing: {guess:.4g})", remedy
    )


def _longer(experiment: Experiment) -> str:
    train = experiment.plan.train
    if train.epochs is not None:
        return f"train.epochs: {LONGER * train.epochs}"
    return f"train.max_steps: {LONGER * (train.max_steps or 1)}"


def in_words(baseline: Baseline, cause: Finding) -> str:
    """The warning at the end of such a training."""
    since = baseline.since_epoch
    stuck = "" if since is None else f"; so was its training loss from epoch {since} on"
    return (
        f"this training is no better than guessing: {baseline}{stuck}\n"
        f"  {cause.name}: {cause.found}\n  -> {cause.remedy}"
    )
