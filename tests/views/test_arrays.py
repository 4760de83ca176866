"""Arrays as text: aligned, wrapped to the width, without a sign on zero."""

import numpy as np

from cnntrain.views.arrays import EXCERPT, lines, number


def test_zero_has_no_sign():
    assert number(-0.0) == "0"
    small = np.array([-1e-12, 0.5, 1 / 3])
    assert lines(small, batched=False) == ["0.00000000  0.50000000  0.33333333"]


def test_an_excerpt_has_as_many_columns_as_fit():
    tiny = np.random.default_rng(0).normal(size=(10, 64)).astype(np.float32) * 1e-9
    statistics, *rows = lines(tiny, batched=False)
    assert statistics.startswith("min -")
    assert len(rows) == EXCERPT[0] + 1
    assert {len(row.split()) for row in rows[:-1]} == {4 + 1}  # and the dots
    assert rows[-1] == "..."
