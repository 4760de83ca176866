"""When a training stops: a function of the state, with the numbers behind it."""

import math
from collections.abc import Mapping

from cnntrain.config.plan import Plan
from cnntrain.metrics import is_better
from cnntrain.optimizers.schedules import Clock
from cnntrain.training.events import Reason
from cnntrain.training.state import State


def why_stop(plan: Plan, state: State, clock: Clock, elapsed_s: float) -> tuple[Reason, str] | None:
    """The first stopping rule that holds, with the numbers behind it; a function of the state."""
    rule, step = plan.train.stop, state.step
    if plan.train.max_steps and step >= plan.train.max_steps:
        return "max_steps", f"{step} steps done"
    if plan.train.epochs and step >= plan.train.epochs * clock.steps_per_epoch:
        return "epochs", f"{plan.train.epochs} epochs done"
    change = state.largest_change
    if rule.threshold and change is not None and change < rule.threshold:
        return "threshold", f"every W and b changed by less than {rule.threshold:g} ({change:.3g})"
    if rule.patience and state.stale_epochs >= rule.patience and not state.sums:
        return "patience", f"no better epoch for {state.stale_epochs} epochs"
    for name, target in rule.target.items():
        reached = name in state.metrics and is_better(name, state.metrics[name], target, equal=True)
        if reached and not state.sums:
            return "target", f"{name} {state.metrics[name]:.6g} reached {target:g}"
    if rule.minutes and elapsed_s >= 60 * rule.minutes:
        return "minutes", f"{elapsed_s / 60:.2f} minutes spent"
    return None


def non_finite_metric(
    state: State, metrics: Mapping[str, float], clock: Clock
) -> tuple[Reason, str] | None:
    """The first metric of the finished epoch that is NaN or infinite."""
    epoch = state.step // clock.steps_per_epoch
    for name, value in metrics.items():
        if not math.isfinite(value):
            return "diverged", f"step {state.step} (epoch {epoch}): {name} is not finite"
    return None
