"""One file per layer: the pure kernel pair on top, a small frozen class under it.

Importing this package registers every layer in it.
"""

from cnntrain.layers.base import (
    Context,
    Example,
    Layer,
    Param,
    Steps,
    Sums,
    View,
    WholeBatchLayer,
    alone,
)
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = [
    "Context",
    "Example",
    "Layer",
    "Param",
    "Steps",
    "Sums",
    "View",
    "WholeBatchLayer",
    "alone",
]
