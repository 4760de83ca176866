"""The compiled engine: for pure NumPy functions their compiled twins, and which of the two runs.
The C sources, one file per family, are in ``c/``.

May import: errors, types, registry.
"""

from cnntrain.native.engine import Engine, available, current, engine_named, using
from cnntrain.native.twins import TWINS, twinned

__all__ = ["TWINS", "Engine", "available", "current", "engine_named", "twinned", "using"]
