"""Reading a table of the size of Kaggle's digits (42,000 x 785 numbers, 76 MB), beside NumPy."""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

ROWS, PIXELS, BLOCK = 42_000, 784, 100
OURS = """
from cnntrain.data.sources.csv_file import Csv
from cnntrain.data.locate import DataFolders
began = time.perf_counter()
Csv(train=sys.argv[1], label="label").load(DataFolders.of(None).find, seed=0)
"""
NUMPY = """
import numpy as np
began = time.perf_counter()
np.loadtxt(sys.argv[1], np.float32, delimiter=",", skiprows=1)
"""
FRAME = """
import resource, sys, time
{reader}
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write(path: Path) -> None:
    """A label and 784 pixels per row, a fifth of them not 0.

    Block by block, because a child's peak memory starts at that of its parent.
    """
    draw = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("label," + ",".join(f"pixel{k}" for k in range(PIXELS)) + "\n")
        for _ in range(ROWS // BLOCK):
            shape = (BLOCK, PIXELS)
            pixels = np.where(draw.random(shape) < 0.19, draw.integers(1, 256, shape), 0)
            labels = draw.integers(0, 10, BLOCK)
            for label, row in zip(labels.tolist(), pixels.tolist(), strict=True):
                file.write(f"{label},{','.join(map(str, row))}\n")


def measure(runs: int) -> dict[str, dict[str, float]]:
    """Seconds (least, median) and peak MiB of either reader, in processes that take turns."""
    found: dict[str, list[tuple[float, float]]] = {"cnntrain": [], "numpy.loadtxt": []}
    readers = {"cnntrain": OURS, "numpy.loadtxt": NUMPY}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.csv"
        write(path)
        for _ in range(runs):
            for name, reader in readers.items():
                found[name].append(_run(reader, path))
    return {
        name: {
            "s": min(s for s, _ in each),
            "median_s": median(s for s, _ in each),
            "peak_mib": max(peak for _, peak in each),
        }
        for name, each in found.items()
    }


def _run(reader: str, path: Path) -> tuple[float, float]:
    """(seconds without imports, peak MiB) of a process of its own."""
    command = [sys.executable, "-c", FRAME.format(reader=reader), str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def report(found: dict[str, dict[str, float]]) -> str:
    """One line per reader, and their ratio."""
    lines = [
        f"{name:<14} {v['s']:.2f} / {v['median_s']:.2f} s, peak {v['peak_mib']:.0f} MiB"
        for name, v in found.items()
    ]
    ratio = found["cnntrain"]["s"] / found["numpy.loadtxt"]["s"]
    return "\n".join([*lines, f"{ratio:.2f} times the time of numpy.loadtxt"])
