"""An exercise: given arrays, what to compute, the solution out of a trace, common mistakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnntrain.config.read import plan_from_tree
from cnntrain.data.locate import DataFolders
from cnntrain.training.experiment import training_clock
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start
from cnntrain.types import Array
from cnntrain.views.trace.terms import Explanation, explain_entry
from cnntrain.views.trace.trace import StepTrace, trace

MOST_DECIMALS = 4  # that are asked for


@dataclass(frozen=True)
class Part:
    """One quantity to compute. ``name``: in the file of answers; ``symbol``: on the sheet.

    ``explained``: how each number of the answer comes about, in the order of the array.
    ``mistakes``: what comes out if a common mistake is made, by its description.
    """

    name: str
    symbol: str
    answer: Array
    explained: tuple[Explanation, ...] = ()
    mistakes: Mapping[str, Array] = field(default_factory=dict)

    @property
    def decimals(self) -> int:
        """As few as are exact, at most 4."""
        exact = (
            d
            for d in range(MOST_DECIMALS)
            if np.allclose(np.round(self.answer, d), self.answer, rtol=0, atol=1e-9)
        )
        return next(exact, MOST_DECIMALS)


@dataclass(frozen=True)
class Exercise:
    """``given``: symbols with their arrays; ``formulas``: what is to be used."""

    title: str
    task: str
    given: tuple[tuple[str, Array], ...]
    parts: tuple[Part, ...]


def traced(tree: dict[str, Any]) -> StepTrace:
    """The first update of a config with inline data, on all of its samples."""
    defaults = {"name": "worksheet", "dtype": "float64", "train": {"mode": "batch", "epochs": 1}}
    plan = plan_from_tree({**defaults, "optimizer": {"sgd": {"lr": 0.1}}, **tree})
    experiment = open_experiment(plan, DataFolders.of(None).find)
    n = len(experiment.data.train)
    state = start(plan, experiment.network)
    return trace(experiment, state, training_clock(plan, n), range(n), 1).steps[0]


def inline(x: Array, targets: Array) -> dict[str, Any]:
    """The data section of these samples, batch first."""
    return {"source": "inline", "inputs": x.tolist(), "targets": targets.tolist()}


def with_delta(tree: dict[str, Any], x: Array, delta: Array) -> StepTrace:
    """The trace in which δ of the output is ``delta`` (batch last): the targets are chosen so."""
    shape = np.moveaxis(delta, -1, 0).shape
    first = traced({**tree, "data": inline(x, np.zeros(shape)), "loss": "squared_error"})
    wanted = first.layers[-1].gives.array - delta * len(x)
    targets = np.moveaxis(wanted, -1, 0)
    return traced({**tree, "data": inline(x, targets), "loss": "squared_error"})


def explained(step: StepTrace, prefix: str, array: Array) -> tuple[Explanation, ...]:
    """The explanations of all entries of an array of the trace."""
    places: Sequence[tuple[int, ...]] = list(np.ndindex(array.shape))
    return tuple(explain_entry(step, f"{prefix}[{','.join(map(str, at))}]") for at in places)


def small(array: Array) -> Array:
    """Without axes of length 1, at least a vector: as it is written on paper."""
    return np.atleast_1d(np.squeeze(array))
