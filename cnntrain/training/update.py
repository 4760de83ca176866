"""W ← W + ΔW: from the gradients of a batch to new weights, with all that may stand between."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from cnntrain.config.plan import Clip
from cnntrain.layers import Param
from cnntrain.native import current
from cnntrain.native import gradients as compiled
from cnntrain.native.engine import solid
from cnntrain.native.update import Rule, Updates
from cnntrain.training.experiment import Experiment
from cnntrain.training.state import AVERAGE, State
from cnntrain.types import Array, Arrays, Params

Trained = dict[str, Param]  # the arrays that are trained
Rates = tuple[float, float]  # ``Network.rates``
Rules = dict[Rates, tuple[Rule, float]]  # with weight decays


def add_penalties(experiment: Experiment, params: Arrays, grads: Params) -> str | None:
    """Add the gradients of the penalties; names the first array whose gradient is not finite."""
    if current().isa is None:
        experiment.penalty.add_gradient(experiment.network, params, grads)
        return _first_bad(grads)
    if _shows_in_update(experiment, grads):
        return None
    lost = _penalized(experiment, params, grads)
    return _bad_gradient(lost[0]) if lost else None


def _first_bad(grads: Params) -> str | None:
    return next((_bad_gradient(name) for name, g in grads.items() if not all_finite(g)), None)


def _bad_gradient(name: str) -> str:
    return f"the gradient of {name} is not finite"


def _shows_in_update(experiment: Experiment, grads: Params) -> bool:
    """Whether ``update`` finds a gradient that is not finite, which saves a pass over all of them.

    It makes the weights or what the optimizer remembers infinite or NaN, whatever the rule.
    """
    plan, trained = experiment.plan, experiment.network.trained
    is_changed = experiment.penalty or plan.train.clip
    rule = plan.optimizer.has_own_rule() and plan.optimizer.compiled(1.0, 0)
    return bool(rule) and not is_changed and grads.keys() <= trained.keys()


def _penalized(experiment: Experiment, params: Arrays, grads: Params) -> list[str]:
    """By the compiled kernel, in one call; returns the arrays whose gradient is not finite."""
    penalty, declared = experiment.penalty, experiment.network.params
    for name, grad in grads.items():
        if not (grad.flags.c_contiguous and grad.flags.writeable):
            grads[name] = np.array(grad, order="C")
    mults = [declared[name].decay_mult for name in grads]
    finite = compiled.add_penalties(
        list(grads.values()),
        [params[name] for name in grads],
        [(penalty.l2 * mult, penalty.l1 * mult) for mult in mults],
    )
    return [name for name, is_finite in zip(grads, finite, strict=True) if not is_finite]


def update(experiment: Experiment, state: State, grads: Params, lr: float) -> str | None:
    """Change every trainable array of ``state``; names the first that is no longer finite.

    What the optimizer remembers counts too: a squared gradient overflows long before the weights.
    """
    trained = experiment.network.trained
    clip_gradients(experiment.plan.train.clip, grads, trained)
    if rules := _compiled_rules(experiment, state, lr):
        return _in_one_call(experiment, state, grads, lr, rules)
    return _one_by_one(experiment, state, grads, lr, trained)


def _compiled_rules(experiment: Experiment, state: State, lr: float) -> Rules:
    """The compiled rules; none if NumPy is to change the arrays."""
    optimizer = experiment.plan.optimizer
    if current().isa is None or not optimizer.has_own_rule():
        return {}
    found: Rules = {}
    for lr_mult, decay_mult in set(experiment.network.rates):
        own_lr = lr * lr_mult
        rule = optimizer.compiled(own_lr, state.step)
        if rule is None:
            return {}
        found[lr_mult, decay_mult] = rule, own_lr * optimizer.weight_decay * decay_mult
    return found


def _in_one_call(
    experiment: Experiment, state: State, grads: Params, lr: float, rules: Rules
) -> str | None:
    """Bit for bit what ``_one_by_one`` does."""
    plan, names = experiment.plan, experiment.network.trained
    updates = _updates(experiment, state)
    if not updates.make([solid(grads[name]) for name in names], rules):
        slots = plan.optimizer.active_slots()
        return _first_bad(grads) or _named_bad(slots, names, updates.found, lr)
    for name in names if plan.train.max_norm is not None else ():
        _limit_and_average(experiment, state, name)
    measured = plan.train.stop.threshold is not None
    state.largest_change = float(updates.found[:, 0].max()) if measured else None
    return None


def _updates(experiment: Experiment, state: State) -> Updates[Rates]:
    """Those of the arrays of a state, prepared once."""
    plan, names = experiment.plan, experiment.network.trained
    weights = [state.params[name] for name in names]
    if state.updates is not None:
        of, found = state.updates
        if of is plan and found.are_of(weights):
            return found
    memory = state.optimizer_state
    slots = [[memory[f"{slot}:{n}"] for n in names] for slot in plan.optimizer.active_slots()]
    # the average is of weights that are limited, so with max_norm it is taken afterwards
    keep = plan.train.average if plan.train.max_norm is None else None
    averages = [] if keep is None else [memory[f"{AVERAGE}:{name}"] for name in names]
    found = Updates(weights, slots, experiment.network.rates, averages, keep or 0.0)
    state.updates = plan, found
    return found


def _named_bad(slots: Sequence[str], names: Iterable[str], found: Array, lr: float) -> str | None:
    """What is not finite after an update, of all that the compiled kernel has found."""
    for name, (_, is_bad, *bad_slots) in zip(names, found, strict=True):
        if is_bad:
            return _not_finite(name, lr)
        for slot, bad in zip(slots, bad_slots, strict=False):
            if bad:
                return _not_finite_slot(name, slot)
    return None


def _limit_and_average(experiment: Experiment, state: State, name: str) -> None:
    """Bound the norms of new weights, and take them into their moving average."""
    W, param, train = state.params[name], experiment.network.params[name], experiment.plan.train
    if train.max_norm is not None and param.decay_mult:
        limit_norms(W, train.max_norm, param.unit_axis)
    if train.average is not None:
        average = state.optimizer_state[f"{AVERAGE}:{name}"]
        average *= train.average
        average += (1 - train.average) * W


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
        if not all_finite(W):
            return _not_finite(name, lr)
        for slot in plan.optimizer.active_slots():
            if not all_finite(state.optimizer_state[f"{slot}:{name}"]):
                return _not_finite_slot(name, slot)
        _limit_and_average(experiment, state, name)
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
    if current().isa and clip:
        found = compiled.clipped([grads[name] for name in trained], clip.value, clip.norm)
        grads |= zip(trained, found, strict=True)
        return
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
    if current().isa:
        compiled.limit_norms(W, largest, unit_axis)
        return
    others = tuple(axis for axis in range(W.ndim) if axis != unit_axis)
    squares = np.square(W, dtype=np.float64)
    norms = np.sqrt(np.sum(squares, axis=others, keepdims=True))
    W *= np.minimum(1, largest / np.maximum(norms, np.finfo(W.dtype).tiny)).astype(W.dtype)


def all_finite(array: Array) -> bool:
    """Whether all entries are finite; Σ W² shows it in one pass, unless it overflows."""
    flat = array.ravel()
    return math.isfinite(float(flat @ flat)) or bool(np.isfinite(flat).all())
