"""Scores of yes-or-no answers as sums, and the area under the ROC curve of their ranking.

Every distinct score is kept with the numbers of its samples that are no and yes, as columns
(label, score, no, yes), so nothing is rounded and ties are true ties. Memory is bounded: of more
than ``MOST_SCORES`` distinct scores the last binary digits are dropped, only as many as necessary,
and scores that are equal then count as ties. How many are dropped follows from the scores alone, so
the area is the same for any division into shards, in any order. It is then off by at most
½ Σ no·yes / (Σ no · Σ yes), the first sum over the tied scores: 1e-5 or less for usual scores.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnntrain.types import Array

MOST_SCORES = 1 << 16  # distinct ones, of all labels together


def score_sums(scores: Array, yes: Array) -> dict[str, Any]:
    """The sums of scores (K, ...) of K labels, and of what is true (K, ...)."""
    keys, truth = _ordered_integers(scores).reshape(len(scores), -1), yes.reshape(len(yes), -1)
    labels = np.broadcast_to(np.arange(len(keys))[:, None], keys.shape)
    columns = np.stack([labels, keys, ~truth, truth]).reshape(4, -1)  # (4, K*N)
    return {"scores": columns, "score_digits_dropped": 0}


def merged_scores(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of both; sorted only now and then, because that takes longer than joining."""
    dropped = max(int(a["score_digits_dropped"]), int(b["score_digits_dropped"]))
    both = np.concatenate([a["scores"], b["scores"]], axis=1)
    if both.shape[1] > 2 * MOST_SCORES:
        both, dropped = _compacted(both, dropped)
    return {"scores": both, "score_digits_dropped": dropped}


def areas(sums: Mapping[str, Any]) -> list[float | None]:
    """For every label, how often a yes is ranked above a no; None without a pair to compare.

    Counted in whole numbers, ties as half, so there is no rounding but that of the division.
    """
    columns, _ = _compacted(np.asarray(sums["scores"]), int(sums["score_digits_dropped"]))
    labels, _, no, yes = columns
    edges = np.searchsorted(labels, np.arange(labels[-1] + 2))
    return [_area(no[start:end], yes[start:end]) for start, end in itertools.pairwise(edges)]


def _area(no: Array, yes: Array) -> float | None:
    pairs = int(no.sum()) * int(yes.sum())
    twice_below = 2 * (np.cumsum(no) - no) + no
    return int((yes * twice_below).sum()) / (2 * pairs) if pairs else None


def _ordered_integers(scores: Array) -> Array:
    """Integers in the order of the scores: the bits of a float64, mirrored for negative ones."""
    bits = (scores.astype(np.float64) + 0.0).view(np.int64)  # -0.0 becomes 0.0
    return bits ^ ((bits >> 63) & np.iinfo(np.int64).max)


def _compacted(columns: Array, dropped: int) -> tuple[Array, int]:
    """Sorted, equal scores added up; with at least ``dropped`` binary digits less."""
    columns = columns[:, np.lexsort((columns[1], columns[0]))]
    while True:
        keys = columns[1] >> dropped << dropped
        starts = np.flatnonzero(_differs(columns[0]) | _differs(keys))
        if len(starts) <= MOST_SCORES or dropped == 63:
            break
        dropped += 1
    counts = np.add.reduceat(columns[2:], starts, axis=1)
    return np.stack([columns[0, starts], keys[starts], *counts]), dropped


def _differs(sorted_numbers: Array) -> Array:
    """Where a number differs from the one before it; true at the first."""
    return np.concatenate([[True], sorted_numbers[1:] != sorted_numbers[:-1]])
