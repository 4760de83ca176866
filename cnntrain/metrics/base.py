"""Metrics that a config chooses with ``metrics:``, beside loss and accuracy (or MAE and RMSE).

Each says what it sums up over samples and what the sums mean, so it is the same for any cut.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cnntrain.metrics.sums import Sums, means
from cnntrain.registry import Registered
from cnntrain.types import Array


class Metric(Registered, family="metric"):
    """A metric of a whole split. ``of_labels``: for classification, else for regression;
    ``two_classes``: for two classes only."""

    arithmetic: ClassVar[tuple[str, ...]] = ("sums", "value")

    of_labels: ClassVar[bool] = True
    two_classes: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """How the metric is called in ``metrics.jsonl``, behind the split."""
        return self.kind

    def sums(self, z: Array, y: Array) -> Sums:
        """What this score needs of one shard, beyond ``metrics.batch_sums``."""
        return {}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        """The metric; None where it is not defined."""
        raise NotImplementedError


def metric_values(sums: Mapping[str, Any], scores: tuple[Metric, ...]) -> dict[str, float]:
    """Loss, accuracy (or MAE and RMSE) and the chosen scores that are defined."""
    values = {score.name: score.value(sums) for score in scores}
    return means(sums) | {name: value for name, value in values.items() if value is not None}


def is_better(name: str, value: float, than: float, equal: bool = False) -> bool:
    """Whether the metric ``split/name`` improved: most grow, losses and errors shrink."""
    if value == than:
        return equal
    grows = name.endswith(("accuracy", "f1", "auc", "r2"))
    return value > than if grows else value < than
