"""A training that ends no better than guessing says so, with the remedy of ``--check``."""

import json

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.commands.report import run_report
from cnntrain.runs.record import read_run

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (120, 3))
LABELS = (X[:, 0] > 0).astype(int)
XOR = (X[:, 0] * X[:, 1] > 0).astype(int)  # which no untrained network knows
MLP = [{"dense": {"units": 16, "activation": "relu"}}, {"dense": {"units": 2}}]


def inline(x=X, y=LABELS, **data):
    source = {"source": "inline", "inputs": x.tolist(), "targets": y.tolist(), "validation": 40}
    return {"data": {**source, **data}, "network": MLP, "optimizer": {"sgd": {"lr": 0.1}}}


@pytest.fixture
def trained(config_file, tmp_path, capsys):
    """``trained(**sections)``: what it said on stderr, and its summary."""

    def run(**sections):
        options = FitOptions(out=tmp_path / "run", quiet=True)
        path = config_file(**sections)
        assert run_fit(path, options) == 0
        summary = json.loads((tmp_path / "run" / "summary.json").read_text())
        return capsys.readouterr().err, summary

    return run


def test_a_training_that_learned_says_nothing(trained, tmp_path):
    said, summary = trained(**inline(), train={"epochs": 40})
    assert said == ""
    found = summary["baseline"]
    assert (found["better"], found["split"]) == (True, "val")
    assert found["guessing"]["loss"] == pytest.approx(np.log(2), rel=0.02)
    assert found["reached"]["accuracy"] == summary["val/accuracy"]
    assert "remedy" not in found
    assert read_run(tmp_path / "run").baseline["better"]


def test_dead_units_are_the_cause(trained, tmp_path):
    raw = inline(127.5 * (X + 1))
    said, summary = trained(**{**raw, "optimizer": {"sgd": {"lr": 1.0}}}, train={"epochs": 20})
    found = summary["baseline"]
    assert not found["better"]
    assert found["since_epoch"] == 1
    assert said.startswith("Warning: this training is no better than guessing: val/loss ")
    assert "; so was its training loss from epoch 1 on\n" in said
    assert found["remedy"] == "data.normalize: per_feature"
    assert f"-> {found['remedy']}" in said
    assert "no better than guessing" in (tmp_path / "run" / "log.txt").read_text()


def test_targets_without_a_rule_are_learned_by_heart(trained):
    noise = RNG.integers(0, 2, 120)
    network = [{"dense": {"units": 100, "activation": "relu"}}, {"dense": {"units": 2}}]
    sections = {**inline(y=noise), "network": network, "optimizer": {"adam": {"lr": 0.01}}}
    said, summary = trained(**sections, train={"epochs": 150})
    assert not summary["baseline"]["better"]
    assert summary["baseline"]["cause"].startswith("learned by heart: train/loss ")
    assert "check that inputs and targets belong together" in said


def test_too_few_updates_are_the_cause(trained):
    slow = {**inline(y=XOR), "optimizer": {"sgd": {"lr": 1e-4}}}
    _, summary = trained(**slow, train={"epochs": 2})
    assert summary["baseline"]["cause"] == "length: only 20 updates"
    assert summary["baseline"]["remedy"] == "train.epochs: 20"


def test_a_rate_that_is_too_low_is_the_cause(trained):
    slow = {**inline(y=XOR), "optimizer": {"sgd": {"lr": 1e-7}}}
    _, summary = trained(**slow, train={"epochs": 20})
    assert summary["baseline"]["remedy"].startswith("optimizer.sgd.lr: 0.1 (a higher learning")


def test_a_regression_that_finds_the_mean_only(trained):
    prices = 200_000 + 50_000 * X[:, :1]
    sections = {**inline(y=prices), "network": [{"dense": {"units": 1}}], "loss": "squared_error"}
    sections["optimizer"] = {"adam": {"lr": 0.01}}
    said, summary = trained(**sections, train={"epochs": 20})
    assert summary["baseline"]["remedy"] == "data.normalize_targets: standardize"
    assert "val/rmse " in said


def test_its_remedy_helps(trained):
    prices = 200_000 + 50_000 * X[:, :1]
    sections = {
        **inline(y=prices, normalize_targets="standardize"),
        "network": [{"dense": {"units": 1}}],
        "loss": "squared_error",
    }
    said, summary = trained(
        **{**sections, "optimizer": {"adam": {"lr": 0.1}}}, train={"epochs": 20}
    )
    assert said == ""
    assert summary["val/rmse"] < 1000


def test_a_handful_of_updates_is_not_judged_aloud(trained):
    said, summary = trained()
    assert said == ""
    assert summary["step"] < 10
    assert {"split", "guessing", "reached", "better", "since_epoch"} == set(summary["baseline"])


def test_the_report_says_so_too(trained, tmp_path):
    pytest.importorskip("jinja2", reason="needs Jinja2, which makes the page")
    pytest.importorskip("matplotlib", reason="needs matplotlib, which draws the page")
    slow = {**inline(y=XOR), "optimizer": {"sgd": {"lr": 1e-7}}}
    _, summary = trained(**slow, train={"epochs": 20})
    out = tmp_path / "report.html"
    run_report([tmp_path / "run"], out, None)
    page = out.read_text(encoding="utf-8")
    assert "No better than guessing: " in page
    assert summary["baseline"]["remedy"] in page
    assert "guessing gives" in page


@pytest.mark.parametrize("damage", [None, [], {"guessing": 3}, {"guessing": {"loss": "x"}}])
def test_a_foreign_baseline_does_no_harm(trained, tmp_path, damage):
    trained()
    path = tmp_path / "run" / "summary.json"
    path.write_text(json.dumps({"baseline": damage}))
    assert read_run(tmp_path / "run").baseline.get("guessing", {}) == {}


@pytest.mark.parametrize(("kind", "named"), [("none", True), ("standardize", False)])
def test_a_regression_that_diverges_is_told_of_the_scale_of_its_targets(
    config_file, capsys, tmp_path, kind, named
):
    prices = 2e5 + 5e4 * X[:, :1]
    sections = {
        **inline(y=prices, normalize_targets=kind),
        "network": [{"dense": {"units": 1}}],
        "loss": "squared_error",
        "optimizer": {"sgd": {"lr": 1e9}},
    }
    assert run_fit(config_file(**sections), FitOptions(out=tmp_path / "run", quiet=True)) == 3
    advice = "{normalize: per_channel, normalize_targets: standardize})."
    assert (advice in capsys.readouterr().err) == named
