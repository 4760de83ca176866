"""Yes-or-no answers: the figures of several labels of which each holds or does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.metrics.ranking import areas
from cnntrain.types import Array


def f1_of(table: Array) -> float | None:
    """Of [[true no, false yes], [false no, true yes]]."""
    both = int(table[1].sum() + table[:, 1].sum())
    return 2 * int(table[1, 1]) / both if both else None


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are defined; None if there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@dataclass(frozen=True)
class LabelFigures:
    """Of one label that holds for ``support`` of the samples; None: undefined."""

    label: str
    accuracy: float
    precision: float | None  # None: the label was never predicted
    recall: float | None  # None: the label never holds
    f1: float | None
    auc: float | None  # None: the label holds for all samples or none
    support: int


def per_label(sums: Mapping[str, Any], names: Sequence[str]) -> list[LabelFigures]:
    """The figures of every label of an evaluation."""
    tables = np.asarray(sums["decisions"])
    return [
        _label_figures(name, table, area)
        for name, table, area in zip(names, tables, areas(sums), strict=True)
    ]


def _label_figures(name: str, table: Array, area: float | None) -> LabelFigures:
    hits, support, taken = int(table[1, 1]), int(table[1].sum()), int(table[:, 1].sum())
    return LabelFigures(
        label=name,
        accuracy=int(table[0, 0] + table[1, 1]) / int(table.sum()),
        precision=hits / taken if taken else None,
        recall=hits / support if support else None,
        f1=f1_of(table),
        auc=area,
        support=support,
    )
