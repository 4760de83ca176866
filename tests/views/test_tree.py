"""Values of all types as JSON."""

import json
from dataclasses import dataclass

import numpy as np

from cnntrain.layers import Layer
from cnntrain.layers.activations import Relu
from cnntrain.views.formula import Formula
from cnntrain.views.tree import MOST_VALUES, tree


@dataclass(frozen=True)
class Pair:
    formula: Formula
    layer: Layer
    arrays: dict[str, np.ndarray]


def test_frozen_values_become_plain_ones():
    found = tree(Pair(Formula(r"\alpha"), Relu(), {"W": np.array([[1.0, np.nan]])}))
    assert found == {
        "formula": {"text": "α", "latex": r"\alpha"},
        "arrays": {"W": {"shape": [1, 2], "values": [[1.0, None]]}},
    }
    json.dumps(found, allow_nan=False)


def test_large_arrays_become_statistics():
    found = tree(np.arange(float(MOST_VALUES + 1)))
    assert found["shape"] == [MOST_VALUES + 1]
    assert found["statistics"]["max"] == MOST_VALUES
    assert found["statistics"]["zeros"] == 1 / (MOST_VALUES + 1)
