"""The environment of a run, recorded so that differences can be explained."""

import math
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from cnntrain import __version__


def environment() -> dict[str, Any]:
    """Versions, BLAS, CPU and command of this process."""
    return {
        "cnntrain": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in threadpool_info()
            if library.get("user_api") == "blas"
        ],
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "command": sys.argv,
        "working_folder": str(Path.cwd()),
    }


def physical_memory() -> float:
    """Bytes of memory of this machine; infinite if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf


def program() -> str:
    """The name under which this program was called, for commands printed to be copied."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m cnntrain"
    return "cnntrain" if called.name != "cnntrain" or shutil.which("cnntrain") else str(called)


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
