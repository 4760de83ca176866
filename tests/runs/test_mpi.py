"""Ranks of an MPI job give the bits of one process, and end together when one of them fails."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.data.by_index import MOST_IN_MEMORY
from cnntrain.errors import ConfigError
from cnntrain.runs import mpi as ranks_of_mpi
from cnntrain.runs.mpi import Said, is_launched, team_for
from cnntrain.training.team import ALONE

CONV = {"conv2d": {"filters": 8, "kernel": 3, "activation": "relu"}}
LAYERS = {
    "coupled": [
        CONV,
        "batch_norm",
        {"dropout": {"rate": 0.2}},
        "flatten",
        {"dense": {"units": 10}},
    ],
    "plain": [CONV, {"dropout": {"rate": 0.2}}, "flatten", {"dense": {"units": 10}}],
}
DATA = {"source": "digits", "validation": 200}
HANG_ON_A_SIGNAL = """
import signal, time

def hang(number, frame):
    while frame:
        if frame.f_code.co_name == "_awaited":  # not while it waits for another rank
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            return
        frame = frame.f_back
    time.sleep(3600)

signal.signal(signal.SIGUSR2, hang)
signal.signal(signal.SIGALRM, hang)
"""
TRAIN = {"epochs": 2, "batch_size": 300}  # of 2 shards; the last batch of an epoch has one


@pytest.fixture
def config(config_file):
    """``config("plain", **train)``: a config for the digits."""

    def written(kind, metrics=(), **train):
        layers, train = LAYERS[kind], {**TRAIN, **train}
        return config_file(data=DATA, network=layers, metrics=list(metrics), train=train)

    return written


@pytest.fixture
def sha256(tmp_path):
    """``sha256(out)``: of the weights that a run has ended with."""
    return lambda out: json.loads((tmp_path / out / "summary.json").read_text())["weights_sha256"]


@pytest.fixture
def alone(tmp_path, sha256):
    """``alone(path, engine)``: the same of one process."""

    def trained(path, engine="native", out="alone"):
        words = ["-m", "cnntrain", "fit", path, "--out", out, "--engine", engine, "-q"]
        subprocess.run([sys.executable, *words], cwd=tmp_path, check=True)
        return sha256(out)

    return trained


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("hosts", ["one host", "two"])
def test_two_ranks_give_the_bits_of_one_process(
    mpi, config, alone, sha256, monkeypatch, kind, hosts
):
    if hosts == "two":
        monkeypatch.setenv("MPIR_CVAR_NOLOCAL", "1")  # MPICH: as if they shared no memory
    path = config(kind, metrics=["macro_f1"])
    code, _, err = mpi(2, "fit", path, "--out", "two", "--engine", "native", "-q")
    assert (code, err) == (0, "")
    assert sha256("two") == alone(path)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("train", [{"batch_size": 1238}, {"batch_size": 200, "accumulate": 5}])
def test_ranks_and_threads_change_no_bit(
    mpi, config, alone, sha256, monkeypatch, kind, engine, train
):
    monkeypatch.setenv("MPIR_CVAR_NOLOCAL", str(int(engine == "native")))
    path = config(kind, **train)
    expected = alone(path, engine)
    for ranks in (2, 3, 4):
        for threads in (1, 2):
            out = f"{ranks}x{threads}"
            words = ["--out", out, "--engine", engine, "--threads", str(threads), "-q"]
            assert mpi(ranks, "fit", path, *words)[0] == 0
            assert sha256(out) == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
def test_open_mpi_gives_the_same_bits(mpi, config, alone, sha256, kind):
    path = config(kind)
    assert mpi(3, "fit", path, "--out", "three", "-q", of="openmpi")[0] == 0
    assert sha256("three") == alone(path)


@pytest.mark.slow
def test_another_number_of_ranks_resumes_with_the_same_bits(mpi, config, alone, sha256):
    expected = alone(config("coupled", epochs=6))
    for epochs, ranks in ((2, 2), (4, 3), (6, 1)):
        path = config("coupled", epochs=epochs)
        resumed = ["--resume"] if epochs > 2 else []
        assert mpi(ranks, "fit", path, "--out", "run", "-q", *resumed)[0] == 0
    assert sha256("run") == expected


@pytest.mark.slow
def test_ranks_with_other_instruction_sets_give_the_same_bits(
    mpi_started, config, alone, sha256, tmp_path
):
    path = config("coupled")
    words = ["fit", path, "--out", "mixed", "-q"]
    parts = [(1, words, {"CNNTRAIN_ISA": "plain"}), (1, words, {"CNNTRAIN_ISA": "v3"})]
    with mpi_started(parts, tmp_path) as process:
        assert process.communicate()[1] == ""
    assert sha256("mixed") == alone(path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "train.epochs=3"], "config.train.epochs: 2 -> 3"),
        (["--engine", "numpy"], 'engine: "native" -> "numpy"'),
        (["--set", "data.validation=100"], "config.data.validation: 200 -> 100"),
    ],
)
def test_a_rank_that_differs_is_named(mpi_started, config, tmp_path, more, said):
    words = ["fit", config("plain"), "--out", "run", "-q", "--engine", "native"]
    with mpi_started([(1, words, {}), (1, words + more, {})], tmp_path) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.startswith("Error: not all ranks would train the same; compared with rank 0:\n")
    assert f": {said}\n" in err
    assert not (tmp_path / "run").exists()


def test_a_rank_with_other_data_is_named(mpi_started, config_file, tmp_path):
    words = ["fit", two_folders_of_images(tmp_path, config_file, 40), "--out", "run", "-q"]
    np.save(tmp_path / "b" / "x.npy", np.ones((40, 1 << 12), np.uint8))
    parts = [(1, [*words, "--data-dir", name], {}) for name in "ab"]
    with mpi_started(parts, tmp_path) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert "data.fingerprint: " in err
    assert not (tmp_path / "run").exists()


def test_a_rank_of_another_version_is_named(monkeypatch, experiment_of):
    experiment = experiment_of(data=DATA, network=LAYERS["plain"])
    own = ranks_of_mpi.about(experiment)
    monkeypatch.setattr(ranks_of_mpi, "__version__", "0.0.1")
    others = ranks_of_mpi.about(experiment)

    class TwoHosts(ranks_of_mpi.MpiTeam):
        def __init__(self):
            self.hosts = ["node1", "node2"]

    told = [Said(None, 0, about) for about in (own, others)]
    problem = TwoHosts()._problem(told)
    assert f'rank 1 on node2: version: "{own["version"]}" -> "0.0.1"' in problem


def two_folders_of_images(tmp_path, config_file, samples):
    """The config for images that folders a and b hold; the images are a hole in a file."""
    for name in "ab":
        (tmp_path / name).mkdir()
        np.lib.format.open_memmap(tmp_path / name / "x.npy", "w+", np.uint8, (samples, 1 << 12))
        np.save(tmp_path / name / "y.npy", np.arange(samples) % 2)
    data = {"source": "npy", "train": {"inputs": "x.npy", "targets": "y.npy"}}
    train = {"epochs": 10**6, "batch_size": 512}
    return config_file(data=data, network=[{"dense": {"units": 2}}], train=train)


def test_what_all_ranks_find_wrong_is_said_once(mpi, tmp_path):
    code, _, err = mpi(2, "fit", "missing.yaml")
    assert code == 2
    assert err == "Error: missing.yaml: no such file; give the path of a YAML config\n"


def test_rank_0_fails_alone(mpi, config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").touch()
    code, _, err = mpi(2, "fit", config("plain"), "--out", "run", "-q")
    assert code == 1
    assert err.count("Error: run: the folder is not empty") == 1


def test_a_dry_run_trains_nothing(mpi, config, tmp_path):
    code, out, _ = mpi(2, "fit", config("plain"), "--out", "run", "--dry-run")
    assert code == 0
    assert out.count("config, shapes and data fit") == 1
    assert not (tmp_path / "run").exists()


def test_time_shows_every_rank(mpi, config):
    code, out, _ = mpi(2, "time", config("plain"), "--runs", "3", "--json")
    assert code == 0
    ranks = json.loads(out)["ranks"]
    assert [each["rank"] for each in ranks] == [0, 1]
    for each in ranks:
        parts = each["compute_ms"] + each["communication_ms"] + each["waiting_ms"]
        assert parts == pytest.approx(each["step_ms"])


# Faults


@pytest.fixture
def endless(mpi_started, config, tmp_path, wait_until):
    """``with endless(ranks) as (process, pids):`` a job that has trained some epochs."""

    @contextlib.contextmanager
    def started(ranks, of="mpich", kind="coupled"):
        words = ["fit", config(kind, epochs=10**6), "--out", "run", "-q"]
        with mpi_started([(ranks, words, {})], tmp_path, of) as process:
            seen = tmp_path / "run" / "metrics.jsonl"
            try:
                wait_until(lambda: seen.is_file() and seen.stat().st_size, process)
                yield process, _pids(process, ranks)
            except BaseException:
                process.terminate()
                raise

    return started


def _pids(launcher, ranks):
    """{rank: pid}, found by what the launcher told its children."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pairs = (folder / "environ").read_bytes().split(b"\0")
            variables = dict(pair.partition(b"=")[::2] for pair in pairs)
            rank = variables.get(b"PMI_RANK", variables.get(b"OMPI_COMM_WORLD_RANK"))
            is_near = (folder / "cwd").readlink() == Path(f"/proc/{launcher.pid}/cwd").readlink()
            if rank is not None and is_near and b"cnntrain" in (folder / "cmdline").read_bytes():
                found[int(rank)] = int(folder.name)
    assert sorted(found) == list(range(ranks))
    return found


def ended(process, within):
    """(exit code, all that was said) of a job that ends within so many seconds."""
    out, err = process.communicate(timeout=within)
    return process.returncode, out + err


@pytest.mark.slow
@pytest.mark.parametrize("of", ["mpich", "openmpi"])
def test_a_killed_rank_ends_the_job_and_it_resumes(
    endless, mpi, config, alone, sha256, tmp_path, of
):
    with endless(3, of) as (process, pids):
        os.kill(pids[1], signal.SIGKILL)
        code, err = ended(process, within=10)
    assert code in (9, 137)
    assert "signal 9" in err
    steps = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    path = config("coupled", epochs=steps["epoch"] + 3)
    assert mpi(2, "fit", path, "--out", "run", "--resume", "-q", of=of)[0] == 0
    assert sha256("run") == alone(path)


def gives_up(process, folder, lost, within):
    """What a job says that ends without a rank; rank 0, if it is left, writes a checkpoint.

    If it was stuck, a launcher may wake it as it ends the job, and then it may write one too.
    """
    code, err = ended(process, within)
    assert code == 1
    assert lost == 0 or "A checkpoint was written at step" in err
    assert (folder / "run" / "checkpoints" / "last.npz").is_file()
    return err


@pytest.mark.slow
@pytest.mark.parametrize("of", ["mpich", "openmpi"])
@pytest.mark.parametrize("stuck", [0, 1])
def test_a_stuck_rank_ends_the_job(endless, tmp_path, of, stuck):
    with endless(3, of) as (process, pids):
        os.kill(pids[stuck], signal.SIGSTOP)
        err = gives_up(process, tmp_path, stuck, within=25)
    assert f"Error: rank {stuck} on " in err
    assert "has given no sign of life for 10 s" in err


@pytest.mark.slow
@pytest.mark.parametrize("hanging", [0, 1])
def test_a_rank_that_hangs_with_a_pulse_ends_the_job(endless, tmp_path, monkeypatch, hanging):
    (tmp_path / "sitecustomize.py").write_text(HANG_ON_A_SIGNAL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with endless(3) as (process, pids):
        os.kill(pids[hanging], signal.SIGUSR2)
        err = gives_up(process, tmp_path, hanging, within=45)
    assert f"rank {hanging} on " in err
    assert "hangs: for 20 s it has neither computed nor read nor written" in err


@pytest.mark.slow
def test_data_that_one_rank_can_no_longer_read_ends_the_job(
    mpi_started, config_file, tmp_path, wait_until
):
    path = two_folders_of_images(tmp_path, config_file, (MOST_IN_MEMORY >> 12) + 1)
    words = ["fit", path, "--out", "run", "-q", "--set", "train.checkpoint_steps=5"]
    parts = [(1, [*words, "--data-dir", name], {}) for name in "ab"]
    with mpi_started(parts, tmp_path) as process:
        wait_until((tmp_path / "run" / "checkpoints" / "last.npz").is_file, process)
        os.truncate(tmp_path / "b" / "x.npy", 1000)
        code, err = ended(process, within=30)
    assert code == 1
    assert "Error: rank 1 on " in err
    assert "x.npy: has shrunk " in err
    assert "A checkpoint was written at step" in err


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_any_rank_ends_all_with_a_checkpoint(endless, tmp_path, rank):
    with endless(2) as (process, pids):
        os.kill(pids[rank], signal.SIGTERM)
        code, _ = ended(process, within=10)
    assert code == 143
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["reason"] == "interrupted"


# Without MPI


@pytest.mark.parametrize("name", ["PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE"])
def test_a_launcher_is_recognized_and_mpi4py_asked_for(monkeypatch, name):
    for launcher in ranks_of_mpi.LAUNCHERS:
        monkeypatch.delenv(launcher, raising=False)
    assert not is_launched()
    monkeypatch.setenv(name, "0")
    assert is_launched()
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ConfigError, match=r"pip install 'cnntrain\[mpi\]'"), team_for(None):
        pass
    with team_for(False) as team:
        assert team is ALONE


def test_one_process_of_a_launcher_trains_alone(config, tmp_path, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "0")
    options = FitOptions(out=tmp_path / "run", quiet=True, mpi=False)
    assert run_fit(config("plain"), options) == 0
