"""Metrics of a split, from sums that add up over shards; one file per group of metrics.
Importing this package registers every metric.

May import: errors, types, registry, ops.
"""

from cnntrain.metrics.base import (
    Metric,
    is_better,
    is_percentage,
    metric_text,
    metric_values,
    metrics_line,
)
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Metric", "is_better", "is_percentage", "metric_text", "metric_values", "metrics_line"]
