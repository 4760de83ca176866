"""The state of a training between two updates."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnntrain.config.plan import Plan
from cnntrain.metrics.sums import Sums
from cnntrain.native.update import Updates
from cnntrain.network.network import Network
from cnntrain.types import Params

AVERAGE = "average"  # the slot of the moving average of the weights


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by the monitored figure."""

    value: float
    epoch: int
    step: int


@dataclass
class State:
    """A function of the plan, the data and ``step``, the number of updates; contains no times."""

    params: Params
    optimizer_state: Params  # {"velocity:conv1.W": ...}, with the averages of weights
    step: int = 0
    sums: Sums = field(default_factory=dict)  # of the running epoch
    metrics: dict[str, float] = field(default_factory=dict)  # of the last finished epoch
    best: Best | None = None
    stale_epochs: int = 0  # epochs since the best one
    drops: int = 0  # times that a plateau has lowered the learning rate
    largest_change: float | None = None  # of any W or b, in the last update; None: not measured
    # of these arrays as this plan has them made
    updates: tuple[Plan, Updates[Any]] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def evaluated(self) -> Params:
        """The arrays to evaluate: the moving averages of the weights where there are any."""
        prefix = f"{AVERAGE}:"
        averages = {
            slot.removeprefix(prefix): array
            for slot, array in self.optimizer_state.items()
            if slot.startswith(prefix)
        }
        return self.params | averages


def optimizer_state_names(plan: Plan, network: Network) -> dict[str, str]:
    """{"velocity:conv1.W": "conv1.W"}: the arrays of the state and their parameters."""
    slots = plan.optimizer.active_slots()
    return {
        f"{slot}:{name}": name
        for slot in (slots if plan.train.average is None else (*slots, AVERAGE))
        for name in network.trained
    }


def start(plan: Plan, network: Network) -> State:
    """The state before the first update."""
    params = network.init(plan.seed, plan.numpy_dtype)
    return State(params, initial_optimizer_state(plan, network, params))


def initial_optimizer_state(plan: Plan, network: Network, params: Params) -> Params:
    """The state of optimizer and weight averaging before the first update of these arrays."""
    return {
        slot: params[of].copy() if slot.startswith(f"{AVERAGE}:") else np.zeros_like(params[of])
        for slot, of in optimizer_state_names(plan, network).items()
    }


def weights_sha256(params: Params) -> str:
    """SHA-256 over name, shape, type and bytes of all arrays, sorted by name."""
    digest = hashlib.sha256()
    for name, array in sorted(params.items()):
        digest.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
