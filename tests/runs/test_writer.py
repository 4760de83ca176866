"""A run's folder: exactly the promised files, with exactly the promised contents."""

import json
import math
import re
import sys

import numpy as np
import pytest

import cnntrain
from cnntrain.config.read import read_config
from cnntrain.native import current
from cnntrain.runs import writer
from cnntrain.runs.checkpoint import load
from cnntrain.runs.messages import reason_in_words
from cnntrain.runs.writer import RunFolder
from cnntrain.training.events import EpochEnd, Stopped
from cnntrain.training.state import start, weights_sha256

VALIDATED = {"data": {"source": "synthetic", "problem": "xor", "n": 20, "validation": 4}}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "


@pytest.fixture
def run_of(tmp_path, experiment_of, recorded):
    """``run_of(**sections)``: the folder of a finished run."""
    return lambda **sections: recorded(tmp_path, experiment_of(**sections))


def strict_json(text):
    """What is read must be JSON, which has no NaN and no infinity."""

    def refuse(name):
        raise AssertionError(f"bare {name}")

    return json.loads(text, parse_constant=refuse)


def metrics(folder):
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [strict_json(line) for line in text.splitlines()]


def summary(folder):
    return strict_json((folder / "summary.json").read_text(encoding="utf-8"))


# The files


def test_a_run_leaves_these_files(run_of):
    folder = run_of(train={"checkpoint_steps": 4})
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "checkpoints", "checkpoints/best.npz", "checkpoints/last.npz", "checkpoints/step-4.npz",
        "config.yaml", "env.json", "log.txt", "metrics.jsonl", "summary.json",
    ]  # fmt: skip


def test_a_checkpoint_every_n_steps(run_of):
    names = {
        path.name
        for path in run_of(train={"checkpoint_steps": 2}).joinpath("checkpoints").iterdir()
    }
    assert names == {"best.npz", "last.npz", "step-2.npz", "step-4.npz", "step-6.npz"}


def test_the_checkpoints_hold_the_right_steps(run_of):
    folder = run_of(**VALIDATED, train={"epochs": 4, "checkpoint_steps": 3})
    for path in (folder / "checkpoints").glob("step-*.npz"):
        assert load(path).state.step == int(path.stem.removeprefix("step-"))
    assert load(folder / "checkpoints" / "last.npz").state.step == 8
    best = load(folder / "checkpoints" / "best.npz").state
    assert best.step == best.best.step == summary(folder)["best"]["step"]


def test_the_config_is_complete_and_reads_as_the_same_plan(run_of, experiment_of):
    plan = read_config(run_of() / "config.yaml").plan
    assert plan == experiment_of().plan


def test_the_environment(run_of, experiment_of):
    env = strict_json((run_of() / "env.json").read_text())
    assert env["cnntrain"] == cnntrain.__version__
    assert env["numpy"] == np.__version__
    assert env["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert env["command"] == sys.argv
    assert env["seed"] == 0
    assert env["threads"] == 1
    assert env["data_fingerprint"] == experiment_of().data.fingerprint
    assert {"blas", "cpu", "cores", "platform", "working_folder"} <= env.keys()


# metrics.jsonl


def test_the_lines_of_labels(run_of):
    *epochs, end = metrics(run_of(**VALIDATED))
    for number, line in enumerate(epochs, start=1):
        assert list(line) == [
            "event", "epoch", "step", "train/loss", "train/accuracy", "val/loss", "val/accuracy",
            "lr", "elapsed_s", "samples_per_s",
        ]  # fmt: skip
        assert (line["event"], line["epoch"], line["step"]) == ("epoch", number, 2 * number)
        assert line["lr"] == 0.1
        assert line["samples_per_s"] > 0
    assert list(end) == [
        "event", "reason", "detail", "epoch", "step", "elapsed_s", "train/loss", "train/accuracy",
        "val/loss", "val/accuracy",
    ]  # fmt: skip
    assert (end["event"], end["reason"], end["detail"]) == ("end", "epochs", "2 epochs done")
    assert {key: end[key] for key in end if "/" in key} == {
        key: epochs[-1][key] for key in epochs[-1] if "/" in key
    }


def test_the_lines_of_a_regression_with_a_penalty(run_of):
    first, *_ = metrics(
        run_of(
            data={"source": "synthetic", "problem": "sine", "n": 20},
            network=[{"dense": {"units": 1}}],
            loss="squared_error",
            train={"l2": 1.0},
        )
    )
    assert [key for key in first if "/" in key] == [
        "train/loss", "train/mae", "train/rmse", "train/penalty",
    ]  # fmt: skip


def test_a_line_is_written_as_soon_as_its_epoch_is_over(tmp_path, experiment_of, train_events):
    experiment = experiment_of()
    run = RunFolder.create(tmp_path, experiment, start(experiment.plan, experiment.network), {})
    for event in train_events(experiment, run.state):
        run.record(event)
        if isinstance(event, EpochEnd):
            assert [line["epoch"] for line in metrics(tmp_path)] == list(range(1, event.epoch + 1))


# summary.json and log.txt


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ({}, "epochs"),
        ({"max_steps": 4}, "max_steps"),
        ({"stop": {"patience": 1}, "epochs": 400, "batch_size": 20}, "patience"),
        ({"stop": {"target": {"train/loss": 99.0}}}, "target"),
        ({"stop": {"threshold": 99.0}}, "threshold"),
        ({"stop": {"minutes": 1e-9}}, "minutes"),
    ],
)
def test_the_summary_says_why_it_stopped(run_of, train, reason):
    folder = run_of(train=train)
    found = summary(folder)
    end = metrics(folder)[-1]
    assert found["reason"] == end["reason"] == reason
    weights = weights_sha256(load(folder / "checkpoints" / "last.npz").state.params)
    own = {"best": found["best"], "engine": current().name, "weights_sha256": weights}
    assert found == {**{k: v for k, v in end.items() if k != "event"}, **own}
    if found["best"]:
        assert list(found["best"]) == ["value", "epoch", "step"]
    *_, last = (folder / "log.txt").read_text().splitlines()
    assert last.endswith(reason_in_words(reason, end["detail"]))


def test_the_log_has_a_line_with_its_time_for_every_epoch(run_of):
    lines = (run_of() / "log.txt").read_text().splitlines()
    assert len(lines) == 3
    assert re.match(TIME + "epoch 1/2  train/loss ", lines[0])
    assert re.match(TIME + "epoch 2/2  train/loss ", lines[1])
    assert re.match(TIME + "stopped after .*: all epochs done", lines[2])


# When something is not finite


def test_a_diverged_run_keeps_only_good_checkpoints(run_of):
    schedule = {"step": {"every_epochs": 2, "gamma": 1e300}}
    folder = run_of(schedule=schedule, train={"epochs": 9, "checkpoint_steps": 1})
    assert summary(folder)["reason"] == "diverged"
    assert summary(folder)["step"] == 6
    paths = list((folder / "checkpoints").glob("*.npz"))
    assert len(paths) == 8
    for path in paths:
        assert all(np.isfinite(W).all() for W in load(path).state.params.values())
    assert load(folder / "checkpoints" / "last.npz").state.step == 6


def test_a_run_that_diverges_at_once_keeps_its_start(run_of):
    folder = run_of(optimizer={"sgd": {"lr": 1e300}})
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["last.npz"]
    assert load(folder / "checkpoints" / "last.npz").state.step == 0
    (end,) = metrics(folder)
    assert end["reason"] == "diverged"
    assert summary(folder)["best"] is None


def test_the_best_epoch_before_divergence_is_kept(run_of):
    """Although its checkpoint may have waited to be written."""
    schedule = {"step": {"every_epochs": 2, "gamma": 1e300}}
    folder = run_of(schedule=schedule, train={"epochs": 9})
    best = load(folder / "checkpoints" / "best.npz").state
    assert best.step == summary(folder)["best"]["step"] > 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_null(tmp_path, experiment_of, value):
    experiment = experiment_of()
    run = RunFolder.create(tmp_path, experiment, start(experiment.plan, experiment.network), {})
    run.record(Stopped("max_steps", "", 1, 0, {"train/loss": value, "train/accuracy": 0.5}, 1.0))
    assert metrics(tmp_path)[-1]["train/loss"] is None
    assert summary(tmp_path)["train/loss"] is None
    assert summary(tmp_path)["train/accuracy"] == 0.5


# How often it writes


def test_checkpoints_of_short_epochs_are_written_once_a_second(
    tmp_path, monkeypatch, experiment_of, train_events
):
    """A toy network has thousands of epochs; the end is always written."""
    saved = []
    monkeypatch.setattr(writer.checkpoint, "save", lambda path, *_: saved.append(path.stem))
    now = iter(np.arange(0, 1000, 0.3))
    monkeypatch.setattr(writer.time, "monotonic", lambda: next(now))
    experiment = experiment_of(train={"epochs": 30})
    run = RunFolder.create(tmp_path, experiment, start(experiment.plan, experiment.network), {})
    for event in train_events(experiment, run.state, now=lambda: 0.0):
        run.record(event)
    assert 5 < saved.count("last") < 15
    assert saved[-1] == "last"
