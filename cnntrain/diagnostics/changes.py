"""Changes of the config that often help, and the first that does.

A remedy is tried before it is told: the check that failed is made again with the change, and only
one that makes the difference is named.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.data.normalize import Normalization, Normalizer, fit_normalizer, fit_targets
from cnntrain.diagnostics.trial import OVERFIT_STEPS, batch_of
from cnntrain.layers.activations import Relu
from cnntrain.training.experiment import Experiment

MOST_WORK = 2e12  # floating-point operations of all trials: about a minute
FEWEST_TRIALS = 2
USUAL_RATES = (0.1, 0.01, 0.001)  # learning rates
SATURATING = ("sigmoid", "hard_sigmoid", "tanh", "softsign")
UNIT = (0.3, 3.0)  # deviations of targets that need no other scale


@dataclass(frozen=True)
class Change:
    """One or several keys of the config with other values, and the experiment so changed."""

    text: str  # as it is written in a config
    what: str
    experiment: Experiment


def first_that_helps(
    candidates: Iterable[Change], helps: Callable[[Experiment], str | None]
) -> str | None:
    """The text of the first change that helps, with what ``helps`` says about it."""
    for change in candidates:
        if (told := helps(change.experiment)) is not None:
            return f"{change.text} ({change.what}; tried: {told})"
    return None


def changes(small: Experiment) -> Iterator[Change]:
    """What most often helps, the most usual first; of a large network only a few."""
    found = itertools.chain(other_scales(small), _other_rates(small), other_activations(small))
    step = max(1, 3 * small.network.flops * batch_of(small))
    return itertools.islice(found, max(FEWEST_TRIALS, int(MOST_WORK // (step * OVERFIT_STEPS))))


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
