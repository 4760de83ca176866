"""Optimizers and learning-rate schedules, which turn a gradient into the change of an array.
Importing this package registers all of them.

May import: errors, types, registry, ops.
"""

from cnntrain.optimizers.base import Optimizer
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Optimizer"]
