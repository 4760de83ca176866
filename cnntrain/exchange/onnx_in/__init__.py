"""From an ONNX model to a network: the graph, layers in pieces, and one reader per operator.

Importing this package registers every reader.

May import: everything up to runs.
"""

from cnntrain.exchange.onnx_in import composed, elementwise, resizing, shapes, weighted, windows
from cnntrain.exchange.onnx_in.model import Imported, read_onnx
from cnntrain.exchange.onnx_in.reading import READERS

__all__ = [
    "READERS",
    "Imported",
    "composed",
    "elementwise",
    "read_onnx",
    "resizing",
    "shapes",
    "weighted",
    "windows",
]
