"""How far each layer and pass is from what the machine could do, and what there is to gain.

The limit of a pass is the larger of two times: its multiplications and additions at the rate of a
large matrix product, and the numbers that it must read and write at the rate of a copy.
"""

import math
from typing import Any

import numpy as np

from benchmark.nets import NETS, Ours
from benchmark.turns import alternate, large_product_gflops
from cnntrain.diagnostics.timing import time_step
from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.training.workers import Workers

COPIED = 1 << 25  # numbers, more than any cache holds
RUNS = 5
FLOAT = 4  # bytes


def machine() -> tuple[float, float]:
    """(floating-point operations, bytes read or written) per second of one thread."""
    x, y = np.ones(COPIED, np.float32), np.empty(COPIED, np.float32)
    copy_ms = min(alternate({"copy": lambda: np.copyto(y, x)}, RUNS)["copy"])
    return 1e9 * large_product_gflops(), 2 * FLOAT * COPIED / (1e-3 * copy_ms)


def measure(names: list[str], runs: int) -> list[dict[str, Any]]:
    """Every layer and pass of these networks on one thread, the largest possible gain first."""
    with Workers(1) as workers:
        flops, bandwidth = machine()
        found = [row for name in names for row in _of_net(name, workers, runs, (flops, bandwidth))]
    return sorted(found, key=lambda row: row["limit_ms"] - row["ms"])


def _of_net(
    name: str, workers: Workers, runs: int, rates: tuple[float, float]
) -> list[dict[str, Any]]:
    ours = Ours(NETS[name], workers)
    times = time_step(ours.experiment, ours.state, ours.clock, workers, runs)
    nodes = {node.name: node for node in ours.experiment.fast_network.nodes}
    rows = []
    for layer in times.layers:
        node = nodes[layer.name]
        for kind, ms in (("forward", layer.forward_ms), ("backward", layer.backward_ms)):
            limit = 1e3 * times.samples * max(_needs(node, kind, rates)) * times.shards
            row = {"net": name, "layer": layer.name, "pass": kind, "shape": node.in_shape}
            rows.append(row | {"ms": ms * times.shards, "limit_ms": limit})
    return rows


def _needs(node: Node, kind: str, rates: tuple[float, float]) -> tuple[float, float]:
    """Seconds for the arithmetic and for the memory of one sample."""
    flops, bandwidth = rates
    layer, need_dx = node.layer, node.inputs != (AT_INPUT,)
    backward = layer.backward_flops(node.in_shape, need_dx)
    operations = layer.flops(node.in_shape) if kind == "forward" else backward
    inputs = node.in_shape if layer.joins else (node.in_shape,)
    numbers = sum(map(math.prod, inputs)) + math.prod(node.out_shape)
    moved = FLOAT * numbers * (1 if kind == "forward" else 2)
    return operations / flops, moved / bandwidth


def rows(found: list[dict[str, Any]], most: int) -> list[list[str]]:
    """The table: what could be gained, from the top."""
    table = [["net", "layer", "pass", "in", "ms", "limit ms", "of limit", "to gain ms"]]
    for row in found[:most]:
        shape = "x".join(map(str, row["shape"])).replace(" ", "")
        share = f"{100 * row['limit_ms'] / row['ms']:.0f} %"
        numbers = (f"{row['ms']:.3f}", f"{row['limit_ms']:.3f}", share)
        gain = f"{row['ms'] - row['limit_ms']:.3f}"
        table.append([row["net"], row["layer"], row["pass"], shape, *numbers, gain])
    return table
