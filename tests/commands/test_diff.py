"""``cnntrain diff``: what differs between two runs is told, and nothing else."""

import json
import subprocess
import sys

import pytest

from cnntrain.commands.diff import first_parting, run_diff
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import CheckpointError, ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.training.state import weights_sha256


@pytest.fixture
def fit(tmp_path, config_file):
    """``fit("a", *settings, threads=1)``: a run in ``tmp_path / "a"``."""

    def run(name, *settings, threads=1, **sections):
        options = FitOptions(settings, tmp_path / name, threads=threads, quiet=True)
        assert run_fit(config_file(**sections), options) == ExitCode.DONE
        return tmp_path / name

    return run


@pytest.fixture
def diff(capsys):
    """``diff(a, b)``: (exit code, JSON document)."""

    def compared(a, b):
        code = run_diff(a, b, as_json=True)
        return code, json.loads(capsys.readouterr().out)

    return compared


def keys(found):
    return [each["key"] for each in found]


def test_equal_runs(fit, diff):
    code, found = diff(fit("a"), fit("b", threads=2))
    assert code == ExitCode.DONE
    assert found["same"]
    assert found["config"] == found["results"] == []
    assert found["environment"] == [{"key": "threads", "a": 1, "b": 2}]
    assert found["weights"]["a"] == found["weights"]["b"]
    assert found["weights"]["largest_differences"] == {}
    assert found["metrics"] == {"same": True, "part_at": None}


def test_a_run_equals_itself(fit, capsys):
    folder = fit("a")
    assert run_diff(folder, folder, as_json=False) == ExitCode.DONE
    digest = weights_sha256(load(folder / "checkpoints" / "last.npz").state.params)
    assert capsys.readouterr().out == (
        f"a: {folder}\nb: {folder}\nconfig: the same\nenvironment: the same\nresults: the same\n"
        f"weights: identical (SHA-256 {digest[:12]})\nmetrics: the same\n"
    )


def test_another_learning_rate(fit, diff):
    code, found = diff(fit("a"), fit("b", "optimizer.sgd.lr=0.2"))
    assert code == ExitCode.FAILED == 1
    assert found["config"] == [{"key": "optimizer.sgd.lr", "a": 0.1, "b": 0.2}]
    assert set(found["weights"]["largest_differences"]) == {
        "dense1.W", "dense1.b", "dense2.W", "dense2.b",
    }  # fmt: skip
    assert found["metrics"]["part_at"]["epoch"] == 1
    assert "lr" in keys(found["metrics"]["part_at"]["figures"])
    assert not {"elapsed_s", "samples_per_s"} & set(keys(found["metrics"]["part_at"]["figures"]))
    assert "train/loss" in keys(found["results"])
    assert "elapsed_s" not in keys(found["results"])


def test_the_streams_part_where_the_schedule_does(fit, diff, capsys):
    """The step schedule divides η after two epochs: the first two are the same."""
    schedule = {"step": {"every_epochs": 2, "gamma": 0.5}}
    a = fit("a", train={"epochs": 4})
    b = fit("b", train={"epochs": 4}, schedule=schedule)
    code, found = diff(a, b)
    assert code == 1
    assert keys(found["config"]) == ["schedule.constant", "schedule.step"]
    assert found["metrics"]["part_at"]["epoch"] == 3
    assert found["metrics"]["part_at"]["step"] == 9
    run_diff(a, b, as_json=False)
    out = capsys.readouterr().out
    assert "metrics: differ from epoch 3 (step 9):\n  " in out
    assert "\n  lr: 0.1 -> 0.05\n" in f"{out}\n"
    assert "  schedule.constant: " in out
    assert "\n  dense1.W: by up to " in out


def test_a_longer_run_parts_at_the_end_of_the_shorter_one(fit, diff):
    _, found = diff(fit("a"), fit("b", "train.epochs=3"))
    parting = found["metrics"]["part_at"]
    assert (parting["epoch"], parting["step"]) == (2, 6)  # one ends, the other goes on
    assert "reason" in keys(parting["figures"])


def test_other_shapes(fit, diff, capsys):
    a, b = fit("a"), fit("b", network=[{"dense": {"units": 2}}])
    code, found = diff(a, b)
    assert code == 1
    assert found["weights"]["largest_differences"]["dense2.W"] is None
    assert keys(found["config"]) == ["network"]
    run_diff(a, b, as_json=False)
    assert "  dense2.W: different shape\n" in capsys.readouterr().out


def test_streams():
    line = {"event": "epoch", "epoch": 1, "step": 3, "train/loss": 0.5, "elapsed_s": 1.0}
    assert first_parting([line], [{**line, "elapsed_s": 2.0, "samples_per_s": 3}]) is None
    assert first_parting([], []) is None
    other = {**line, "train/loss": None}
    assert first_parting([line, line], [line, other]) == {
        "epoch": 1,
        "step": 3,
        "figures": [{"key": "train/loss", "a": 0.5, "b": None}],
    }


def test_a_folder_without_a_run_is_no_difference(tmp_path, fit, capsys):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        run_diff(fit("a"), tmp_path, as_json=False)
    words = [sys.executable, "-m", "cnntrain", "diff", tmp_path / "a", tmp_path / "none"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.CHECKPOINT
    assert "none/checkpoints/last.npz: no such checkpoint" in done.stderr


# The same bits


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_the_weights_do_not_depend_on_the_number_of_threads(fit, monkeypatch, threads):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: 4)
    network = [{"dense": {"units": 4}}, {"batch_norm": {}}, "relu", {"dense": {"units": 2}}]
    digests = [
        json.loads((folder / "summary.json").read_text())["weights_sha256"]
        for folder in (fit("one", network=network), fit("more", network=network, threads=threads))
    ]
    assert digests[0] == digests[1]


def test_the_weights_are_the_same_in_every_process(tmp_path, config_file, fit, diff):
    here = fit("here")
    for name in ("there", "again"):
        words = ["fit", config_file(), "--out", tmp_path / name, "-q", "--threads", "3"]
        subprocess.run([sys.executable, "-m", "cnntrain", *words], check=True)
        code, found = diff(here, tmp_path / name)
        assert code == ExitCode.DONE, found
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert summary["weights_sha256"] == found["weights"]["a"]
