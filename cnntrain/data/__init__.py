"""Data: named splits, their division, normalization and augmentation, and batches.
Importing this package registers every source and augmentation.

May import: errors, types, rng, registry, text, files, ops.
"""

from cnntrain.data.dataset import Dataset, Split
from cnntrain.data.sources.base import Source
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Dataset", "Source", "Split"]
