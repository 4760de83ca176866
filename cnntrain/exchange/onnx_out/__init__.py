"""From a network to an ONNX model: a builder, one mapping per kind of layer, and the file.

Importing this package registers every mapping.

May import: everything up to runs.
"""

from cnntrain.exchange.onnx_out import activations, layers
from cnntrain.exchange.onnx_out.file import write_onnx
from cnntrain.exchange.onnx_out.mapping import MAPPINGS

__all__ = ["MAPPINGS", "activations", "layers", "write_onnx"]
