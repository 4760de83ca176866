"""Losses: the cost of a batch of outputs, and its derivative δ with respect to them.
Importing this package registers every loss.

May import: errors, types, registry, native, ops.
"""

from cnntrain.losses.base import Loss
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Loss"]
