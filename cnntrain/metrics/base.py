"""Metrics that a config selects with ``metrics:``, besides loss and accuracy (or MAE and RMSE).

Each defines sums over samples and its value as a function of them, so its value is the same for any
division into shards.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cnntrain.metrics.sums import Sums, Task, means
from cnntrain.registry import Registered
from cnntrain.types import Array, Shape


class Metric(Registered, family="metric"):
    """A metric of a whole split.

    ``of_labels``: for classification, else for regression; ``of_yes_no``: also for labels of which
    each holds or not; ``two_classes``: of classes, for two only; ``usual``: recorded of yes-or-no
    answers without being chosen; ``higher_is_better``: its direction; ``unit``: "%" for a share
    that is shown in percent.
    """

    arithmetic: ClassVar[tuple[str, ...]] = ("sums", "value")

    of_labels: ClassVar[bool] = True
    of_yes_no: ClassVar[bool] = False
    two_classes: ClassVar[bool] = False
    usual: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    @classmethod
    def is_called(cls, name: str) -> bool:
        """Whether a metric of this kind is recorded under ``name``."""
        return name == cls.kind

    @property
    def name(self) -> str:
        """Name of the metric in ``metrics.jsonl``, after the split."""
        return self.kind

    @classmethod
    def suits(cls, task: Task) -> bool:
        """Whether it is a metric of such targets."""
        return cls.of_yes_no if task == "yes_no" else cls.of_labels == (task == "classes")

    @classmethod
    def is_usual(cls, out_shape: Shape) -> bool:
        """Whether it is recorded of yes-or-no answers of this shape without being chosen."""
        return cls.usual

    def sums(self, z: Array, y: Array) -> Sums:
        """The sums this metric needs from one shard, besides ``metrics.batch_sums``.

        y: class labels (N,), yes or no as booleans (K, N), or numbers (K, N).
        """
        return {}

    def value(self, sums: Mapping[str, Any]) -> float | None:
        """The metric; None where it is undefined."""
        raise NotImplementedError


def metric_values(sums: Mapping[str, Any], chosen: tuple[Metric, ...]) -> dict[str, float]:
    """Loss, accuracy (or MAE and RMSE) and the chosen metrics that are defined."""
    values = {metric.name: metric.value(sums) for metric in chosen}
    return means(sums) | {name: value for name, value in values.items() if value is not None}


def _kind_of(name: str) -> type[Metric] | None:
    """The kind behind ``val/top_3_accuracy`` or ``accuracy``; None for losses and penalties."""
    own_name = name.rpartition("/")[2]
    return next((kind for kind in Metric.kinds.values() if kind.is_called(own_name)), None)


def is_better(name: str, value: float, than: float, equal: bool = False) -> bool:
    """Whether the metric ``split/name`` improved, in its own direction; losses shrink."""
    if value == than:
        return equal
    kind = _kind_of(name)
    return value > than if kind is not None and kind.higher_is_better else value < than


def is_percentage(name: str) -> bool:
    """Whether the metric ``split/name`` is shown in percent."""
    kind = _kind_of(name)
    return kind is not None and kind.unit == "%"


def metric_text(name: str, value: float) -> str:
    """One metric with its name: shares in percent, all else with five digits."""
    return f"{name} {100 * value:.2f}%" if is_percentage(name) else f"{name} {value:.5g}"


def metrics_line(metrics: Mapping[str, float]) -> str:
    """All metrics in one line."""
    return "  ".join(metric_text(name, value) for name, value in metrics.items())
