"""Time and memory as data, depth, width and batch double; neither may outgrow the work."""

import json
import sys
import tempfile
import time
from typing import Any

from benchmark.nets import CIFAR, CLASSES, MNIST, Net, Ours, conv, dense, pool
from benchmark.processes import SCRIPTS, run
from cnntrain.training.evaluate import evaluate
from cnntrain.training.workers import Workers

FACTORS = (1, 2, 4, 8)
STEPS = 12
DATA = 4096  # samples at factor 1


def net_of(axis: str, factor: int) -> Net:
    """The network of one measurement: a small CNN, ``factor`` times as deep, wide or batched."""
    depth, width, batch = (factor if axis == a else 1 for a in ("depth", "width", "batch"))
    layers = [conv(16 * width, 3, "same", "relu") for _ in range(2 * depth)]
    end = [pool("max", 2, 2), "flatten", dense(CLASSES)]
    return Net(MNIST if axis == "data" else CIFAR, [*layers, *end], 32 * batch)


def measure_one(axis: str, factor: int, threads: int) -> dict[str, float]:
    """Shortest time of a step in s (for ``data``: of evaluating all samples) and its work."""
    net = net_of(axis, factor)
    samples = DATA * factor if axis == "data" else None
    with Workers(threads) as workers:
        ours = Ours(net, workers, samples)

        def whole() -> None:
            evaluate(ours.experiment, ours.state.params, "train", workers)

        seconds = []
        with ours.feed:
            for _ in range(3 if axis == "data" else STEPS):
                began = time.perf_counter()
                (whole if axis == "data" else ours.step)()
                seconds.append(time.perf_counter() - began)
    work = ours.network.flops * (samples or 0) if axis == "data" else ours.step_flops
    return {"seconds": min(seconds), "gflop": work / 1e9}


def measure_growth(threads: int) -> list[dict[str, Any]]:
    """Every axis and factor, each in its own process."""
    results = []
    for axis in ("data", "depth", "width", "batch"):
        for factor in FACTORS:
            print(f"{axis} x{factor} ...", file=sys.stderr)
            with tempfile.NamedTemporaryFile(suffix=".json") as file:
                words = ["--grow", axis, str(factor), "--threads", str(threads)]
                _, megabytes = run(
                    [str(SCRIPTS / "bench.py"), *words, "--json", file.name], tempfile.gettempdir()
                )
                found = json.loads(file.read())
            results.append({"axis": axis, "factor": factor, "peak_mb": megabytes, **found})
    return results


def growth_rows(results: list[dict[str, Any]]) -> list[list[str]]:
    """The table: per axis, time per work and the memory added by each doubling."""
    rows = [["grows", "factor", "GFLOP", "ms", "ms/GFLOP", "peak MB"]]
    for found in results:
        ms = 1e3 * found["seconds"]
        figures = f"{found['gflop']:.2f}", f"{ms:.1f}", f"{ms / found['gflop']:.1f}"
        rows.append([found["axis"], f"x{found['factor']}", *figures, f"{found['peak_mb']:.0f}"])
    return rows
