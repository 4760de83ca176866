"""Kernels compiled from changed sources, called through ctypes."""

import ctypes
import shutil
import subprocess

import numpy as np

from cnntrain.native import Engine
from cnntrain.native.twins import SOURCES, kernel_letters

ARRAYS, INTEGER = "wWrRSdDlLbB", "i"
LETTERS = kernel_letters()


class Argument(ctypes.Union):
    """``Arg`` of ``vec.h``."""

    _fields_ = [("array", ctypes.c_void_p), ("i", ctypes.c_int64), ("f", ctypes.c_double)]


class Kernel(ctypes.Structure):
    """An entry of the table of kernels."""

    _fields_ = [("name", ctypes.c_char_p), ("letters", ctypes.c_char_p), ("run", ctypes.c_void_p)]


def changed_engine(folder, file, old, new):
    """A native engine in float64 whose source ``file`` has ``new`` in the place of ``old``."""
    sources = folder / "c"
    shutil.copytree(SOURCES, sources)
    text = (sources / file).read_text()
    assert text.count(old) == 1, f"{file}: {old!r} is there {text.count(old)} times"
    (sources / file).write_text(text.replace(old, new))
    built = folder / "kernels.so"
    flags = ["-O1", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-w"]
    table = ["-DREAL_IS_DOUBLE", "-DTABLE=table"]
    files = [str(sources / name) for name in ("kernels.c", "program.c")]
    command = ["cc", *flags, *table, *files, "-o", str(built), "-lm", "-pthread"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(built))
    table = (Kernel * len(LETTERS)).in_dll(library, "table")
    return Engine("native", "changed", {"d": {k.name.decode(): caller(k) for k in table}})


def caller(kernel):
    """The kernel as a function of arrays and numbers."""
    run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(kernel.run)
    letters = kernel.letters.decode()

    def call(*given):
        arguments = (Argument * len(letters))()
        for slot, letter, value in zip(arguments, letters, given, strict=True):
            if letter in INTEGER:
                slot.i = int(value)
            elif letter == "f":
                slot.f = value
            elif value is not None:
                assert letter in ARRAYS
                assert value.flags.c_contiguous
                slot.array = np.asarray(value).ctypes.data
        assert run(ctypes.byref(arguments)) == 0

    return call
