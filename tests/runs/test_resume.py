"""A resumed run equals an uninterrupted one, byte for byte, wherever it was stopped."""

import json
import re

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import CheckpointError, ExitCode, RunFolderError
from cnntrain.native import NUMPY, current
from cnntrain.runs import writer

TIMES = ("elapsed_s", "samples_per_s")
# 16 training and 4 validation samples, batches of 5: the last of an epoch holds one sample
EVERYTHING = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 20, "n_test": 5, "validation": 4},
    "network": [
        {"dense": {"units": 6, "activation": "relu"}},
        {"dropout": {"rate": 0.4}},
        {"dense": {"units": 2}},
    ],
    "optimizer": {"sgd": {"lr": 0.2, "momentum": 0.9, "nesterov": True}},
    "schedule": {"cosine": {"warmup_epochs": 0.5}},
    "train": {"epochs": 3, "batch_size": 5, "l2": 0.1, "checkpoint_steps": 5},
}
EVENTS = 3 * (4 + 1) + 1  # steps, ends of epochs, the end


@pytest.fixture(scope="module")
def everything(experiment_of):
    return experiment_of(**EVERYTHING)


@pytest.fixture(scope="module")
def uninterrupted(everything, tmp_path_factory, recorded):
    return recorded(tmp_path_factory.mktemp("uninterrupted"), everything)


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [without_times(json.loads(line)) for line in lines]


def without_times(entry):
    return {key: value for key, value in entry.items() if key not in TIMES}


def summary(folder):
    """Without ``baseline``, which only the command adds."""
    found = without_times(json.loads((folder / "summary.json").read_text()))
    return {key: value for key, value in found.items() if key != "baseline"}


def checkpoints(folder):
    return {path.name: path.read_bytes() for path in (folder / "checkpoints").iterdir()}


def assert_same_run(folder, expected):
    assert checkpoints(folder) == checkpoints(expected)
    assert metrics(folder) == metrics(expected)
    assert summary(folder) == summary(expected)
    assert (folder / "config.yaml").read_bytes() == (expected / "config.yaml").read_bytes()


def test_the_run_is_as_long_as_these_tests_think(everything, train_events, uninterrupted):
    assert len(list(train_events(everything))) == EVENTS
    assert sorted(checkpoints(uninterrupted)) == [
        "best.npz", "last.npz", "step-10.npz", "step-5.npz",
    ]  # fmt: skip


@pytest.mark.parametrize("stop_after", ["at once", *range(EVENTS)])
def test_stopped_anywhere_and_resumed(tmp_path, everything, run_into, uninterrupted, stop_after):
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after)
    run_into(folder, everything)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("stop_after", range(EVENTS))
def test_crashed_anywhere_and_resumed(tmp_path, everything, run_into, uninterrupted, stop_after):
    """Nothing is written when the run dies: it goes on from the newest checkpoint there is."""
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after, crash=True)
    run_into(folder, everything)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("stop_after", range(EVENTS))
def test_crashed_with_a_checkpoint_of_every_epoch(
    tmp_path, monkeypatch, everything, run_into, uninterrupted, stop_after
):
    monkeypatch.setattr(writer, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after, crash=True)
    run_into(folder, everything)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("stop_after", range(EVENTS))
def test_crashed_with_a_checkpoint_at_the_last_step_of_an_epoch(
    tmp_path, experiment_of, recorded, run_into, stop_after
):
    """The line of that epoch may be there already, or not yet: it must be there once."""
    train = {**EVERYTHING["train"], "checkpoint_steps": 4}
    experiment = experiment_of(**{**EVERYTHING, "train": train})
    (tmp_path / "whole").mkdir()
    recorded(tmp_path / "whole", experiment)
    run_into(tmp_path / "run", experiment, stop_after, crash=True)
    run_into(tmp_path / "run", experiment)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_stopped_after_every_single_step(tmp_path, everything, run_into, uninterrupted):
    folder = tmp_path / "run"
    for _ in range(EVENTS):
        run_into(folder, everything, stop_after=0)
    assert_same_run(folder, uninterrupted)


def test_resuming_a_finished_run_changes_nothing(tmp_path, everything, run_into, uninterrupted):
    folder = tmp_path / "run"
    for _ in range(3):
        run_into(folder, everything)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("resume", [0, 3, 4, 7, 11, 12, 13, 15])
def test_a_rule_that_looks_back_sees_the_same_after_resuming(
    tmp_path, experiment_of, run_into, resume
):
    """Patience counts epochs before the stop too."""
    train = {**EVERYTHING["train"], "epochs": 30, "stop": {"patience": 2}}
    experiment = experiment_of(**{**EVERYTHING, "train": train, "schedule": "constant"})
    run_into(tmp_path / "whole", experiment)
    run_into(tmp_path / "parts", experiment, stop_after=resume)
    run_into(tmp_path / "parts", experiment)
    assert summary(tmp_path / "whole")["reason"] == "patience"
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


# Through the command


@pytest.fixture
def fit(config_file, tmp_path):
    """``fit(settings, resume=True, **sections)``: run the command into ``tmp_path / "run"``."""

    def run(*settings, out=None, resume=False, overwrite=False, **sections):
        options = FitOptions(settings, out or tmp_path / "run", resume, overwrite, quiet=True)
        return run_fit(config_file(**sections), options)

    return run


BEST_AT_THE_END = 3  # a seed: an earlier best.npz would still name the length it was written with


def test_more_epochs_continue_where_the_run_ended(tmp_path, fit):
    fit("train.epochs=2", seed=BEST_AT_THE_END)
    fit("train.epochs=4", resume=True, seed=BEST_AT_THE_END)
    fit("train.epochs=4", out=tmp_path / "whole", seed=BEST_AT_THE_END)
    assert checkpoints(tmp_path / "run") == checkpoints(tmp_path / "whole")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("optimizer.sgd.lr=0.2", "optimizer.sgd.lr: 0.1 -> 0.2"),
        ("seed=1", "seed: 0 -> 1"),
        ("train.batch_size=4", "train.batch_size: 8 -> 4"),
        ("train.l2=0.5", "train.l2: 0.0 -> 0.5"),
        ("dtype=float64", 'dtype: "float32" -> "float64"'),
        ("name=other", 'name: "small" -> "other"'),
        ("train.stop.threshold=1e-9", "train.stop.threshold: false -> true"),
    ],
)
def test_another_config_is_refused(fit, setting, change):
    fit()
    with pytest.raises(RunFolderError) as caught:
        fit(setting, resume=True)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("so it cannot be resumed exactly:")
    assert lines[1].strip().startswith(change)
    assert lines[-1].startswith("Use the original config and data, or start a new")
    assert lines[-1].endswith("/run")


def test_another_length_is_refused_if_the_schedule_sees_the_end(fit):
    fit(schedule="cosine")
    with pytest.raises(RunFolderError, match=r"train\.epochs: 2 -> 3"):
        fit("train.epochs=3", resume=True, schedule="cosine")


@pytest.fixture
def idx_data(tmp_path, idx_file):
    """``idx_data(images)``: the ``data:`` section for two files with these images."""

    def write(images):
        idx_file(tmp_path / "images.idx", images)
        idx_file(tmp_path / "labels.idx", np.arange(len(images)) % 2)
        return {"source": "idx", "train": {"images": "images.idx", "labels": "labels.idx"},
                "classes": 2}  # fmt: skip

    return write


def refusal(fit, **sections):
    with pytest.raises(RunFolderError) as caught:
        fit(resume=True, **sections)
    return str(caught.value).splitlines()


def test_other_data_is_refused(fit, idx_data):
    network = ["flatten", {"dense": {"units": 2}}]
    images = np.arange(40).reshape(10, 2, 2)
    fit(data=idx_data(images), network=network)
    (change,) = refusal(fit, data=idx_data(images + 1), network=network)[1:-1]
    assert re.fullmatch(r"  data fingerprint: [0-9a-f]{12} -> [0-9a-f]{12}", change)


def test_all_that_differs_is_told_at_once(tmp_path, fit, idx_data):
    network = ["flatten", {"dense": {"units": 2}}]
    images = np.arange(40).reshape(10, 2, 2)
    fit(data=idx_data(images), network=network)
    before = checkpoints(tmp_path / "run")
    network = [*network, {"dense": {"units": 2}}]
    first, *changes, last = refusal(
        fit, seed=3, data=idx_data(images[:8]), network=network, optimizer={"adam": {"lr": 0.1}}
    )
    assert first == (
        f"{tmp_path / 'run'}: config or data have changed since this run was started, so it "
        "cannot be resumed exactly:"
    )
    assert [change.split(":")[0].strip() for change in changes] == [
        "seed", "network", "optimizer.sgd", "optimizer.adam", "data fingerprint", "samples.train",
    ]  # fmt: skip
    assert changes[0] == "  seed: 0 -> 3"
    assert changes[3].startswith('  optimizer.adam: absent -> {"lr": 0.1')
    assert changes[-1] == "  samples.train: 10 -> 8"
    assert last == (
        "Use the original config and data, or start a new run from its weights "
        f"with --init-from {tmp_path / 'run'}"
    )
    assert checkpoints(tmp_path / "run") == before


def test_another_machine_is_told_of_where_its_last_bits_count(tmp_path, fit, capsys):
    """Under NumPy, and where NumPy does the work of a layer; compiled kernels give one result."""
    fit()
    path = tmp_path / "run" / "env.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "numpy": "1.0"}))
    fit("train.epochs=3", resume=True)
    told = (
        f'Warning: numpy: "1.0" -> "{np.__version__}"; the last bits may differ from those of an '
        "uninterrupted run\n"
    )
    assert capsys.readouterr().err == (told if current() == NUMPY else "")


@pytest.mark.usefixtures("numpy_engine")
def test_another_numpy_is_told_of_under_numpy(tmp_path, fit, capsys):
    test_another_machine_is_told_of_where_its_last_bits_count(tmp_path, fit, capsys)


def test_a_folder_with_other_files_is_refused(tmp_path, fit):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="the folder is not empty; continue its run with"):
        fit()
    with pytest.raises(CheckpointError, match="no readable checkpoint to resume from"):
        fit(resume=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_a_run_is_not_written_over_by_chance(tmp_path, fit):
    fit()
    before = checkpoints(tmp_path / "run")
    with pytest.raises(RunFolderError, match="the folder is not empty"):
        fit("seed=1")
    assert checkpoints(tmp_path / "run") == before


def test_overwrite_replaces_the_run_and_leaves_other_files(tmp_path, fit):
    fit("train.epochs=9", "train.checkpoint_steps=1")
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    fit(overwrite=True)
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"
    assert sorted(checkpoints(tmp_path / "run")) == ["best.npz", "last.npz"]
    assert [line["epoch"] for line in metrics(tmp_path / "run")] == [1, 2, 2]


def test_resuming_nothing_is_refused(fit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no readable checkpoint to resume from"):
        fit(resume=True)


# Damage


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"not a checkpoint at all"])
def test_a_damaged_checkpoint_is_skipped_loudly(
    tmp_path, everything, run_into, uninterrupted, capsys, fit, damage
):
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after=13)
    (folder / "checkpoints" / "last.npz").write_bytes(damage)
    assert fit(resume=True, **EVERYTHING) == ExitCode.DONE
    warning = capsys.readouterr().err
    assert warning.startswith("Warning: skipped ")
    assert "last.npz: not a readable checkpoint" in warning
    assert_same_run(folder, uninterrupted)


def test_nothing_readable_is_an_error_that_names_every_file(tmp_path, fit):
    fit("train.checkpoint_steps=3")
    names = sorted(checkpoints(tmp_path / "run"))
    for name in names:
        (tmp_path / "run" / "checkpoints" / name).write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        fit("train.checkpoint_steps=3", resume=True)
    lines = str(caught.value).splitlines()
    assert [name in line for name, line in zip(names, lines[1:], strict=True)] == [True] * len(
        names
    )


@pytest.mark.parametrize("cut", ["{", '{"event": "epoch", "epoch": 3, "st', "\n", "nul"])
def test_a_cut_last_line_of_the_metrics(tmp_path, everything, run_into, uninterrupted, cut):
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after=11)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(cut)
    run_into(folder, everything)
    assert_same_run(folder, uninterrupted)


def test_litter_of_a_killed_write_does_no_harm(tmp_path, everything, run_into, uninterrupted):
    folder = tmp_path / "run"
    run_into(folder, everything, stop_after=6)
    litter = folder / "checkpoints" / ".last.npz.x1.tmp"
    litter.write_bytes(b"half")
    run_into(folder, everything)
    litter.unlink(missing_ok=True)
    assert_same_run(folder, uninterrupted)
