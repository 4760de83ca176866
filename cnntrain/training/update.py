"""W ← W + ΔW: from the gradients of a batch to new weights, with all that may stand between."""

import math

import numpy as np

from cnntrain.config.plan import Clip
from cnntrain.layers import Param
from cnntrain.native import current
from cnntrain.native.update import Rule, update_arrays
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import AVERAGE, State
from cnntrain.types import Array, Params

Trained = dict[str, Param]  # the arrays that are trained


def update(experiment: Experiment, state: State, grads: Params, lr: float) -> str | None:
    """Change every trainable array of ``state``; names the first that is no longer finite.

    What the optimizer remembers counts too: a squared gradient overflows long before the weights.
    """
    trained = {name: p for name, p in experiment.network.params.items() if p.trainable}
    clip_gradients(experiment.plan.train.clip, grads, trained)
    rules = _compiled_rules(experiment, state, lr, trained)
    if rules:
        return _in_one_call(experiment, state, grads, lr, rules)
    return _one_by_one(experiment, state, grads, lr, trained)


def _compiled_rules(
    experiment: Experiment, state: State, lr: float, trained: Trained
) -> dict[str, tuple[Rule, float]]:
    """The compiled rule and the weight decay of every array; none if NumPy is to change them."""
    plan, optimizer = experiment.plan, experiment.plan.optimizer
    if current().isa is None or plan.train.max_norm is not None:
        return {}
    rules = {}
    for name, param in trained.items():
        own_lr = lr * param.lr_mult
        rule = optimizer.compiled(own_lr, state.step)
        if rule is None:
            return {}
        rules[name] = (rule, own_lr * optimizer.weight_decay * param.decay_mult)
    return rules


def _in_one_call(
    experiment: Experiment,
    state: State,
    grads: Params,
    lr: float,
    rules: dict[str, tuple[Rule, float]],
) -> str | None:
    """Bit for bit what ``_one_by_one`` does."""
    plan, memory = experiment.plan, state.optimizer_state
    slots, average = plan.optimizer.active_slots(), plan.train.average
    found = update_arrays(
        [state.params[name] for name in rules],
        [np.ascontiguousarray(grads[name]) for name in rules],
        [[memory[f"{slot}:{name}"] for name in rules] for slot in slots],
        list(rules.values()),
        *([], 0.0) if average is None else ([memory[f"{AVERAGE}:{n}"] for n in rules], average),
    )
    for name, (_, is_bad, *bad_slots) in zip(rules, found, strict=True):
        if is_bad:
            return _not_finite(name, lr)
        for slot, bad in zip(slots, bad_slots, strict=False):
            if bad:
                return _not_finite_slot(name, slot)
    measured = plan.train.stop.threshold is not None
    state.largest_change = float(found[:, 0].max()) if measured else None
    return None


def _not_finite(name: str, lr: float) -> str:
    return f"{name} is not finite after an update with learning rate {lr:g}"


def _not_finite_slot(name: str, slot: str) -> str:
    return f"what the optimizer remembers of {name} ({slot}) is not finite"


def _one_by_one(
    experiment: Experiment, state: State, grads: Params, lr: float, trained: Trained
) -> str | None:
    plan, largest = experiment.plan, 0.0
    for name, param in trained.items():
        change = _change(experiment, state, name, grads[name], param, lr)
        W = state.params[name]
        W += change
        if plan.train.max_norm is not None and param.decay_mult:
            limit_norms(W, plan.train.max_norm, param.unit_axis)
        if not all_finite(W):
            return _not_finite(name, lr)
        for slot in plan.optimizer.active_slots():
            if not all_finite(state.optimizer_state[f"{slot}:{name}"]):
                return _not_finite_slot(name, slot)
        if plan.train.average is not None:
            average = state.optimizer_state[f"{AVERAGE}:{name}"]
            average *= plan.train.average
            average += (1 - plan.train.average) * W
        if plan.train.stop.threshold is not None:
            largest = max(largest, float(np.abs(change).max()))
    state.largest_change = largest if plan.train.stop.threshold is not None else None
    return None


def _change(
    experiment: Experiment, state: State, name: str, dW: Array, param: Param, lr: float
) -> Array:
    """ΔW of the optimizer, with the array's own learning rate and the decoupled decay."""
    optimizer, own_lr = experiment.plan.optimizer, lr * param.lr_mult
    memory = {slot: state.optimizer_state[f"{slot}:{name}"] for slot in optimizer.active_slots()}
    change = optimizer.change(dW, memory, own_lr, state.step)
    decay = own_lr * optimizer.weight_decay * param.decay_mult
    if decay:
        change = change - decay * state.params[name]
    return change


def clip_gradients(clip: Clip, grads: Params, trained: dict[str, Param]) -> None:
    """Bound every entry, then the norm of all gradients of trained arrays together."""
    if clip.value is not None:
        for name in trained:
            grads[name] = np.clip(grads[name], -clip.value, clip.value)
    if clip.norm is not None:
        total = math.sqrt(sum(_sum_of_squares(grads[name]) for name in trained))
        if total > clip.norm:
            for name in trained:
                grads[name] = grads[name] * (clip.norm / total)


def _sum_of_squares(array: Array) -> float:
    return float(np.sum(np.square(array, dtype=np.float64)))


def limit_norms(W: Array, largest: float, unit_axis: int = 0) -> None:
    """Scale the weights of every unit down to this Euclidean norm, if they exceed it.

    Srivastava et al. 2014, section 5.1 ("max-norm regularization").
    """
    others = tuple(axis for axis in range(W.ndim) if axis != unit_axis)
    squares = np.square(W, dtype=np.float64)
    norms = np.sqrt(np.sum(squares, axis=others, keepdims=True))
    W *= np.minimum(1, largest / np.maximum(norms, np.finfo(W.dtype).tiny)).astype(W.dtype)


def all_finite(array: Array) -> bool:
    """Whether all entries are finite; Σ W² shows it in one pass, unless it overflows."""
    flat = array.ravel()
    return math.isfinite(float(flat @ flat)) or bool(np.isfinite(flat).all())
