"""The compiled engine: for pure NumPy functions their compiled twins, and which of the two runs.
The C sources, one file per family, are in ``c/``.

May import: errors, types, registry.
"""

from cnntrain.native.engine import (
    NUMPY,
    Engine,
    available,
    current,
    engine_named,
    use_threads,
    using,
    why_not,
    why_slow,
)
from cnntrain.native.program import Program, Recorder, recorder, recording, run_programs
from cnntrain.native.twins import (
    TWINS,
    has_twin,
    kernels_of,
    place_of_kernel,
    reaches_twin,
    twinned,
)

__all__ = [
    "NUMPY",
    "TWINS",
    "Engine",
    "Program",
    "Recorder",
    "available",
    "current",
    "engine_named",
    "has_twin",
    "kernels_of",
    "place_of_kernel",
    "reaches_twin",
    "recorder",
    "recording",
    "run_programs",
    "twinned",
    "use_threads",
    "using",
    "why_not",
    "why_slow",
]
