"""``cnntrain runs``: every run is listed, in any state, and nothing ends in a traceback."""

import json
import os
import socket

import pytest

from cnntrain.commands.runs import run_runs
from cnntrain.errors import RunFolderError

RATES = {"lr": 0.1, "samples_per_s": 10.0}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def run(runs):
    """``run("digits/1", [0.5, 0.9], "epochs")``: a folder with these accuracies and this end."""

    def made(name, values, reason=None, metric="val/accuracy", seconds=1.0, engine=None, when=0):
        path = runs / name
        path.mkdir(parents=True)
        (path / "config.yaml").write_text("train: {epochs: 3}\n")
        about = {"engine": {"name": engine, "instruction_set": "avx2"}} if engine else {}
        (path / "env.json").write_text(json.dumps(about))
        lines = [
            {"event": "epoch", "epoch": k, "step": k, metric: v, "elapsed_s": seconds, **RATES}
            for k, v in enumerate(values, 1)
        ]
        if reason:
            end = {"event": "end", "epoch": len(values), "step": 9, "elapsed_s": seconds}
            lines.append({**end, "reason": reason})
        metrics = path / "metrics.jsonl"
        metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.utime(metrics, (1e9 + when, 1e9 + when))
        return path

    return made


@pytest.fixture
def listed(runs, capsys):
    """``listed(key, reverse)``: the documents of the runs."""

    def of(key="when", reverse=False):
        assert run_runs(runs, key, reverse, as_json=True) == 0
        return json.loads(capsys.readouterr().out)

    return of


def test_states(run, listed):
    run("a/1", [0.5], "epochs")
    run("a/2", [0.5], "interrupted")
    run("a/3", [0.5], "diverged")
    run("a/4", [0.5])
    lock = {"pid": os.getpid(), "host": socket.gethostname()}
    (run("a/5", [0.5]) / "lock").write_text(json.dumps(lock))
    (run("a/6", [0.5]) / "lock").write_text(json.dumps({**lock, "pid": 2**31 - 1}))
    assert {found["name"]: found["state"] for found in listed("name")} == {
        "a/1": "finished", "a/2": "stopped", "a/3": "diverged", "a/4": "unfinished",
        "a/5": "training", "a/6": "unfinished",
    }  # fmt: skip


def test_the_table(run, runs, capsys):
    run("digits/1", [0.5, 0.9, 0.8], "epochs", engine="native", seconds=75)
    assert run_runs(runs, "when", reverse=False, as_json=False) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "state", "best", "metric", "epoch", "engine", "time", "when"]
    assert row.split()[:9] == [
        "digits/1", "finished", "val/accuracy", "90.00%", "2", "native", "(avx2)", "1:15", "min",
    ]  # fmt: skip


def test_orders(run, listed):
    run("n/9", [0.5], "epochs", seconds=3, when=5)
    run("n/10", [0.7], "epochs", seconds=1, when=7)
    run("loss", [0.3], "epochs", metric="val/loss", seconds=2, when=6)
    run("low", [0.2], "epochs", metric="val/loss", seconds=4, when=9)
    run("none", [], when=8)

    def names(*options):
        return [found["name"] for found in listed(*options)]

    assert names() == ["n/9", "loss", "n/10", "none", "low"]
    assert names("metric") == ["n/10", "n/9", "low", "loss", "none"]
    assert names("metric", True) == ["loss", "low", "n/9", "n/10", "none"]
    assert names("time") == ["n/10", "loss", "n/9", "low", "none"]
    assert names("name") == ["loss", "low", "n/9", "n/10", "none"]


def test_what_cannot_be_read_is_listed_with_the_reason(run, runs, capsys, listed):
    run("good", [0.5], "epochs")
    (run("lines", [0.5]) / "metrics.jsonl").write_text("nonsense\nmore\n")
    (run("config", [0.5]) / "config.yaml").write_text("a: [\n")
    (runs / "empty" / "checkpoints").mkdir(parents=True)
    states = {found["name"]: found["state"] for found in listed("name")}
    assert states.pop("good") == "finished"
    assert states == dict.fromkeys(["lines", "config", "empty"], "unreadable")
    run_runs(runs, "when", reverse=False, as_json=False)
    out = capsys.readouterr().out
    assert "3 runs cannot be read:" in out
    assert f"{runs / 'lines' / 'metrics.jsonl'}:1: not written by cnntrain" in out
    assert f"{runs / 'empty'}: not a run folder" in out


def test_a_run_itself_and_no_run_at_all(run, tmp_path, capsys):
    path = run("a", [0.5], "epochs")
    run_runs(path, "when", reverse=False, as_json=True)
    assert [found["name"] for found in json.loads(capsys.readouterr().out)] == [str(path)]
    (tmp_path / "void").mkdir()
    run_runs(tmp_path / "void", "when", reverse=False, as_json=False)
    assert capsys.readouterr().out == f"no runs below {tmp_path / 'void'}\n"
    with pytest.raises(RunFolderError, match="no such folder; name one that holds runs"):
        run_runs(tmp_path / "missing", "when", reverse=False, as_json=False)


def test_links_are_not_followed(run, runs, listed):
    run("a/1", [0.5], "epochs")
    (runs / "a" / "loop").symlink_to(runs)
    assert [found["name"] for found in listed()] == ["a/1"]


def test_a_real_run(fitted, tmp_path, capsys):
    folder = fitted()
    assert run_runs(tmp_path, "when", reverse=False, as_json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["path"], found["state"]) == (str(folder), "finished")
    assert found["metric"] == "train/accuracy"
    assert found["elapsed_s"] > 0
