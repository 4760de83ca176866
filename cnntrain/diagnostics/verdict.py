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
    return _cause_beyond_two_batches(experiment, stopped)


def _cause_beyond_two_batches(experiment: Experiment, stopped: Stopped) -> Finding:
    """Two batches can be learned, so what is missing is the rule behind them, or time."""
    guess = guessing(experiment, "train")["loss"]
    if (
        "val" in experiment.data.splits
        and stopped.metrics["train/loss"] < (1 - LOSS_MARGIN) * guess
    ):
        found = f"train/loss {stopped.metrics['train/loss']:.4g} (guessing: {guess:.4g})"
        remedy = (
            "it learned the training samples, but nothing that holds for others: check that inputs "
            "and targets belong together; more samples, train.l2 or dropout"
        )
        return Finding("learned by heart", False, found, remedy)
    remedy = f"check that inputs and targets belong together, or {_longer(experiment)}"
    return Finding("two batches are learned, all are not", False, f"{stopped.step} updates", remedy)


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
