"""Data sources: one file per kind, which registers itself.

May import: data/{dataset,labels,locate} and below.
"""

from cnntrain.registry import import_members

import_members(__name__, __path__)
