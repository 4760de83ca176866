"""Training on a file that is larger than memory need be: how much memory that takes."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmark.processes import run

RECORD = 1 + 3 * 32 * 32  # bytes of a sample of CIFAR-10
PORTION = 1 << 14  # samples written at a time
STEPS = 200
UNITS = {"K": 1e3, "M": 1e6, "G": 1e9}
LAYERS = [
    {"conv2d": {"filters": 8, "kernel": 3, "stride": 2, "activation": "relu"}},
    "flatten",
    {"dense": {"units": 10}},
]


def parsed(size: str) -> int:
    """``20G`` in bytes."""
    unit = UNITS.get(size[-1:].upper())
    return int(float(size[:-1]) * unit) if unit else int(size)


def measure(size: str, threads: int) -> dict[str, Any]:
    """Train a small network on a generated file of this size, which is removed afterwards."""
    samples = max(1000, parsed(size) // RECORD)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        write(Path(folder) / "big.bin", samples)
        (Path(folder) / "big.yaml").write_text(yaml.safe_dump(config()))
        words = ["-m", "cnntrain", "fit", "big.yaml", "--quiet", "--threads", str(threads)]
        seconds, megabytes = run(words, folder)
    return {
        "samples": samples,
        "gigabytes": samples * RECORD / 1e9,
        "seconds": seconds,
        "peak_mb": megabytes,
        "steps": STEPS,
    }


def config() -> dict[str, Any]:
    """A small network on ``big.bin``, for a fixed number of steps."""
    return {
        "data": {"source": "cifar10", "train": ["big.bin"], "normalize": "per_channel"},
        "network": LAYERS,
        "loss": "cross_entropy",
        "train": {"batch_size": 128, "max_steps": STEPS},
    }


def write(path: Path, samples: int) -> None:
    """Random images with random labels, in the layout of CIFAR-10."""
    rng = np.random.default_rng(0)
    portion = rng.integers(0, 256, (PORTION, RECORD), dtype=np.uint8)
    with path.open("wb") as file:
        for start in range(0, samples, PORTION):
            portion[:, 0] = rng.integers(0, 10, PORTION)
            file.write(portion[: samples - start].data)


def report(found: dict[str, Any]) -> str:
    """``20.0 GB (6,508,298 samples): at most 700 MB resident``."""
    return (
        f"{found['gigabytes']:.1f} GB ({found['samples']:,} samples): at most "
        f"{found['peak_mb']:.0f} MB resident; {found['seconds']:.0f} s for {found['steps']} steps, "
        "with all checks before them"
    )
