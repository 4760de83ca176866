"""What ``train`` yields: the end of a step, of an epoch, and of the training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cnntrain.training.probe import Probe

Reason = Literal[
    "epochs", "threshold", "patience", "target", "minutes", "max_steps", "interrupted", "diverged"
]


@dataclass(frozen=True)
class StepEnd:
    """An update was made. ``epoch`` is the running one, from 1; ``metrics`` those of the batch."""

    epoch: int
    step: int
    metrics: Mapping[str, float]
    lr: float
    elapsed_s: float
    probe: Probe | None = None  # statistics of the layers, every ``log.stats`` steps


@dataclass(frozen=True)
class EpochEnd:
    """All training samples have been visited once, and the validation split evaluated."""

    epoch: int
    step: int
    metrics: Mapping[str, float]
    lr: float
    elapsed_s: float
    samples_per_s: float
    is_best: bool


@dataclass(frozen=True)
class Stopped:
    """Training is over; ``metrics`` are those of the state it ended with.

    ``samples``: those of the batch that diverged, numbered as in the source.
    """

    reason: Reason
    detail: str
    epoch: int
    step: int
    metrics: Mapping[str, float]
    elapsed_s: float
    samples: tuple[int, ...] = ()


Event = StepEnd | EpochEnd | Stopped
