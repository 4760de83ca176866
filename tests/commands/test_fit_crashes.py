"""A training killed at any moment resumes to the weights of one that was left alone."""

import contextlib
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time

import pytest

from cnntrain.cli import run
from cnntrain.errors import ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.runs.writer import newest_checkpoint

pytestmark = pytest.mark.slow

CONFIG = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 20, "n_test": 5, "validation": 4},
    "network": [
        {"dense": {"units": 6, "activation": "relu"}},
        {"dropout": {"rate": 0.4}},
        {"dense": {"units": 2}},
    ],
    "optimizer": {"adam": {"lr": 0.01}},
    "train": {"epochs": 6, "batch_size": 5, "checkpoint_steps": 2},
}
TIMES = ("elapsed_s", "samples_per_s")


def command(words):
    sys.argv = ["cnntrain", *words]
    run()


class Program(subprocess.Popen):
    """``python -m cnntrain`` as it is; its start takes longer than this training."""

    def __init__(self, words):
        super().__init__([sys.executable, "-m", "cnntrain", *words])

    def ended(self, after_s):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(after_s)
        self.kill()
        return self.wait()


class Forked:
    """The same from a process that has imported everything, so that kills hit the training."""

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cnntrain.cli", "cnntrain.commands.fit"])

    def __init__(self, words):
        self.process = self.context.Process(target=command, args=(words,))
        self.process.start()

    def ended(self, after_s):
        self.process.join(after_s)
        self.process.kill()
        self.process.join()
        return self.process.exitcode


KILLS = {Forked: 200, Program: 10}
LONGEST_S = {Forked: 0.5, Program: 1.5}  # a busy machine must not make each kill wait
STAGES = {Forked: 5, Program: 1}  # of the 13 steps with a checkpoint, found after the kills


@pytest.fixture
def fit(tmp_path, config_file):
    """``fit(start, folder, "--resume", kill_after_s=0.1)``: the exit code of ``cnntrain fit``."""
    config = str(config_file(**CONFIG))

    def finished(start, folder, *options, kill_after_s=None):
        return start(["fit", config, "--out", str(folder), "--quiet", *options]).ended(kill_after_s)

    return finished


def metrics(folder):
    """Every line without its clocks; each must be whole."""
    text = (folder / "metrics.jsonl").read_text()
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: line[key] for key in line if key not in TIMES} for line in lines]


def files(folder):
    return {path.name for path in folder.rglob("*")}


def assert_equal_runs(folder, whole):
    assert metrics(folder) == metrics(whole)
    assert files(folder) == files(whole)  # no litter
    for path in (whole / "checkpoints").iterdir():
        assert (folder / "checkpoints" / path.name).read_bytes() == path.read_bytes()


def complete_step(folder):
    """The step of the newest checkpoint; 0 before the first. All there are must be whole."""
    paths = list((folder / "checkpoints").glob("*.npz"))
    for path in paths:
        load(path)
    return newest_checkpoint(folder)[0].state.step if paths else 0


@pytest.mark.parametrize("start", [Forked, Program])
def test_killed_at_random_times(tmp_path, fit, start):
    """Each process is killed, the next one resumes, until one comes to the end; then anew."""
    whole = tmp_path / "whole"
    assert fit(start, tmp_path / "first") == ExitCode.DONE
    began = time.monotonic()
    assert fit(start, whole) == ExitCode.DONE
    whole_s = min(time.monotonic() - began, LONGEST_S[start])
    draw, kills, runs, newest, stages = random.Random(0), 0, 0, 0, set()
    folder = tmp_path / "run-0"
    while kills < KILLS[start] or folder.exists():
        options = ["--resume"] if folder.exists() else []
        kill_after_s = draw.uniform(0.2, 1.1) * whole_s if kills < KILLS[start] else None
        code = fit(start, folder, *options, kill_after_s=kill_after_s)
        if code == ExitCode.DONE:
            assert_equal_runs(folder, whole)
            runs, newest = runs + 1, 0
            folder = tmp_path / f"run-{runs}"
        else:
            assert code == -signal.SIGKILL
            kills += 1
            before, newest = newest, complete_step(folder)
            assert newest >= before  # nothing that was complete is lost
            stages.add(newest)
    assert len(stages) >= STAGES[start]
