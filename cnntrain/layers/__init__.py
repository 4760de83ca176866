"""Layers, one file each: pure forward and backward functions first, then a small frozen class.
Importing this package registers every layer.

May import: errors, types, registry, native, ops.
"""

from cnntrain.layers.base import (
    BatchSums,
    Context,
    Example,
    Layer,
    Param,
    Steps,
    View,
    WholeBatchLayer,
    alone,
    within,
)
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = [
    "BatchSums",
    "Context",
    "Example",
    "Layer",
    "Param",
    "Steps",
    "View",
    "WholeBatchLayer",
    "alone",
    "within",
]
