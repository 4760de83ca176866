"""Which engine runs: ``native``, the compiled kernels, or ``numpy``, the functions to be read.

Every compiled kernel is made once per instruction set; all of them give the same bits, so the
best that the CPU has is taken. ``CNNTRAIN_ENGINE`` (auto, native or numpy) chooses the engine,
``CNNTRAIN_ISA`` names an instruction set, ``CNNTRAIN_NATIVE=off`` is the same as numpy.
"""

import importlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from cnntrain.errors import ConfigError
from cnntrain.native.program import LINE, recorder
from cnntrain.types import Array, Shape

_kernels: Any = None
_missing: str | None = None  # why there are none
try:
    _kernels = importlib.import_module("cnntrain.native._kernels")
except ModuleNotFoundError:
    _missing = "they were not built"
except ImportError as error:
    _missing = str(error)

FLOAT64 = np.dtype(np.float64)
ENGINES = ("auto", "native", "numpy")
LARGE = 1 << 16  # bytes from which on its place is worth two microseconds
REMEDY = "install a C compiler (gcc or clang), then cnntrain again"

Kernels = Mapping[str, Callable[..., None]]


@dataclass(frozen=True)
class Engine:
    """An engine, with the instruction set and the kernels by type character if it is native."""

    name: str
    isa: str | None = None
    kernels: Mapping[str, Kernels] = field(default_factory=dict, repr=False, compare=False)
    can_note: bool = False  # whether calls of its kernels can be noted (``native/program.py``)

    def about(self) -> dict[str, str | None]:
        """Engine and instruction set, for records of a run."""
        return {"name": self.name, "instruction_set": self.isa}

    def __str__(self) -> str:
        return f"{self.name} ({self.isa})" if self.isa else self.name


NUMPY = Engine("numpy")


class _Choice:
    """The engine in use, one for the whole process, so that every thread has the same."""

    engine: Engine | None = None  # None: nobody has asked yet
    is_named: bool = False


def available() -> tuple[str, ...]:
    """The instruction sets that are compiled in and that this CPU has, best first."""
    return tuple(_kernels.instruction_sets()) if _missing is None else ()


def why_not() -> str | None:
    """Why there are no compiled kernels, and what to do; None if there are."""
    return None if _missing is None else f"no compiled kernels: {_missing}; {REMEDY}"


@cache
def native(isa: str | None = None) -> Engine:
    """The native engine, with the best instruction set unless one is named."""
    if (reason := why_not()) is not None:
        raise ConfigError(f"engine native: {reason}, or use --engine numpy", ())
    sets = available()
    if isa is not None and isa not in sets:
        raise ConfigError(f"CNNTRAIN_ISA={isa}: this CPU can run {', '.join(sets)}", ())
    chosen = isa or sets[0]
    of_type: dict[str, Kernels] = {"f": _kernels.kernels(chosen, "float32")}
    of_type["d"] = _kernels.kernels(chosen, "float64")
    return Engine("native", chosen, of_type, can_note=True)


def engine_named(name: str | None = None) -> Engine:
    """The engine called ``name``, or the one that the environment asks for, or the best."""
    name = name or os.environ.get("CNNTRAIN_ENGINE") or "auto"
    if name not in ENGINES:
        raise ConfigError(f"engine {name!r}: must be auto, native or numpy", ())
    if name == "numpy" or (name == "auto" and (_is_off() or _missing is not None)):
        return NUMPY
    return native(os.environ.get("CNNTRAIN_ISA") or None)


def _is_off() -> bool:
    return os.environ.get("CNNTRAIN_NATIVE") == "off"


def why_slow() -> str | None:
    """Why NumPy runs although nobody chose it, and what to do; None if somebody did."""
    named = _Choice.is_named or _is_off() or os.environ.get("CNNTRAIN_ENGINE") == "numpy"
    return None if named else why_not()


def current() -> Engine:
    """The engine in use."""
    if _Choice.engine is None:
        _Choice.engine = engine_named()
    return _Choice.engine


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Use this engine for a while."""
    before = _Choice.engine, _Choice.is_named
    _Choice.engine, _Choice.is_named = engine, True
    try:
        yield
    finally:
        _Choice.engine, _Choice.is_named = before


def use_threads(count: int) -> int:
    """Let so many threads run programs from now on; returns how many did before."""
    return int(_kernels.use_threads(count)) if _missing is None else 1


def kernel(name: str, like: Array) -> Callable[..., None]:
    """The compiled kernel of that name for numbers of the type of ``like``."""
    found, at_work = current().kernels[like.dtype.char][name], recorder()
    return found if at_work is None else at_work.noting(found)


def solid(x: Any) -> Any:
    """The same array, contiguous as kernels need it; None stays None."""
    return x if x is None or x.flags.c_contiguous else np.ascontiguousarray(x)


def empty(shape: Shape, dtype: "np.dtype[Any]") -> Array:
    """A new array like ``np.empty``; a large one begins on a cache line, as wide vectors need."""
    if (at_work := recorder()) is not None:
        return at_work.arena.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    block = np.empty(size + LINE, np.uint8)
    return np.ndarray(shape, dtype, block, -block.ctypes.data % LINE)
