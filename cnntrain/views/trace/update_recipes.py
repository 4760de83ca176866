"""From the gradient to ΔW: the optimizers with their state written out for one weight."""

from typing import Any

from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.adagrad import Adagrad
from cnntrain.optimizers.adam import Adam, AdamW
from cnntrain.optimizers.lion import Lion
from cnntrain.optimizers.rmsprop import Rmsprop
from cnntrain.optimizers.sgd import Sgd
from cnntrain.views.trace.recipe import Recipe
from cnntrain.views.trace.trace import ArrayUpdate, StepTrace

Lines = tuple[tuple[str, str], ...]

ADAM: Lines = (
    ("m_new", "β1 * m + (1 - β1) * g"),
    ("v_new", "β2 * v + (1 - β2) * g ** 2"),
    ("m_hat", "m_new / (1 - β1 ** t)"),
    ("v_hat", "v_new / (1 - β2 ** t)"),
    ("ΔW", "-η * m_hat / (sqrt(v_hat) + ε)"),
)


SLOT_NAMES = {"velocity": "v", "mean": "m", "square": "v", "squares": "E"}


def update_recipe(step: StepTrace, updated: ArrayUpdate, at: int) -> Recipe | None:
    """ΔW of the entry at a flat position; None for rules that are not written out, or frozen."""
    found = update_lines(step, updated)
    if found is None or updated.gradient is None:
        return None
    lines, given = found
    for slot, array in updated.memory.items():
        given[SLOT_NAMES[slot]] = float(array.flat[at])
    given |= {"g": float(updated.gradient.flat[at]), "W": float(updated.before.flat[at])}
    return Recipe(lines, given | {"η": updated.lr})


def update_lines(step: StepTrace, updated: ArrayUpdate) -> tuple[Lines, dict[str, Any]] | None:
    """The lines from g and what is remembered to ΔW, and the constants in them."""
    lines, constants = rule_lines(step.optimizer, step.step)
    if updated.gradient is None or not lines:
        return None
    if updated.decay:
        constants["decay"] = updated.decay
        lines = (*lines[:-1], ("ΔW", f"{lines[-1][1]} - η * decay * W"))
    return lines, constants


def rule_lines(optimizer: Optimizer, step: int) -> tuple[Lines, dict[str, Any]]:
    """The lines of the update after ``step`` others, with its constants; none: not written out."""
    match optimizer:
        case Sgd():
            return _sgd(optimizer)
        case Adam() if type(optimizer) in (Adam, AdamW):
            moments = {"β1": optimizer.beta1, "β2": optimizer.beta2, "ε": optimizer.epsilon}
            return ADAM, moments | {"t": step + 1}
        case Adagrad():
            lines = (("E_new", "E + g ** 2"), ("ΔW", "-η * g / (sqrt(E_new) + ε)"))
            return lines, {"ε": optimizer.epsilon}
        case Rmsprop() if not (optimizer.centered or optimizer.momentum):
            root = "sqrt(E_new + ε)" if optimizer.epsilon_inside else "(sqrt(E_new) + ε)"
            running = ("E_new", "ρ * E + (1 - ρ) * g ** 2")
            lines = (running, ("ΔW", f"-η * g / {root}"))
            return lines, {"ρ": optimizer.rho, "ε": optimizer.epsilon}
        case Lion():
            lines = (("c", "β1 * m + (1 - β1) * g"), ("ΔW", "-η * sign(c)"))
            return lines, {"β1": optimizer.beta1}
    return (), {}


def _sgd(optimizer: Sgd) -> tuple[Lines, dict[str, Any]]:
    if not optimizer.momentum:
        return (("ΔW", "-η * g"),), {}
    ahead = "g + μ * v_new" if optimizer.nesterov else "v_new"
    return (("v_new", "μ * v + g"), ("ΔW", f"-η * ({ahead})")), {"μ": optimizer.momentum}
