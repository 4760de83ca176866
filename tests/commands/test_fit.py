"""The command ``fit`` as a function: what it makes, in which order, and what it says at the end."""

import json
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import CnntrainError, ConfigError, DataError, ExitCode
from cnntrain.runs.checkpoint import load

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture
def fit(config_file):
    """``fit(sections, **options)``: (exit code) of the command with such a config."""

    def run(sections=None, **options):
        return run_fit(config_file(**(sections or {})), FitOptions(**options))

    return run


MISSING = {"source": "idx", "train": {"images": "no.idx", "labels": "no.idx"}}


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"train": {"epohs": 3}}, ConfigError),
        ({"network": [{"conv2d": {"filters": 2, "kernel": 3}}]}, ConfigError),
        ({"train": {"monitor": "val/loss"}}, ConfigError),
        ({"network": [{"dense": {"units": 2, "init": [[1, 2, 3]]}}]}, ConfigError),
        ({"data": MISSING, "network": ["flatten", {"dense": {"units": 10}}]}, DataError),
    ],
)
@pytest.mark.parametrize("out", [None, Path("run")])
def test_a_mistake_leaves_no_folder(fit, sections, error, out):
    with pytest.raises(error):
        fit(sections, out=out)
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]


def test_config_mistakes_are_told_before_data_is_looked_for(fit):
    with pytest.raises(ConfigError, match=r"unknown key"):
        fit({"data": {**MISSING, "norm": 3}})


def test_runs_of_one_name_are_numbered(fit):
    for _ in range(2):
        assert fit(quiet=True) == ExitCode.DONE
    assert sorted(path.name for path in Path("runs/small").iterdir()) == ["1", "2"]


def test_equal_runs_give_equal_files(fit):
    for threads in (1, 2):
        fit(quiet=True, threads=threads)
    one, two = (Path(f"runs/small/{n}/checkpoints") for n in (1, 2))
    for name in ("best.npz", "last.npz"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_diverged_run_has_its_exit_code_and_advice(fit, capsys):
    code = fit({"optimizer": {"sgd": {"lr": 1e300}}}, out=Path("run"))
    assert code == ExitCode.DIVERGED
    err = capsys.readouterr().err
    assert "Error: step 1 (epoch 1, batch 1): dense1.W is not finite after an update" in err
    assert "The last good checkpoint is run/checkpoints/last.npz (step 0).\n" in err
    for advice in ("a lower learning rate", "warmup_epochs: 1", "clip: {norm: 1}", "normalize:"):
        assert advice in err
    load(Path("run/checkpoints/last.npz"))


def test_data_is_found_beside_the_config(fit, idx_file):
    idx_file(Path("images"), np.arange(16).reshape(4, 2, 2))
    idx_file(Path("labels"), [0, 1, 0, 1])
    files = {"images": "images", "labels": "labels"}
    sections = {"data": {"source": "idx", "train": files, "classes": 2},
                "network": ["flatten", {"dense": {"units": 2}}]}  # fmt: skip
    assert fit(sections, quiet=True) == ExitCode.DONE
    env = json.loads(Path("runs/small/1/env.json").read_text())
    assert str(Path.cwd()) in env["data_folders"]


def test_a_given_data_folder_comes_first(fit, idx_file, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    idx_file(elsewhere / "images", np.arange(16).reshape(4, 2, 2))
    idx_file(elsewhere / "labels", [0, 1, 0, 1])
    Path("images").write_bytes(b"not this one")
    files = {"images": "images", "labels": "labels"}
    sections = {"data": {"source": "idx", "train": files, "classes": 2},
                "network": ["flatten", {"dense": {"units": 2}}]}  # fmt: skip
    assert fit(sections, data_dir=elsewhere, quiet=True) == ExitCode.DONE
    env = json.loads(Path("runs/small/1/env.json").read_text())
    assert env["data_folders"][0] == str(elsewhere.resolve())


def test_equal_initial_weights_are_warned_about(fit, capsys):
    equal = [{"dense": {"units": 3, "init": 0.1}}, {"dense": {"units": 2, "init": 0.1}}]
    fit({"network": equal}, quiet=True)
    assert capsys.readouterr().err == (
        "Warning: all units of dense1 start equal, and so do the weights that read them: they get"
        " the same gradient and never become different; use a random 'init'\n"
    )
    fit(quiet=True)
    assert capsys.readouterr().err == ""


def test_the_best_epoch_is_told_if_it_is_not_the_last(fit, capsys):
    sections = {
        "data": {"source": "synthetic", "problem": "spirals", "n": 40, "validation": 0.5},
        "train": {"epochs": 200, "stop": {"patience": 3}},
    }
    fit(sections, out=Path("run"))
    best = json.loads(Path("run/summary.json").read_text())["best"]
    assert f"best: epoch {best['epoch']}, " in capsys.readouterr().err


@pytest.mark.parametrize("resume", [True, False])
def test_a_resumed_run_goes_on_in_its_folder(fit, capsys, resume):
    fit(settings=["train.epochs=2"])
    fit(settings=["train.epochs=3"], resume=resume)
    assert Path("runs/small/2").exists() != resume
    assert ("small: resuming at step 6;" in capsys.readouterr().err) == resume
    log = Path("runs/small/1/log.txt").read_text()
    assert ("resumed from last.npz at step 6" in log) == resume


def test_time_spent_before_counts_for_the_limit(fit):
    fit(out=Path("run"), quiet=True)
    path = Path("run/metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**line, "elapsed_s": 600.0}) + "\n" for line in lines))
    settings = ["train.epochs=1000000", "train.stop.minutes=0.02"]
    fit(out=Path("run"), resume=True, settings=settings, quiet=True)
    assert json.loads(Path("run/summary.json").read_text())["reason"] == "minutes"
    assert json.loads(Path("run/summary.json").read_text())["step"] == 6


def test_every_error_is_one_of_ours(fit):
    """So that the command line shows its message and exit code."""
    with pytest.raises(CnntrainError):
        fit(out=Path("small.yaml"))
