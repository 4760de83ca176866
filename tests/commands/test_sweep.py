"""``cnntrain sweep``: the trials, the best of them, and what a kill leaves behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cnntrain.cli import main
from cnntrain.commands.sweep.result import data_folder
from cnntrain.config.read import read_config
from cnntrain.errors import ConfigError, DataError, ExitCode, RunFolderError

DATA = {"source": "synthetic", "problem": "xor", "n": 40, "n_test": 10, "validation": 0.25}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sweep"


@pytest.fixture
def sweep(config_file, folder):
    """``sweep("--set", "lr=log(0.1,1)")``: what click says about the command, into ``folder``."""

    def run(*options, **sections):
        words = ["sweep", config_file(**{"data": DATA, **sections}), "--out", folder, *options]
        return CliRunner().invoke(main, list(map(str, words)), standalone_mode=False)

    return run


def trials(folder):
    return json.loads((folder / "summary.json").read_text())["trials"]


def rows(out):
    return [line.split() for line in out.splitlines()[2:]]


# Mostly slow: every trial is a process


def test_random_trials_are_ranked_and_the_best_is_written(sweep, folder):
    ranges = ["--set", "lr=log(1e-3,1)", "--set", "batch_size=choice(5,10)"]
    done = sweep(*ranges, "--set", "train.epochs=3", "--trials", 3, "--jobs", 2)
    assert (done.exception, done.return_value) == (None, 0)
    found = trials(folder)
    assert [trial["state"] for trial in found] == ["finished"] * 3
    best = max(found, key=lambda trial: (trial["value"], -trial["trial"]))
    assert json.loads((folder / "summary.json").read_text())["best"] == best["trial"]
    config = yaml.safe_load((folder / "best.yaml").read_text())
    assert config["optimizer"]["sgd"]["lr"] == best["values"]["lr"]
    assert config["train"]["batch_size"] == best["values"]["batch_size"]
    assert rows(done.stdout)[0][0] == f"trial-{best['trial']:03}"
    assert f"fit {folder / 'best.yaml'}  " in done.stderr
    assert done.stderr.count("* best") >= 1


@pytest.mark.slow
def test_the_best_config_trains_to_the_same_weights(sweep, folder, tmp_path):
    done = sweep("--set", "lr=choice(0.01,0.5)", "--method", "grid", "--jobs", 2)
    (line,) = [line for line in done.stderr.splitlines() if "best.yaml" in line]
    words = shlex.split(line.split("  #")[0])
    words = [*words[words.index("fit") :], "--out", str(tmp_path / "again"), "-q"]
    assert CliRunner().invoke(main, words, standalone_mode=False).return_value == 0
    best = json.loads((folder / "summary.json").read_text())["best"]
    file = Path("checkpoints") / "last.npz"
    trained = (tmp_path / "again" / file).read_bytes()
    assert trained == (folder / f"trial-{best:03}" / file).read_bytes()


@pytest.mark.slow
def test_a_sweep_is_extended_and_the_same_each_time(sweep, folder):
    ranges = ["--set", "lr=uniform(0.01,1)"]
    assert sweep(*ranges, "--trials", 1).return_value == 0
    first = (folder / "trial-001" / "log.txt").read_text()
    assert sweep(*ranges, "--trials", 2, "--resume").return_value == 0
    assert (folder / "trial-001" / "log.txt").read_text() == first
    drawn = [trial["values"] for trial in trials(folder)]
    again = folder.with_name("again")
    assert sweep(*ranges, "--trials", 2, "--out", again).return_value == 0
    assert [trial["values"] for trial in trials(again)] == drawn
    refused = sweep("--set", "lr=uniform(0.01,2)", "--resume").exception
    assert isinstance(refused, RunFolderError)
    assert 'space.lr: "uniform(0.01,1)" -> "uniform(0.01,2)"' in str(refused)


@pytest.mark.slow
def test_records_that_were_edited(sweep, folder):
    ranges = ["--set", "lr=choice(0.1,0.2)", "--method", "grid", "--trials", 1]
    assert sweep(*ranges).return_value == 0
    log = folder / "trials.jsonl"
    lines = log.read_text()
    for text, message in [
        (lines.replace('"lr": 0.1', '"lr": 0.3'), "trial-001 has values outside the ranges"),
        (lines.replace('"lr"', '"momentum"'), "trial-001 has values outside the ranges"),
        ('{"trial": 1}\n' + lines, "trials.jsonl:1: not written by cnntrain; remove this line"),
    ]:
        log.write_text(text)
        refused = sweep(*ranges, "--resume").exception
        assert isinstance(refused, RunFolderError)
        assert message in str(refused)
    log.write_text(lines + '{"trial": 2, "val')  # cut off by a kill
    assert sweep(*ranges, "--resume").return_value == 0
    assert log.read_text() == lines


@pytest.mark.slow
def test_trials_that_diverge_or_fail_are_told(sweep, folder):
    done = sweep("--set", "lr=choice(0.1,1e300)", "--method", "grid", "--jobs", 2)
    assert done.return_value == 0
    assert [trial["state"] for trial in trials(folder)] == ["finished", "diverged"]
    assert rows(done.stdout)[1][:2] == ["trial-002", "diverged"]


def test_if_all_diverge_the_remedy_is_named(sweep):
    done = sweep("--set", "lr=choice(1e299,1e300)", "--method", "grid", "--jobs", 2)
    assert done.return_value == ExitCode.DIVERGED
    assert "Error: none of 2 trials finished with a finite val/accuracy; narrow" in done.stderr


@pytest.mark.slow
def test_a_page_shows_all_trials(sweep, folder):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    pytest.importorskip("jinja2", reason="the page needs the extra 'report'")
    assert sweep("--set", "lr=choice(0.1,0.2)", "--method", "grid", "--jobs", 2).return_value == 0
    page = (folder / "report.html").read_text()
    for text in ('<h2 id="trials">Trials</h2>', "trial-001", "trial-002", "optimizer.sgd.lr"):
        assert text in page


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--method", "tpe"], ["--prune"]])
def test_optuna_proposes_or_prunes(sweep, folder, options):
    pytest.importorskip("optuna", reason="tpe and --prune need the extra 'sweep'")
    ranges = ["--set", "lr=log(0.01,1)", "--set", "batch_size=choice(5,10)", "--set", "l2=int(0,1)"]
    done = sweep(*ranges, "--trials", 3, *options)
    assert (done.exception, done.return_value) == (None, 0)
    first = [trial["values"] for trial in trials(folder)]
    again = folder.with_name("again")
    assert sweep(*ranges, "--trials", 2, *options, "--out", again).return_value == 0
    assert sweep(*ranges, "--trials", 3, *options, "--out", again, "--resume").return_value == 0
    assert [trial["values"] for trial in trials(again)] == first


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_fails_and_is_run_again(process, folder, wait_until):
    """As by a system that has run out of memory."""
    with process(folder) as running:
        lock = folder / "trial-001" / "lock"
        wait_until(lambda: lock.is_file() and lock.read_text(), running)
        os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
        _, err = running.communicate()
    assert running.returncode == 0
    assert "its process was ended by SIGKILL: out of memory?" in err
    assert trials(folder)[0]["state"] == "failed"
    with process(folder, "--resume") as again:
        assert again.wait() == 0
    assert [trial["state"] for trial in trials(folder)] == ["finished"] * 4


def test_data_beside_the_config_is_named_for_the_best_config(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("a,label\n1,0\n2,1\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {source: csv, train: x.csv}\nnetwork: [{dense: {units: 2}}]\nloss: cross_entropy\n"
    )
    plan = read_config(config).plan
    assert data_folder(plan, config, None) == tmp_path
    assert data_folder(plan, config, Path("given")) == Path("given")
    monkeypatch.chdir(tmp_path)
    assert data_folder(plan, Path("c.yaml"), None) is None


# Mistakes leave no folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "lr=0.1"], "nothing to vary"),
        (["--set", "lr=log(0,1)"], "log needs numbers above 0"),
        (["--set", "nonsense=log(1,2)"], "--set nonsense=1.0: unknown key"),
        (["--set", "batch_size=uniform(1,9)"], "--set batch_size=1.0: must be an integer"),
        (["--set", "lr=choice(0.1,-1)"], "--set lr=-1: must be greater than"),
        (["--set", "lr=choice(0.1,wrong)"], "--set lr=wrong: must be a number"),
        (["--set", "lr=log(0.1,1)", "--method", "grid"], "write log(0.1,1,4), or use choice"),
        (["--set", "lr=log(0.1,1)", "--set", "train.epoch=1"], "--set train.epoch=1: unknown key"),
        (["--set", "fold=choice(1/99,2/99)"], "fold 1/99: write it as i/k"),
    ],
)
def test_mistakes(sweep, folder, options, message):
    done = sweep(*options)
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)
    assert not folder.exists()


def test_there_is_nothing_to_resume(sweep):
    done = sweep("--set", "lr=log(0.1,1)", "--resume")
    assert isinstance(done.exception, RunFolderError)
    assert "nothing to resume" in str(done.exception)


@pytest.mark.parametrize("options", [["--method", "tpe"], ["--prune"]])
def test_without_the_extra_the_remedy_is_named(sweep, folder, monkeypatch, options):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = sweep("--set", "lr=log(0.1,1)", *options)
    assert isinstance(done.exception, DataError)
    assert str(done.exception).endswith("pip install 'cnntrain[sweep]'")
    assert not folder.exists()


# Kills


LONG = {
    "data": {**DATA, "n": 400},
    "train": {"mode": "sgd", "batch_size": None, "epochs": 8},
}


@pytest.fixture
def process(config_file, folder):
    """``process(folder)``: a sweep of four long trials, which ignores SIGINT and SIGHUP."""
    path = config_file(**LONG)

    def started(out, *options):
        def ignoring():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        words = ["sweep", path, "--out", out, "--set", "lr=choice(0.01,0.02,0.03,0.04)"]
        words += ["--method", "grid", "--jobs", 2, *options]
        return subprocess.Popen(
            [sys.executable, "-m", "cnntrain", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignoring,
        )  # fmt: skip

    return started


def weights(folder):
    paths = sorted(folder.glob("trial-*/checkpoints/last.npz"))
    return {path.parent.parent.name: path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_in_the_middle_and_run_again(process, folder, wait_until, number):
    whole = folder.with_name("whole")
    with process(whole) as untouched:
        assert untouched.wait() == 0, untouched.stderr.read()
    with process(folder) as killed:
        second = folder / "trial-002" / "metrics.jsonl"
        wait_until(lambda: second.is_file() and second.stat().st_size, killed)
        killed.send_signal(number)
        _, err = killed.communicate()
    if number != signal.SIGKILL:
        assert killed.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert "--resume" in err
    assert not (folder / "summary.json").exists()
    with process(folder, "--resume") as again:
        out, err = again.communicate()
    assert again.returncode == 0, err
    assert weights(folder) == weights(whole)
    assert [trial["state"] for trial in trials(folder)] == ["finished"] * 4
    assert len(rows(out)) == 4
