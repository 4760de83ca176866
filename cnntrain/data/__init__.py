"""Data: sources that read samples, the splits they fall into, and the batches they leave in.

Importing this package registers every source in it.
"""

from cnntrain.data.base import Dataset, Source, Split
from cnntrain.registry import import_members

import_members(__name__, __path__)

__all__ = ["Dataset", "Source", "Split"]
