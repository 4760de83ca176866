"""Traces and other frozen values as a tree for JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from cnntrain.layers import Layer
from cnntrain.views.arrays import statistics
from cnntrain.views.formula import Formula

MOST_VALUES = 10_000  # of one array; larger ones are replaced by their statistics


def tree(value: Any) -> Any:
    """Dataclasses as objects, formulas as text and LaTeX, arrays with shape and values.

    Layer objects are omitted.
    """
    if isinstance(value, Formula):
        return {"text": value.text, "latex": value.latex}
    if isinstance(value, np.ndarray):
        small = value.size <= MOST_VALUES
        content = {"values": value.tolist()} if small else {"statistics": statistics(value)}
        return {"shape": list(value.shape), **tree(content)}
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return {key: tree(part) for key, part in parts.items() if not isinstance(part, Layer)}
    if isinstance(value, Mapping):
        return {key: tree(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [tree(part) for part in value]
    return value
