"""Arrays as a ``.safetensors`` file, and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.errors import DataError
from cnntrain.exchange.about import About, as_texts, from_texts
from cnntrain.exchange.extras import check_folder, file_content, needed
from cnntrain.exchange.model import Model
from cnntrain.exchange.torch_names import from_state_dict, to_state_dict
from cnntrain.files import atomic_write
from cnntrain.network.network import Network
from cnntrain.types import Array, Params

MEANT_FOR = {"format": "pt"}  # a key that tools of PyTorch look for
LENGTH = 8  # bytes of the header's length, at the beginning of the file


def write_safetensors(model: Model, path: Path) -> None:
    """Write the arrays with PyTorch's names and layouts, completely or not at all.

    Normalization and class names are metadata, which PyTorch does not read.
    """
    check_folder(path)
    library = needed("safetensors.numpy", "safetensors", "a .safetensors file")
    about = as_texts(model.schema, model.loss, model.preprocessing)
    content = library.save(to_state_dict(model.network, model.params), {**MEANT_FOR, **about})
    with atomic_write(path, len(content)) as file:
        file.write(content)


def read_safetensors(path: Path, network: Network, dtype: np.dtype[Any]) -> tuple[Params, About]:
    """(the network's arrays, what its numbers mean) from such a file, or from one of PyTorch."""
    library = needed("safetensors.numpy", "safetensors", "a .safetensors file")
    content = file_content(path)
    try:
        tensors: dict[str, Array] = library.load(content)
        metadata = _metadata(content)
    except (needed("safetensors", "safetensors", "").SafetensorError, ValueError, KeyError):
        raise DataError(
            f"{path}: not a .safetensors file, or of numbers that NumPy does not have; save it "
            "again as float32 with safetensors.torch.save_file"
        ) from None
    arrays = from_state_dict(network, tensors, str(path))
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise DataError(f"{path}: {name} has values that are no finite real numbers")
    return {n: a.astype(dtype) for n, a in arrays.items()}, from_texts(metadata, str(path))


def _metadata(content: bytes) -> dict[str, str]:
    """The texts in the header, which the library has found to be whole."""
    length = int.from_bytes(content[:LENGTH], "little")
    header = json.loads(content[LENGTH : LENGTH + length])
    found: dict[str, str] = header.get("__metadata__", {})
    return found
