"""Metrics for regression, in the units of the targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cnntrain.metrics.base import Metric
from cnntrain.metrics.sums import Sums, means, r_squared, target_moments
from cnntrain.types import Array


@dataclass(frozen=True, kw_only=True)
class Mae(Metric, kind="mae"):
    """Mean absolute error, over samples and outputs."""

    of_labels: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["mae"]


@dataclass(frozen=True, kw_only=True)
class Rmse(Metric, kind="rmse"):
    """Root of the mean squared error, over samples and outputs."""

    of_labels: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return means(sums)["rmse"]


@dataclass(frozen=True, kw_only=True)
class RSquared(Metric, kind="r2"):
    """R² = 1 - Σ(a - y)² / Σ(y - ȳ)², over all outputs."""

    of_labels: ClassVar[bool] = False

    def sums(self, z: Array, y: Array) -> Sums:
        return target_moments(y)

    def value(self, sums: Mapping[str, Any]) -> float | None:
        return r_squared(sums)
