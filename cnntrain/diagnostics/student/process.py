"""A learner's module in a process of its own, with limits on time, memory and files.

The limits keep a mistake (an endless loop, an array of all memory) from taking the machine along;
they are no protection from a module that means harm.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnntrain.diagnostics.finding import Finding
from cnntrain.diagnostics.student.cases import KINDS
from cnntrain.diagnostics.student.check import check_functions
from cnntrain.errors import DataError

SECONDS = 60
BYTES = 4 * 2**30
LARGEST_FILE = 1_000_000  # that the module may write


def check_module(path: Path, seed: int, seconds: int = SECONDS) -> list[Finding]:
    """The findings about the functions of a Python file; ``DataError`` if it cannot be run."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "findings.json"
        command = [sys.executable, "-m", __name__, str(path.absolute()), str(seed), str(result)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=seconds,
                stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": _search_path()},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DataError(
                f"{path}: not done after {seconds} s; is there a loop without end?"
            ) from None
        if not result.is_file():
            raise DataError(f"{path}: {_last_line(done.stderr) or 'it ended the process'}")
        found = [Finding(**one) for one in json.loads(result.read_text("utf-8"))]
    if not found:
        known = ", ".join(f"{kind}_backward(dy, x, ...)" for kind in list(KINDS)[:2])
        raise DataError(f"{path}: no function of a known name; write {known}, ...")
    return found


def _search_path() -> str:
    return os.pathsep.join(filter(None, sys.path))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:300]


def limit_resources() -> None:
    """Bounds for this process, where the system has them."""
    try:
        import resource
    except ImportError:  # Windows: only the time is limited, by the parent
        return
    for limit, most in (
        (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, BYTES),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
    ):  # fmt: skip
        hard = resource.getrlimit(limit)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, hard))


def functions_of(path: Path) -> Mapping[str, Callable[..., Any]]:
    """The functions of a Python file by name."""
    spec = importlib.util.spec_from_file_location("student", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if callable(value)}


def main(path: str, seed: str, result: str) -> None:
    """In the process apart: check, and write the findings."""
    limit_resources()
    sys.stdout = sys.stderr  # what the module prints is not the result
    found = [asdict(finding) for finding in check_functions(functions_of(Path(path)), int(seed))]
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
