"""Every file in configs/ is a test case: read, built, trained for a few steps, evaluated."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.config.read import read_config
from cnntrain.data.locate import DataFolders
from cnntrain.errors import ExitCode
from cnntrain.metrics.sums import means
from cnntrain.runs.checkpoint import best_checkpoint, load
from cnntrain.training.evaluate import evaluate
from cnntrain.training.events import Stopped
from cnntrain.training.experiment import build_network
from cnntrain.training.opening import open_experiment
from cnntrain.training.state import start
from cnntrain.training.workers import Workers

FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


class NeedsFiles(Exception):
    """The data is neither in the package nor in the config."""


def no_files(name):
    raise NeedsFiles(name)


@pytest.fixture
def find(request):
    """``find(plan)`` locates the plan's data files; the test is skipped if they are missing."""

    def for_plan(plan):
        try:
            plan.data.source.load(no_files, plan.seed)
        except NeedsFiles:
            return DataFolders((request.getfixturevalue("shared_data"),)).find
        return no_files

    return for_plan


def test_there_are_configs():
    assert {"digits", "mnist-lenet5", "worked-2-2-2", "adaline"} <= {path.stem for path in CONFIGS}


@every_config
def test_a_config_is_read_and_built(path, find):
    plan = read_config(path).plan
    network = build_network(plan, no_files if plan.input else find(plan))
    assert network.parameter_count > 0


@every_config
def test_a_config_trains_and_evaluates(checked_training, path, find, train_events):
    whole = read_config(path).plan
    checked_training(open_experiment(whole, find(whole)))
    plan = read_config(path, ["train.max_steps=3"]).plan
    experiment = open_experiment(plan, find(plan))
    state = start(plan, experiment.network)
    before = {name: W.copy() for name, W in state.params.items()}
    *_, stopped = train_events(experiment, state)
    assert isinstance(stopped, Stopped)
    assert stopped.reason != "diverged"
    changed = {name for name, W in state.params.items() if not np.array_equal(W, before[name])}
    assert changed
    for name in changed:
        assert np.isfinite(state.params[name]).all()
    with Workers(2) as workers:
        for split in experiment.data.splits.keys() - {"train"}:
            assert np.isfinite(means(evaluate(experiment, state.params, split, workers))["loss"])


@every_config
def test_the_comment_at_the_top_shows_how_to_run_it(path):
    first = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    assert all(line.startswith("#") for line in first if not re.match(r"\w+:|  ", line))
    assert any(f"cnntrain fit configs/{path.name}" in line for line in first)


# What the comments promise


@pytest.fixture
def final(tmp_path, train_events):
    """``final(name)``: (the last event, the weights) of the whole training of a config."""

    def trained(name, *settings):
        plan = read_config(FOLDER / f"{name}.yaml", settings).plan
        experiment = open_experiment(plan, no_files)
        state = start(plan, experiment.network)
        *_, stopped = train_events(experiment, state)
        return stopped, state.params

    return trained


def test_the_worked_example(final):
    """The loss is .29837111 before the update and .29102777 after it (Mazur 2015)."""
    stopped, params = final("worked-2-2-2")
    assert stopped.metrics["train/loss"] == pytest.approx(0.29837111, abs=5e-9)
    np.testing.assert_allclose(
        params["dense2.W"], [[0.35891648, 0.40866619], [0.51130127, 0.56137012]], atol=5e-9
    )
    np.testing.assert_allclose(
        params["dense1.W"], [[0.14978072, 0.19956143], [0.24975114, 0.29950229]], atol=5e-9
    )
    np.testing.assert_array_equal(params["dense1.b"], [[0.35], [0.35]])
    stopped, _ = final("worked-2-2-2", "train.epochs=2")
    assert stopped.metrics["train/loss"] == pytest.approx(0.29102777, abs=5e-9)


def test_the_linear_unit_finds_the_line(final):
    stopped, params = final("adaline")
    assert stopped.reason == "threshold"
    np.testing.assert_allclose(params["dense1.W"], [[2, -1]], atol=1e-4)
    np.testing.assert_allclose(params["dense1.b"], [[0.5]], atol=1e-4)


def test_exclusive_or_is_learnt_only_with_a_hidden_layer(final):
    stopped, _ = final("xor")
    assert (stopped.reason, stopped.metrics["train/accuracy"]) == ("target", 1.0)
    stopped, _ = final("xor", "network.0.dense.activation=identity")
    assert stopped.metrics["train/accuracy"] < 0.8


def test_fine_tuning_changes_what_is_not_frozen(tmp_path):
    """The commands at the top of the config, with a short first training."""
    trained = tmp_path / "digits"
    run_fit(FOLDER / "digits.yaml", FitOptions(("epochs=2",), trained, quiet=True))
    comment = (FOLDER / "fine-tune-digits.yaml").read_text(encoding="utf-8")
    assert "--init-from digits --except dense2\n" in comment
    options = FitOptions(
        out=tmp_path / "tuned", quiet=True, init_from=trained, left_out=("dense2",)
    )
    assert run_fit(FOLDER / "fine-tune-digits.yaml", options) == ExitCode.DONE
    before = load(best_checkpoint(trained)).state.params
    tuned = load(tmp_path / "tuned" / "checkpoints" / "last.npz")
    kept = {name for name, W in tuned.state.params.items() if np.array_equal(W, before[name])}
    assert kept == {"conv1.W", "conv1.b", "conv2.W", "conv2.b"}
    assert tuned.state.metrics["val/accuracy"] > 0.97


@pytest.mark.slow
def test_the_digits_reach_97_percent(tmp_path, capsys):
    options = FitOptions(out=tmp_path / "run", quiet=True)
    assert run_fit(FOLDER / "digits.yaml", options) == ExitCode.DONE
    run_eval(tmp_path / "run", EvalOptions(split="test"))
    accuracy = float(re.search(r"accuracy ([\d.]+)%", capsys.readouterr().out)[1])
    assert accuracy >= 97.0


@pytest.mark.slow
def test_the_fast_config_reaches_99_percent_on_mnist(tmp_path, capsys, shared_data):
    """One of the ten seeds of scripts/README.md, of which the worst reached 99.06 %."""
    run_fit(FOLDER / "mnist-fast.yaml", FitOptions(out=tmp_path / "run", data_dir=shared_data))
    run_eval(tmp_path / "run", EvalOptions(data_dir=shared_data, as_json=True))
    assert json.loads(capsys.readouterr().out)["accuracy"] >= 0.99
