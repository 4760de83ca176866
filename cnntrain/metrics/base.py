"""Metrics that a config selects with ``metrics:``, besides loss and accuracy (or MAE and RMSE).

Each defines sums over samples and its value as a function of them, so its value is the same for any
division into shards.
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
        """Name of the metric in ``metrics.jsonl``, after the split."""
        return self.kind

    def sums(self, z: Array, y: Array) -> Sums:
        """The sums this metric needs from one shard, besides ``metrics.batch_sums``."""
        return {}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        """The metric; None where it is undefined."""
        raise NotImplementedError


def metric_values(sums: Mapping[str, Any], metrics: tuple[Metric, ...]) -> dict[str, float]:
    """Loss, accuracy (or MAE and RMSE) and those of the selected metrics that are defined."""
    values = {metric.name: metric.value(sums) for metric in metrics}
    return means(sums) | {name: value for name, value in values.items() if value is not None}


def is_better(name: str, value: float, than: float, equal: bool = False) -> bool:
    """Whether the metric ``split/name`` improved: accuracies and the like grow, losses shrink."""
    if value == than:
        return equal
    grows = name.endswith(("accuracy", "f1", "auc", "r2"))
    return value > than if grows else value < than
