"""Contenders take turns of a few steps in a row, so that other load affects all of them."""

import math
import time
from collections.abc import Callable

import numpy as np

Step = Callable[[], object]
STEPS_OF_TURN = 5
REST, SETTLE = 0.1, 0.01  # seconds before a turn and at its beginning


def alternate(contenders: dict[str, Step], runs: int) -> dict[str, list[float]]:
    """Milliseconds of at least ``runs`` steps of each, in turns, after some warm-up steps."""
    for step in contenders.values():
        for _ in range(3):
            step()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(math.ceil(runs / STEPS_OF_TURN)):
        for name, step in contenders.items():
            times[name] += turn(step)
    return times


def turn(step: Step) -> list[float]:
    """Milliseconds of some steps in a row, after others that are not counted. Before them, the
    threads of the last contender, which wait for work awake, fall asleep."""
    time.sleep(REST)
    ready = time.perf_counter() + SETTLE
    while time.perf_counter() < ready:
        step()
    times = []
    for _ in range(STEPS_OF_TURN):
        began = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - began))
    return times


def large_product_gflops() -> float:
    """GFLOP/s of one thread on a large float32 matrix product, the limit for everything else."""
    a = np.ones((1536, 1536), np.float32)
    best = min(alternate({"sgemm": lambda: a @ a}, 10)["sgemm"])
    return 2 * 1536**3 / best / 1e6
