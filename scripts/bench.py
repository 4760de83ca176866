"""Benchmark: speed, memory and size of cnntrain, compared with PyTorch and others.

    python scripts/bench.py [--quick] [--steps] [--net NAME]... [--threads N] [--json FILE]
    python scripts/bench.py --predict [--net NAME]...
    python scripts/bench.py --limit [--net NAME]...
    python scripts/bench.py --scale
    python scripts/bench.py --csv
    python scripts/bench.py --big 20G

Times one training step (forward, backward, update) of each network, and whole processes: cold start
to the end of the first epoch, peak memory, installed size. The contenders take turns of a few steps
in a row, as training makes them, so that other load on the machine affects all of them; the steps
of the first milliseconds of a turn are not counted, while threads of the others still spin. Times
are milliseconds, minimum / median, of the compiled engine (``cnntrain``) and the NumPy one; the
ratio is the minimum of PyTorch's fastest variant over that of the first. Rivals are optional:
``pip install "cnntrain[bench]"`` (PyTorch's website gives the index of its CPU build), and JAX,
TensorFlow, tinygrad (with clang) and onnxruntime, which are left out by ``--quick``. The header
names the BLAS kernels that NumPy uses: an environment variable such as OPENBLAS_CORETYPE may limit
them to less than the CPU supports.
"""

import argparse
import json
import platform
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmark import big, limits, processes, scaling, tables
from benchmark.nets import NETS, Net, Ours
from benchmark.peers import peer_steps
from benchmark.prediction import prediction_steps
from benchmark.rivals import VARIANTS, sklearn_steps, torch_steps
from benchmark.turns import Step, alternate, large_product_gflops

from cnntrain.environment import available_cores, environment
from cnntrain.native import NUMPY, current, using
from cnntrain.text import table
from cnntrain.training.shards import shard_count
from cnntrain.training.workers import Workers

RUNS, QUICK_RUNS = 30, 10
COLD_RUNS, QUICK_COLD_RUNS = 7, 3
STEPS_FOR_MEMORY = 10


def measure(
    name: str, threads: int, runs: int, variants: tuple[str, ...], with_peers: bool
) -> dict[str, Any]:
    """The measurements of one network."""
    net = NETS[name]
    with Workers(threads) as workers:
        limit = large_product_gflops()
        ours = Ours(net, workers)
        rivals = torch_steps(net, threads, variants)
        with ours.feed:
            own = {"cnntrain": ours.step} | numpy_steps(net, workers)
            peers = sklearn_steps(net) | (peer_steps(net) if with_peers else {})
            times = alternate({**own, **rivals, **peers}, runs)
            input_ms = min(alternate({"input": ours.load}, runs)["input"])
    least = {contender: min(found) for contender, found in times.items()}
    torch_least = min((least[variant] for variant in rivals), default=None)
    rate = ours.step_flops / least["cnntrain"] / 1e6
    shards = shard_count(ours.network, net.batch)
    return {
        "net": name,
        "threads": threads,
        "shards": shards,
        "ms": {c: {"least": min(t), "median": median(t)} for c, t in times.items()},
        "ratio": torch_least / least["cnntrain"] if torch_least else None,
        "gflops": rate,
        "share_of_large_product": rate / (limit * threads),
        "input_share": input_ms * shards / min(shards, threads) / least["cnntrain"],
    }


def numpy_steps(net: Net, workers: Workers) -> dict[str, Step]:
    """A training step by the NumPy engine, where that is not the one in use anyway."""
    if current() == NUMPY:
        return {}
    ours = Ours(net, workers)

    def step() -> None:
        with using(NUMPY):
            ours.step()

    return {"by NumPy": step}


def step_rows(results: list[dict[str, Any]]) -> list[list[str]]:
    contenders = list(dict.fromkeys(c for result in results for c in result["ms"]))
    rows = [["net", *contenders, "ratio", "GFLOP/s", "of sgemm", "input"]]
    for result in results:
        cells = [
            f"{ms['least']:.2f} / {ms['median']:.2f}" if ms else ""
            for ms in (result["ms"].get(contender) for contender in contenders)
        ]
        ratio = f"{result['ratio']:.2f}" if result["ratio"] else ""
        shares = (f"{100 * result[k]:.0f} %" for k in ("share_of_large_product", "input_share"))
        rows.append([result["net"], *cells, ratio, f"{result['gflops']:.0f}", *shares])
    return rows


def measure_processes(names: list[str], threads: int, runs: int) -> dict[str, Any]:
    """Cold starts, peak memory per network and installed sizes of all contenders."""
    sizes = {c: processes.installed_megabytes(p) for c, p in processes.PACKAGES.items()}
    installed = {contender: size for contender, size in sizes.items() if size}
    starters = [contender for contender in processes.COLD_STARTS if contender in installed]
    memory: dict[str, dict[str, float]] = {}
    for name in names:
        print(f"{name}: peak memory ...", file=sys.stderr)
        memory[name] = {
            contender: processes.peak_megabytes(name, contender, threads) for contender in starters
        }
    print("cold start ...", file=sys.stderr)
    starts = processes.cold_start(starters, runs)
    return {"cold_start": starts, "peak_mb": memory, "installed_mb": installed}


def process_rows(found: dict[str, Any]) -> list[list[str]]:
    starts, installed = found["cold_start"], found["installed_mb"]
    words = {"cnntrain": "cnntrain", "eager": "PyTorch", "scikit-learn": "scikit-learn"}
    rows = [["", *(words[contender] for contender in installed)]]

    def row(what: str, cells: dict[str, str]) -> None:
        rows.append([what, *(cells.get(contender, "") for contender in installed)])

    row(
        "cold start to the end of the first epoch (digits), s",
        {c: f"{s['least_s']:.2f} / {s['median_s']:.2f}" for c, s in starts.items()},
    )
    row("  its peak memory, MB", {c: f"{s['peak_mb']:.0f}" for c, s in starts.items()})
    for net, peaks in found["peak_mb"].items():
        row(f"peak memory of {net}, MB", {c: f"{mb:.0f}" for c, mb in peaks.items()})
    row("installed, with all it requires, MB", {c: f"{mb:.0f}" for c, mb in installed.items()})
    return rows


def print_head() -> dict[str, Any]:
    """The machine, the versions and the limit."""
    with Workers(1):
        limit = large_product_gflops()
    machine = environment()
    blas = ", ".join(
        f"{b['internal_api']} {b['version']} {b['architecture']}" for b in machine["blas"]
    )
    print(f"{machine['cpu']}, {machine['cores']} cores, Python {platform.python_version()}")
    print(f"NumPy {machine['numpy']} ({blas}): {limit:.0f} GFLOP/s on a large product, one thread")
    print(f"engine: {current()}")
    for package in ("torch", "sklearn", "jax", "tensorflow", "onnxruntime"):
        if sys.modules.get(package):
            print(f"{package} {sys.modules[package].__version__}")
    return machine


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """All networks, then all processes."""
    names = options.net or list(NETS)
    variants = tuple(v for v in VARIANTS if v != "compile" or not options.quick)
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    results = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        results.append(measure(name, options.threads, runs, variants, not options.quick))
    found: dict[str, Any] = {"machine": print_head(), "results": results}
    print(f"{options.threads} threads, {runs} steps in turns; least / median ms\n")
    print(table(step_rows(results)))
    if not options.steps:
        cold_runs = QUICK_COLD_RUNS if options.quick else COLD_RUNS
        found["processes"] = measure_processes(names, options.threads, cold_runs)
        print(f"\n{table(process_rows(found['processes']))}")
    return found


def predict(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds that the outputs of one batch take."""
    names, runs = options.net or list(NETS), options.runs or RUNS
    with Workers(options.threads) as workers:
        found = {name: alternate(prediction_steps(NETS[name], workers), runs) for name in names}
    contenders = list(dict.fromkeys(c for times in found.values() for c in times))
    rows = [["net", *contenders, "ratio"]]
    for name, times in found.items():
        each = (times.get(contender) for contender in contenders)
        cells = [f"{min(t):.3f} / {median(t):.3f}" if t else "" for t in each]
        others = [min(t) for contender, t in times.items() if contender != "cnntrain"]
        ratio = f"{min(others) / min(times['cnntrain']):.2f}" if others else ""
        rows.append([name, *cells, ratio])
    machine = print_head()
    print(f"{options.threads} threads, {runs} batches in turns; least / median ms\n\n{table(rows)}")
    return {"machine": machine, "prediction_ms": found}


def only(contender: str, name: str, threads: int) -> None:
    """Run some steps of one contender and nothing else, in a process whose memory is measured."""
    with Workers(threads) as workers:
        if contender == "cnntrain":
            ours = Ours(NETS[name], workers)
            with ours.feed:
                for _ in range(STEPS_FOR_MEMORY):
                    ours.step()
            return
        (step,) = torch_steps(NETS[name], threads, (contender,)).values()
        for _ in range(STEPS_FOR_MEMORY):
            step()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under two minutes, no compilation")
    parser.add_argument("--steps", action="store_true", help="time only steps, not whole processes")
    parser.add_argument(
        "--scale", action="store_true", help="measure growth with data, depth, width and batch size"
    )
    parser.add_argument("--predict", action="store_true", help="time only the outputs of a batch")
    parser.add_argument("--limit", action="store_true", help="each layer against the machine")
    parser.add_argument("--csv", action="store_true", help="read a large table, beside NumPy")
    parser.add_argument("--big", metavar="SIZE", help="train on a generated file, such as 20G")
    parser.add_argument("--net", action="append", choices=list(NETS), help="only this network")
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    parser.add_argument("--runs", type=int, help=f"steps each (default {RUNS}; quick {QUICK_RUNS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # for its own child processes
    parser.add_argument("--grow", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run the measurements requested on the command line."""
    options = parse()
    if options.only:
        only(options.only, options.net[0], options.threads)
        return 0
    if options.grow:
        axis, factor = options.grow
        found: dict[str, Any] = scaling.measure_one(axis, int(factor), options.threads)
    elif options.scale:
        growth = scaling.measure_growth(options.threads)
        found = {"machine": print_head(), "growth": growth}
        print(f"{options.threads} threads\n\n{table(scaling.growth_rows(growth))}")
    elif options.predict:
        found = predict(options)
    elif options.limit:
        gains = limits.measure(options.net or list(NETS), options.runs or QUICK_RUNS)
        found = {"machine": print_head(), "limits": gains}
        print(
            f"one thread, least of {options.runs or QUICK_RUNS}\n\n{table(limits.rows(gains, 40))}"
        )
    elif options.big:
        found = big.measure(options.big, options.threads)
        print(big.report(found))
    elif options.csv:
        found = tables.measure(options.runs or COLD_RUNS)
        print(tables.report(found))
    else:
        found = compare(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
