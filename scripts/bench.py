"""Time one training step (forward, backward, update) of cnntrain against PyTorch on this CPU.

    python scripts/bench.py [--quick] [--net NAME]... [--threads N] [--json FILE]

The contenders take turns, step by step, in one process, so that whatever else the machine does
hits both. Every figure is milliseconds, least and median; the ratio is PyTorch's least (of its
fastest variant) over ours. PyTorch is optional (``pip install torch``; take the CPU build of your
platform); without it only our own figures are shown. The head says which BLAS kernels NumPy runs:
an environment variable such as OPENBLAS_CORETYPE may hold them below what the CPU can do.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from cnntrain.config.read import plan_from_tree
from cnntrain.data.base import Split
from cnntrain.data.normalize import fit_normalizer
from cnntrain.data.prepare import Prepared
from cnntrain.environment import environment
from cnntrain.experiment import Experiment
from cnntrain.feed import Feed
from cnntrain.network import Network
from cnntrain.shards import Workers, available_cores, shard_count
from cnntrain.state import start
from cnntrain.step import take_step
from cnntrain.train import training_clock
from cnntrain.wording import table

Step = Callable[[], object]


def conv(filters: int, kernel: int, padding: str = "valid", activation: str | None = None) -> Any:
    options = {"filters": filters, "kernel": kernel, "padding": padding}
    return {"conv2d": options | ({"activation": activation} if activation else {})}


def dense(units: int, activation: str | None = None) -> Any:
    return {"dense": {"units": units} | ({"activation": activation} if activation else {})}


def pool(kind: str, size: int, stride: int) -> Any:
    return {f"{kind}_pool2d": {"size": size, "stride": stride}}


def vgg_block(filters: int) -> list[Any]:
    layer = {"conv2d": {"filters": filters, "kernel": 3, "padding": "same", "bias": False}}
    return [layer, "batch_norm", "relu"] * 2 + [pool("max", 2, 2)]


LENET5 = [
    conv(6, 5, "same", "relu"), pool("max", 2, 2), conv(16, 5, "valid", "relu"),
    pool("max", 2, 2), "flatten", dense(120, "relu"), dense(84, "relu"), dense(10),
]  # fmt: skip
CAFFE_LENET = [
    conv(20, 5), pool("max", 2, 2), conv(50, 5), pool("max", 2, 2), "flatten",
    dense(500, "relu"), dense(10),
]  # fmt: skip
CIFAR10_QUICK = [
    conv(32, 5, "same"), pool("max", 3, 2), "relu", conv(32, 5, "same", "relu"),
    pool("avg", 3, 2), conv(64, 5, "same", "relu"), pool("avg", 3, 2), "flatten",
    dense(64), dense(10),
]  # fmt: skip
VGG6 = [*vgg_block(32), *vgg_block(64), *vgg_block(128), "flatten", dense(10)]
MLP = [dense(300, "relu"), dense(100, "relu"), dense(10)]

NETS: dict[str, tuple[tuple[int, ...], list[Any], int]] = {
    "mlp-784-300-100-10": ((784,), MLP, 64),
    "lenet5-batch1": ((1, 28, 28), LENET5, 1),
    "lenet5-batch64": ((1, 28, 28), LENET5, 64),
    "lenet5-batch256": ((1, 28, 28), LENET5, 256),
    "caffe-lenet": ((1, 28, 28), CAFFE_LENET, 64),
    "cifar10-quick": ((3, 32, 32), CIFAR10_QUICK, 100),
    "vgg6": ((3, 32, 32), VGG6, 64),
}
LEARNING_RATE = 1e-5  # small: random labels must not make the loss overflow in hundreds of steps


class Ours:
    """A network of cnntrain on random data, one step at a time, fed as in real training."""

    def __init__(self, name: str, workers: Workers) -> None:
        in_shape, layers, batch = NETS[name]
        tree = {
            "name": name,
            "data": {"source": "digits"},
            "network": layers,
            "loss": "cross_entropy",
            "optimizer": {"sgd": {"lr": LEARNING_RATE, "momentum": 0.9}},
            "train": {"batch_size": batch, "epochs": 10**6},
        }
        plan = plan_from_tree(tree)
        rng = np.random.default_rng(0)
        samples = max(8 * batch, 512)
        pixels = rng.integers(0, 256, (samples, *in_shape), dtype=np.uint8)
        split = Split(pixels, rng.integers(0, 10, samples))
        data = Prepared(
            {"train": split}, fit_normalizer("per_channel", split), tuple("0123456789"), ""
        )
        self.network = Network.build(plan.network, in_shape)
        self.experiment = Experiment(plan, self.network, data)
        self.state, self.workers = start(plan, self.network), workers
        self.clock = training_clock(plan, samples)
        self.feed = Feed(self.experiment, self.clock)
        self.batch = batch

    def step(self) -> None:
        outcome = take_step(self.experiment, self.state, self.workers, self.clock, self.feed)
        if isinstance(outcome, str):
            raise SystemExit(f"{self.experiment.plan.name}: {outcome}")

    @property
    def step_flops(self) -> float:
        """Forward, and about twice as much backward."""
        return 3.0 * self.network.flops * self.batch


def torch_steps(name: str, threads: int, quick: bool) -> dict[str, Step]:
    """The same network in PyTorch: eager, channels_last and compiled; empty without PyTorch."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(threads)
    in_shape, layers, batch = NETS[name]
    variants: dict[str, Step] = {}
    for variant in ("eager", "channels_last", *(() if quick else ("compile",))):
        if variant == "channels_last" and len(in_shape) != 3:
            continue
        model = _torch_model(torch, layers, in_shape)
        x = torch.randn(batch, *in_shape)
        if variant == "channels_last":
            model, x = (
                model.to(memory_format=torch.channels_last),
                x.contiguous(memory_format=torch.channels_last),
            )
        run = torch.compile(model) if variant == "compile" else model
        variants[variant] = _torch_step(torch, model, run, x, batch)
    return variants


def _torch_step(torch: Any, model: Any, run: Any, x: Any, batch: int) -> Step:
    labels = torch.randint(0, 10, (batch,))
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        loss(run(x), labels).backward()
        optimizer.step()

    return step


def _torch_model(torch: Any, layers: list[Any], in_shape: tuple[int, ...]) -> Any:
    modules: list[Any] = []
    shape = in_shape
    for layer in layers:
        ((kind, options),) = ({layer: {}} if isinstance(layer, str) else layer).items()
        modules += _torch_modules(torch.nn, kind, options, shape[0])
        with torch.no_grad():
            shape = tuple(torch.nn.Sequential(*modules)(torch.zeros(2, *in_shape)).shape[1:])
    return torch.nn.Sequential(*modules)


def _torch_modules(nn: Any, kind: str, options: dict[str, Any], inputs: int) -> list[Any]:
    activation = [nn.ReLU()] if options.get("activation") == "relu" else []
    if kind == "conv2d":
        padding = options["kernel"] // 2 if options["padding"] == "same" else 0
        bias = options.get("bias", True)
        layer = nn.Conv2d(inputs, options["filters"], options["kernel"], 1, padding, bias=bias)
        return [layer, *activation]
    if kind == "dense":
        return [nn.Linear(inputs, options["units"]), *activation]
    simple = {
        "relu": nn.ReLU,
        "flatten": nn.Flatten,
        "batch_norm": lambda: nn.BatchNorm2d(inputs),
        "max_pool2d": lambda: nn.MaxPool2d(options["size"], options["stride"]),
        "avg_pool2d": lambda: nn.AvgPool2d(options["size"], options["stride"]),
    }
    return [simple[kind]()]


def alternate(contenders: dict[str, Step], runs: int) -> dict[str, list[float]]:
    """Milliseconds of ``runs`` steps of each, taking turns, after some to warm up."""
    for step in contenders.values():
        for _ in range(3):
            step()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, step in contenders.items():
            began = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - began))
    return times


def large_product_gflops() -> float:
    """What one thread reaches on a large float32 matrix product: the limit of all the rest."""
    a = np.ones((1536, 1536), np.float32)
    best = min(alternate({"sgemm": lambda: a @ a}, 10)["sgemm"])
    return 2 * 1536**3 / best / 1e6


def measure(name: str, threads: int, runs: int, quick: bool, limit: float) -> dict[str, Any]:
    """The figures of one network."""
    with Workers(threads) as workers:
        ours = Ours(name, workers)
        with ours.feed:
            times = alternate({"cnntrain": ours.step, **torch_steps(name, threads, quick)}, runs)
        least = {contender: min(found) for contender, found in times.items()}
        others = {contender: ms for contender, ms in least.items() if contender != "cnntrain"}
        rate = ours.step_flops / least["cnntrain"] / 1e6
        return {
            "net": name,
            "threads": threads,
            "shards": shard_count(ours.network, ours.batch),
            "ms": {c: {"least": min(t), "median": median(t)} for c, t in times.items()},
            "ratio": min(others.values()) / least["cnntrain"] if others else None,
            "gflops": rate,
            "share_of_large_product": rate / (limit * threads),
        }


def report(results: list[dict[str, Any]]) -> str:
    """The table."""
    contenders = list(dict.fromkeys(c for result in results for c in result["ms"]))
    rows = [["net", "threads", *contenders, "ratio", "GFLOP/s", "of sgemm"]]
    for result in results:
        cells = [
            f"{ms['least']:.2f} / {ms['median']:.2f}" if ms else ""
            for ms in (result["ms"].get(contender) for contender in contenders)
        ]
        ratio = f"{result['ratio']:.2f}" if result["ratio"] else ""
        share = f"{100 * result['share_of_large_product']:.0f} %"
        rows.append(
            [result["net"], str(result["threads"]), *cells, ratio, f"{result['gflops']:.1f}", share]
        )
    return table(rows)


def main() -> int:
    """Parse the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs, no compilation")
    parser.add_argument("--net", action="append", choices=list(NETS), help="only this network")
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    parser.add_argument("--runs", type=int, help="steps of each contender (default 30; quick 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    options = parser.parse_args()
    runs = options.runs or (10 if options.quick else 30)
    with Workers(1):
        limit = large_product_gflops()
    machine = environment()
    blas = ", ".join(
        f"{b['internal_api']} {b['version']} {b['architecture']}" for b in machine["blas"]
    )
    print(f"{machine['cpu']}, {machine['cores']} cores, Python {platform.python_version()}")
    print(
        f"NumPy {machine['numpy']} ({blas}): {limit:.0f} GFLOP/s on a large product, one thread\n"
    )
    results = []
    for name in options.net or NETS:
        print(f"{name} ...", file=sys.stderr)
        results.append(measure(name, options.threads, runs, options.quick, limit))
    print(report(results))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
