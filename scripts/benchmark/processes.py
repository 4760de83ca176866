"""Whole processes: their duration and peak memory, and the size of installations."""

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median
from typing import Any

SCRIPTS = Path(__file__).parents[1]
CONFIG = SCRIPTS.parent / "configs" / "digits.yaml"
COLD_STARTS = {
    "cnntrain": ["-m", "cnntrain", "fit", str(CONFIG), "--set", "train.epochs=1", "--quiet"],
    "eager": [str(SCRIPTS / "benchmark" / "torch_digits.py")],
}
PACKAGES = {"cnntrain": "cnntrain", "eager": "torch", "scikit-learn": "scikit-learn"}


def run(arguments: list[str], folder: str) -> tuple[float, float]:
    """(seconds, peak megabytes) of ``python ARGUMENTS`` in ``folder``."""
    launch = [sys.executable, str(SCRIPTS / "benchmark" / "launch.py")]
    done = subprocess.run([*launch, *arguments], cwd=folder, stdout=subprocess.PIPE, check=True)
    seconds, peak_bytes = json.loads(done.stdout)
    return seconds, peak_bytes / 1e6


def cold_start(contenders: list[str], runs: int) -> dict[str, Any]:
    """From process start to the end of the first epoch on the digits, alternating: s, MB."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            for name in contenders:
                found[name].append(run(COLD_STARTS[name], folder))
    return {
        name: {
            "least_s": min(s for s, _ in times),
            "median_s": median(s for s, _ in times),
            "peak_mb": max(mb for _, mb in times),
        }
        for name, times in found.items()
    }


def peak_megabytes(net: str, contender: str, threads: int) -> float:
    """The peak memory of a process that runs some steps of a network and nothing else."""
    script = str(SCRIPTS / "bench.py")
    with tempfile.TemporaryDirectory() as folder:
        return run([script, "--only", contender, "--net", net, "--threads", str(threads)], folder)[
            1
        ]


def installed_megabytes(package: str) -> float | None:
    """Disk space of a package and all of its requirements; None if it is not installed."""
    found: dict[str, float] = {}
    _weigh(package, found)
    return sum(found.values()) or None


def _weigh(package: str, found: dict[str, float]) -> None:
    name = re.sub(r"[-_.]+", "-", package).lower()
    if name in found:
        return
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return
    files = [Path(str(file.locate())) for file in installed.files or ()]
    if name == "cnntrain":  # also if it is an editable installation
        files = [path for path in (SCRIPTS.parent / "cnntrain").rglob("*") if path.is_file()]
    found[name] = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
    for requirement in installed.requires or ():
        wanted, _, condition = requirement.partition(";")
        if "extra ==" not in condition:
            _weigh(re.split(r"[\s\[<>=!~(]", wanted.strip(), maxsplit=1)[0], found)
