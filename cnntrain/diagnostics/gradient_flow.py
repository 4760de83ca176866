"""Whether gradients reach every layer: their size relative to that of the last layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cnntrain.diagnostics.changes import changes, first_that_helps, other_activations
from cnntrain.diagnostics.finding import Finding
from cnntrain.diagnostics.trial import early_state, two_batches
from cnntrain.training.experiment import Experiment
from cnntrain.training.gradients import gradients
from cnntrain.training.state import start
from cnntrain.training.workers import Workers
from cnntrain.types import Arrays

EARLY_STEPS = 10  # updates, after which units may have died
VANISHED = 3e-3  # relative to the last layer; three sigmoid layers keep 0.02, five 0.001
DEAD = 1e-12
REACHES = "gradients then reach all arrays"
FEWER = "init: he_normal, or batch_norm before each activation, or fewer layers"


@dataclass(frozen=True)
class Flow:
    """The root mean square of the gradients, relative to that of the last layer's weights."""

    sizes: Mapping[str, float]
    weights: tuple[str, ...]

    @property
    def dead(self) -> list[str]:
        return [name for name, size in self.sizes.items() if not size > DEAD]

    @property
    def vanished(self) -> list[str]:
        return [name for name in self.weights if not self.sizes[name] > VANISHED]


def check_reach(experiment: Experiment, workers: Workers) -> Finding:
    """Check that every array receives a gradient worth the name, at first and a little later."""
    small = two_batches(experiment)
    flow = flow_of(small, start(small.plan, small.network).params, workers)
    when = ""
    if not flow.dead and not flow.vanished:
        later = early_state(small, workers, EARLY_STEPS)
        if later is not None:
            flow, when = flow_of(small, later.params, workers), f"after {EARLY_STEPS} updates "
    if flow.dead:
        found = f"{when}none reaches {', '.join(flow.dead)}"
        return Finding("first gradients", False, found, _remedy_of_death(small, workers))
    if flow.vanished:
        first, last = flow.vanished[0], flow.weights[-1]
        found = f"{when}vanish: at {first} {flow.sizes[first]:.1e} times as large as at {last}"
        return Finding("first gradients", False, found, _remedy_of_vanishing(small, workers))
    return Finding("first gradients", True, f"reach all {len(flow.sizes)} arrays", FEWER)


def flow_of(small: Experiment, params: Arrays, workers: Workers) -> Flow:
    """The sizes of the gradients of all samples of ``small``."""
    found = gradients(small, params, np.arange(len(small.data.train)), 0, workers).grads
    trained = small.network.trained
    sizes = {name: float(np.sqrt(np.mean(np.square(found[name], dtype=float)))) for name in trained}
    weights = tuple(name for name, param in trained.items() if param.decay_mult)
    last = sizes[weights[-1]] if weights else max(sizes.values(), default=1.0)
    return Flow({name: size / last if last else size for name, size in sizes.items()}, weights)


def _remedy_of_death(small: Experiment, workers: Workers) -> str:
    """What keeps units alive; an initial death has other causes than one by training."""

    def survives(changed: Experiment) -> str | None:
        state = early_state(changed, workers, EARLY_STEPS)
        flow = None if state is None else flow_of(changed, state.params, workers)
        return REACHES if flow is not None and not flow.dead else None

    found = first_that_helps(changes(small), survives)
    return found or "the units are dead: try another init or activation, such as leaky_relu"


def _remedy_of_vanishing(small: Experiment, workers: Workers) -> str:
    def reaches(changed: Experiment) -> str | None:
        params = start(changed.plan, changed.network).params
        return REACHES if not flow_of(changed, params, workers).vanished else None

    return first_that_helps(other_activations(small), reaches) or FEWER
