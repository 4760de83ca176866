"""Fuzz the config or checkpoint reader, guided by coverage (atheris) or with plain mutations.

    python scripts/fuzz.py config --seconds 300            # pip install "cnntrain[fuzz]"
    python scripts/fuzz.py checkpoint --plain --runs 1000  # random mutations, needs nothing

A finding is any exception other than CnntrainError, an input that takes more than 5 s, or one that
makes the process exceed 1 GiB. It is written to --corpus as a file, and the exit code is 1. The
corpus starts with the configs of this repository, or a checkpoint.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

CONFIGS = Path(__file__).parents[1] / "configs"
SECONDS = 5  # for one input
MEBIBYTES = 1024  # for the process
SMALL = """
name: small
data: {source: inline, inputs: [[0, 1], [1, 0]], targets: [0, 1]}
network: [{dense: {units: 2}}]
loss: cross_entropy
optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
"""

Target = Callable[[bytes], object]


def config_target(folder: Path) -> tuple[Target, list[bytes]]:
    """(reads a config from bytes, valid configs)."""
    from cnntrain.config.read import read_config
    from cnntrain.errors import CnntrainError

    path = folder / "fuzzed.yaml"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read_config(path)
        except CnntrainError:
            return

    seeds = [SMALL.encode(), *(p.read_bytes() for p in sorted(CONFIGS.glob("*.yaml")))]
    return read, [seed for seed in seeds if b"extends" not in seed]


def checkpoint_target(folder: Path) -> tuple[Target, list[bytes]]:
    """(reads a checkpoint from bytes, a valid checkpoint)."""
    from cnntrain.config.read import read_config
    from cnntrain.data.locate import DataFolders
    from cnntrain.errors import CnntrainError
    from cnntrain.runs import checkpoint
    from cnntrain.training.opening import open_experiment
    from cnntrain.training.state import start

    config, path = folder / "small.yaml", folder / "fuzzed.npz"
    config.write_text(SMALL, encoding="utf-8")
    plan = read_config(config).plan
    experiment = open_experiment(plan, DataFolders.of(None).find)
    checkpoint.save(path, experiment, start(plan, experiment.network))

    def read(data: bytes) -> None:
        path.write_bytes(_with_right_sums(data))
        try:
            checkpoint.load(path)
        except CnntrainError:
            return

    return read, [path.read_bytes()]


def _with_right_sums(data: bytes) -> bytes:
    """An archive with correct checksums of its members, so that their contents are read."""
    import struct
    import zlib

    fixed, place = bytearray(data), 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0 and place + 46 <= len(data):
        size, at = (
            struct.unpack_from("<I", data, place + 20)[0],
            struct.unpack_from("<I", data, place + 42)[0],
        )
        if at + 30 <= len(data) and data[at : at + 4] == b"PK\x03\x04":
            start = at + 30 + sum(struct.unpack_from("<2H", data, at + 26))
            struct.pack_into("<I", fixed, place + 16, zlib.crc32(data[start : start + size]))
        place += 4
    return bytes(fixed)


TARGETS = {"config": config_target, "checkpoint": checkpoint_target}


def peak() -> float:
    """Peak memory of this process in MiB; ``ru_maxrss`` would start at its parent's peak."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0  # not on Linux
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def checked(target: Target) -> Target:
    """The target, which also reports slow inputs and those that need too much memory."""

    def run(data: bytes) -> None:
        before, start = peak(), time.process_time()
        target(data)
        seconds = time.process_time() - start
        if seconds > SECONDS:
            raise TimeoutError(f"{seconds:.1f} s for {len(data)} bytes")
        if peak() > max(before, MEBIBYTES):
            raise MemoryError(f"{peak():.0f} MiB for {len(data)} bytes")

    return run


def mutated(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """The input with some bytes flipped, removed, doubled, inserted, or taken from another."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        start = rng.randrange(len(changed) + 1)
        end = start + rng.choice((0, 1, 2, 4, 16, 64))
        other = rng.choice(seeds)
        at = rng.randrange(len(other) + 1)
        changed[start:end] = rng.choice(
            (
                b"",
                rng.randbytes(end - start),
                bytes(changed[start:end] * 2),
                other[at : at + rng.choice((1, 4, 16, 64))],
                rng.choice(
                    (
                        b"\xff\xff\xff\xff",
                        b"\0\0\0\0",
                        b"9" * 30,
                        b"- ",
                        b": ",
                        b"{",
                        b"[",
                        b"&a ",
                        b"*a",
                    )
                ),
            )
        )
        if start < len(changed) and rng.random() < 0.3:
            changed[start] ^= 1 << rng.randrange(8)
    return bytes(changed)


def fuzz_plainly(
    target: Target, seeds: Sequence[bytes], runs: int, seconds: float, seed: int, corpus: Path
) -> int:
    """Fuzz with random mutations; returns the number of findings."""
    rng = random.Random(seed)
    end, count, findings = time.monotonic() + seconds, 0, 0
    while count < runs and time.monotonic() < end:
        data = mutated(rng.choice(seeds), seeds, rng)
        count += 1
        try:
            target(data)
        except Exception as error:
            findings += 1
            path = corpus / f"finding-{findings}"
            path.write_bytes(data)
            print(f"{path}: {type(error).__name__}: {error}")
    print(f"{count} executions, {findings} findings")
    return findings


def fuzz_by_coverage(name: str, folder: Path, seconds: float, seed: int, corpus: Path) -> NoReturn:
    """Run libFuzzer's loop over instrumented code; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["cnntrain", "yaml", "zipfile"]):
        target, seeds = TARGETS[name](folder)
    for k, content in enumerate(seeds):
        (corpus / f"seed-{k}").write_bytes(content)
    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed + 1}",
        "-max_len=20000",
        "-print_final_stats=1",
        f"-artifact_prefix={corpus}{os.sep}",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], checked(target))
    atheris.Fuzz()
    raise AssertionError("libFuzzer ends the process")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--plain", action="store_true", help="random mutations instead of coverage")
    parser.add_argument(
        "--runs", type=int, default=sys.maxsize, help="inputs of --plain; default: no limit"
    )
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, help="folder of inputs; default: runs/fuzz/TARGET")
    given = parser.parse_args()
    corpus = given.corpus or Path("runs") / "fuzz" / given.target
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not given.plain:
            fuzz_by_coverage(given.target, folder, given.seconds, given.seed, corpus)
        target, seeds = TARGETS[given.target](folder)
        limits = (given.runs, given.seconds, given.seed)
        findings = fuzz_plainly(checked(target), seeds, *limits, corpus)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
