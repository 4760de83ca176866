"""Signals, sent to real processes: stop with a checkpoint, save and carry on, stop at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.runs.signals import LIFELINE

# Waits in the first fsync for as long as the file named by HOLD exists, and says so in HOLD.held
SLOW_DISK = """
import os, time
fsync, hold = os.fsync, os.environ["HOLD"]

def held(handle):
    while os.path.exists(hold):
        open(hold + ".held", "w").close()
        time.sleep(0.005)
    fsync(handle)

os.fsync = held
"""
# Waits likewise where the data is read
SLOW_DATA = """
import os, time
from cnntrain.data.sources.synthetic import Synthetic
load, hold = Synthetic.load, os.environ["HOLD"]

def held(*arguments):
    while os.path.exists(hold):
        open(hold + ".held", "w").close()
        time.sleep(0.005)
    return load(*arguments)

Synthetic.load = held
"""
RANDOM = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 20, "n_test": 5, "validation": 4},
    "network": [
        {"dense": {"units": 6, "activation": "relu"}},
        {"dropout": {"rate": 0.4}},
        {"dense": {"units": 2}},
    ],
    "optimizer": {"adam": {"lr": 0.01}},
}


def last(folder):
    return load(folder / "checkpoints" / "last.npz")


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


FILES = [
    "best.npz", "checkpoints", "config.yaml", "env.json", "last.npz", "log.txt", "metrics.jsonl",
    "summary.json",
]  # fmt: skip


@pytest.fixture(autouse=True)
def signals_as_usual():
    """Under nohup, SIGHUP and SIGINT come in ignored, and children would ignore them too."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGHUP, ExitCode.HANGUP),
    ],
)
def test_a_signal_stops_after_the_step_and_the_run_resumes_exactly(
    tmp_path, endless_fit, config_file, number, code
):
    folder, whole = tmp_path / "run", tmp_path / "whole"
    with endless_fit(folder, **RANDOM) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert out == ""
    assert f"interrupted ({number.name})" in err
    assert "--resume" in err
    assert "Traceback" not in err
    assert names(folder) == FILES
    step = json.loads((folder / "summary.json").read_text())["step"]
    assert last(folder).state.step == step
    config, limit = config_file(**RANDOM), ("train.epochs=null", f"train.max_steps={step + 7}")
    assert run_fit(config, FitOptions(limit, folder, resume=True, quiet=True)) == ExitCode.DONE
    assert run_fit(config, FitOptions(limit, whole, quiet=True)) == ExitCode.DONE
    assert last(folder).path.read_bytes() == last(whole).path.read_bytes()


def test_a_trial_stops_with_a_checkpoint_when_its_sweep_dies(tmp_path, config_file, wait_until):
    """Its end of the pipe closes, even if it is killed."""
    metrics = tmp_path / "run" / "metrics.jsonl"
    words = ["fit", config_file(train={"epochs": 10_000_000}), "--out", tmp_path / "run", "-q"]
    with subprocess.Popen(
        [sys.executable, "-m", "cnntrain", *map(str, words)],
        stdin=subprocess.PIPE, env={**os.environ, LIFELINE: "1"},
    ) as process:  # fmt: skip
        wait_until(lambda: metrics.is_file() and metrics.stat().st_size, process)
        process.stdin.close()
        assert process.wait(30) == ExitCode.TERMINATED
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["detail"] == "SIGTERM"


def test_a_run_that_ignores_hangups_survives_one(tmp_path, config_file, wait_until):
    """As ``nohup`` starts it."""
    folder = tmp_path / "run"
    config = config_file(train={"epochs": 10_000_000})
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        f"sys.argv = ['cnntrain', 'fit', {str(config)!r}, '--out', {str(folder)!r}];"
        "from cnntrain.cli import run; run()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        metrics = folder / "metrics.jsonl"
        wait_until(lambda: metrics.is_file() and metrics.stat().st_size, process)
        process.send_signal(signal.SIGHUP)
        size = metrics.stat().st_size
        wait_until(lambda: metrics.stat().st_size > size + 1000, process)
        process.terminate()
    assert process.returncode == ExitCode.TERMINATED


def test_usr1_writes_a_checkpoint_and_carries_on(tmp_path, endless_fit, wait_until):
    folder = tmp_path / "run"
    with endless_fit(folder, until="log.txt") as process:
        log = folder / "log.txt"
        for count in (1, 2):
            process.send_signal(signal.SIGUSR1)
            wait_until(lambda n=count: log.read_text().count("on request at step") == n, process)
        *_, asked = [line for line in log.read_text().splitlines() if "on request" in line]
        assert last(folder).state.step >= int(asked.split()[-1])
        size = (folder / "metrics.jsonl").stat().st_size
        wait_until(lambda: (folder / "metrics.jsonl").stat().st_size > size, process)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.TERMINATED
    assert err.count("checkpoint written at step") == 2


def test_a_stopped_process_carries_on(tmp_path, endless_fit, wait_until):
    folder = tmp_path / "run"
    with endless_fit(folder) as process:
        metrics, status = folder / "metrics.jsonl", Path(f"/proc/{process.pid}/stat")
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", process)
        size = metrics.stat().st_size
        time.sleep(0.1)
        assert metrics.stat().st_size == size
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: metrics.stat().st_size > size, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert last(folder).state.step > 0


# While a checkpoint is written


@pytest.fixture
def holding(tmp_path):
    """``holding(SLOW_DISK)``: (the environment with this trap, the file that holds it)."""

    def trap(code):
        (tmp_path / "sitecustomize.py").write_text(code)
        hold = tmp_path / "hold"
        found = os.environ.get("PYTHONPATH", "")
        paths = f"{tmp_path}{os.pathsep}{found}"
        return {**os.environ, "HOLD": str(hold), "PYTHONPATH": paths}, hold

    return trap


@pytest.fixture
def in_a_write(tmp_path, endless_fit, wait_until, holding):
    """``with in_a_write(folder) as (process, hold):`` waits in fsync until ``hold`` is removed."""
    from contextlib import contextmanager

    @contextmanager
    def started(folder):
        env, hold = holding(SLOW_DISK)
        with endless_fit(folder, env=env) as process:
            hold.touch()
            wait_until((tmp_path / "hold.held").exists, process)
            yield process, hold

    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_checkpoint_waits_for_it(tmp_path, in_a_write, number):
    folder = tmp_path / "run"
    with in_a_write(folder) as (process, hold):
        process.send_signal(number)
        time.sleep(0.1)
        assert process.poll() is None
        hold.unlink()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert names(folder) == FILES
    assert last(folder).state.step == json.loads((folder / "summary.json").read_text())["step"]


def test_a_second_interrupt_during_a_checkpoint_leaves_the_old_one(tmp_path, in_a_write):
    folder = tmp_path / "run"
    with in_a_write(folder) as (process, _):
        before = {path: path.read_bytes() for path in folder.glob("checkpoints/*.npz")}
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.splitlines()[-1] == "Error: stopped at once"
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in folder.glob("checkpoints/*")} == before
    assert set(names(folder)) < set(FILES)
    assert all(load(path) for path in before)


# While data is loaded


@pytest.fixture
def loading(tmp_path, config_file, wait_until, holding):
    """``with loading() as (process, hold):`` waits for its data until ``hold`` is removed."""
    from contextlib import contextmanager

    @contextmanager
    def started():
        env, hold = holding(SLOW_DATA)
        hold.touch()
        config = config_file(train={"epochs": 1})
        command = [sys.executable, "-m", "cnntrain", "fit", config, "--out", tmp_path / "run"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=env, **pipes) as process:
            try:
                wait_until((tmp_path / "hold.held").exists, process)
                yield process, hold
            finally:
                process.kill()

    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_the_data_is_read(tmp_path, loading, number):
    with loading() as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == (ExitCode.INTERRUPTED if number == signal.SIGINT else -number)
    assert out == ""
    assert err.strip() == ("Error: stopped at once" if number == signal.SIGINT else "")
    assert not (tmp_path / "run").exists()


def test_usr1_while_the_data_is_read_is_answered_in_training(tmp_path, loading):
    with loading() as (process, hold):
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
        assert process.poll() is None
        hold.unlink()
        process.communicate(timeout=30)
    assert process.returncode == ExitCode.DONE
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "checkpoint written on request at step 1\n" in log
