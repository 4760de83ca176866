"""Libraries that only the exchange of models needs, imported when it happens."""

import importlib
from pathlib import Path
from typing import Any

from cnntrain.data.sources.base import readable
from cnntrain.errors import DataError
from cnntrain.files import plain_content


def needed(module: str, extra: str, purpose: str) -> Any:
    """An optional library; where it is missing, ``DataError`` names the extra that has it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DataError(
            f"{purpose} needs {module.partition('.')[0]}; "
            f"install it with: pip install 'cnntrain[{extra}]'"
        ) from None


def check_folder(path: Path) -> None:
    """Refuse a path whose folder is missing, before any work is done for it."""
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it, or name another file")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; name a file in it")


def file_content(path: Path) -> bytes:
    """The content of a model's file; ``DataError`` if there is none."""
    with readable(path):
        content = plain_content(path)
    if content is None:
        raise DataError(f"{path}: no such file")
    if not content:
        raise DataError(f"{path}: the file is empty; export the model again")
    return content
