"""Labels of which each holds or not: accuracy, F1 and AUC of each and their mean."""

import json

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.report import run_report
from cnntrain.commands.resume import continued_run
from cnntrain.errors import CheckpointError, ConfigError
from cnntrain.metrics.base import Metric, metric_values
from cnntrain.metrics.classification import F1, Accuracy, Auc
from cnntrain.metrics.sums import add_sums, batch_sums, detail_sums, means
from cnntrain.metrics.yes_no import LabelFigures, per_label
from cnntrain.runs.checkpoint import save
from cnntrain.runs.place import Place
from cnntrain.training.shards import cut

Z = np.array([[2.0, -1.0, 0.5, -3.0], [-1.0, -1.0, 0.0, 4.0], [-1.0, -2.0, -3.0, -4.0]])
Y = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], bool)
KINDS = [kind() for kind in Metric.kinds.values() if kind.of_yes_no]


def all_sums(z, y):
    return batch_sums(0.0, z, y) | detail_sums(z, y)


def test_by_hand():
    sums = all_sums(Z, Y)
    assert means(sums) == {"loss": 0.0, "accuracy": 9 / 12}
    assert F1().value(sums) == pytest.approx((0.5 + 2 / 3) / 2)
    assert Auc().value(sums) == pytest.approx((0.75 + 1.0) / 2)
    assert per_label(sums, ("sunny", "windy", "never")) == [
        LabelFigures("sunny", 0.5, 0.5, 0.5, 0.5, 0.75, 2),
        LabelFigures("windy", 0.75, 1.0, 0.5, 2 / 3, 1.0, 2),
        LabelFigures("never", 1.0, None, None, None, None, 0),
    ]


@pytest.mark.parametrize("parts", [2, 3, 50])
def test_sums_add_up_over_any_division(parts):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((3, 50)).astype(np.float32)
    y = rng.random((3, 50)) < 0.4
    first, *others = [all_sums(z[:, s], y[:, s]) for s in cut(50, parts)]
    for other in others:
        first = add_sums(first, other)
    assert per_label(first, "abc") == per_label(all_sums(z, y), "abc")


def test_maps_count_every_position():
    z, y = np.full((2, 3, 4, 5), 0.5), np.ones((2, 3, 4, 5), bool)
    y[1, 0] = False
    assert [row.accuracy for row in per_label(all_sums(z, y), "ab")] == [1.0, 2 / 3]


def test_what_is_undefined_for_all_labels_is_omitted():
    sums = all_sums(Z[2:], Y[2:])
    assert metric_values(sums, (Accuracy(), F1(), Auc())) == {"loss": 0.0, "accuracy": 1.0}


def test_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn to compare with")
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, 200)).astype(np.float32)
    y = rng.random((4, 200)) < 0.5 + 0.3 * np.tanh(z)
    sums = all_sums(z, y)
    assert F1().value(sums) == pytest.approx(metrics.f1_score(y.T, z.T > 0, average="macro"))
    assert Auc().value(sums) == pytest.approx(metrics.roc_auc_score(y.T, z.T, average="macro"))


# --- in training -----------------------------------------------------------------------------


def weather(**sections):
    """Two labels by the signs of two features."""
    x = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    y = (x > 0).astype(float)
    data = {"source": "inline", "inputs": x.tolist(), "targets": y.tolist(), "validation": 20}
    given = {"network": [{"dense": {"units": 2}}], "loss": "binary_cross_entropy"}
    return {"data": data, **given, "optimizer": {"adam": {"lr": 0.1}}, **sections}


YES_NO_LOSSES = ["binary_cross_entropy", "hinge", "squared_hinge"]


@pytest.mark.parametrize("loss", YES_NO_LOSSES)
def test_labels_get_accuracy_f1_and_auc(fitted, loss, capsys):
    folder = fitted(**weather(loss=loss, train={"epochs": 30}))
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-2])
    kinds = ("accuracy", "auc", "f1", "loss")
    assert sorted(name for name in last if "/" in name) == sorted(
        f"{split}/{kind}" for split in ("train", "val") for kind in kinds
    )
    assert last["val/accuracy"] >= 0.9 <= last["val/auc"]
    run_eval(folder, EvalOptions(threads=1, as_json=True))
    found = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in found["per_label"]] == ["0", "1"]
    assert found["auc"] == pytest.approx(np.mean([row["auc"] for row in found["per_label"]]))
    assert {"mae", "rmse", "r2"}.isdisjoint(found)
    run_eval(folder, EvalOptions(threads=1))
    assert "label  accuracy  precision" in capsys.readouterr().out


def test_the_names_of_columns_are_the_labels(fitted, capsys, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{int(a > 0.5)},{int(a > 0.2)}" for a in rng.random(40)]
    (tmp_path / "m.csv").write_text("\n".join(["a,sunny,windy", *rows]))
    data = {"source": "csv", "train": "m.csv", "targets": ["sunny", "windy"]}
    run_eval(fitted(tmp_path, **weather(data=data)), EvalOptions(threads=1, as_json=True))
    found = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in found["per_label"]] == ["sunny", "windy"]


@pytest.mark.parametrize("loss", YES_NO_LOSSES)
def test_one_output_for_two_classes_gets_them_too(experiment_of, loss):
    experiment = experiment_of(network=[{"dense": {"units": 1}}], loss=loss)
    assert {metric.name for metric in experiment.chosen} == {"f1", "auc"}
    assert not experiment_of().chosen  # two classes by cross_entropy


def test_the_best_epoch_is_that_of_the_best_accuracy(experiment_of, checked_training):
    assert experiment_of(**weather()).monitored == "val/accuracy"
    checked_training(experiment_of(**weather(train={"monitor": "val/auc"})))


def test_shares_stay_numbers_and_are_compared_as_probabilities(experiment_of, train_events):
    """MAE and RMSE are those of σ(z), not of z."""
    data = {"source": "inline", "inputs": [[1.0]] * 4, "targets": [[0.9]] * 4}
    experiment = experiment_of(**weather(data=data, network=[{"dense": {"units": 1}}]))
    assert experiment.task == "numbers"
    sums = experiment.sums(0.0, np.full((1, 4), np.log(9.0)), np.full((1, 4), 0.9))
    assert experiment.metrics("train", sums)["train/mae"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", ["mae", "r2", "top_k"])
def test_other_metrics_are_refused_by_name(experiment_of, checked_training, kind):
    with pytest.raises(ConfigError) as caught:
        checked_training(experiment_of(**weather(metrics=[kind])))
    what = "classification" if kind == "top_k" else "regression"
    assert str(caught.value) == (
        f"{kind} is a metric of {what}; yes-or-no labels have accuracy, f1, auc"
    )
    assert caught.value.path == ("metrics", 0)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_for_any_number_of_threads(experiment_of, train_events, threads):
    experiment = experiment_of(**weather(train={"batch_size": 60, "epochs": 2}))
    *_, end = train_events(experiment, threads=threads)
    *_, again = train_events(experiment, threads=1)
    assert dict(end.metrics) == dict(again.metrics)


@pytest.mark.parametrize("stop_after", [0, 2, 5])
def test_a_run_stopped_within_an_epoch_resumes_exactly(
    tmp_path, experiment_of, recorded, run_into, stop_after
):
    experiment = experiment_of(**weather(train={"epochs": 2, "batch_size": 25}))
    (tmp_path / "whole").mkdir()
    whole = recorded(tmp_path / "whole", experiment)
    run_into(tmp_path / "run", experiment, stop_after)
    run_into(tmp_path / "run", experiment)
    last = (tmp_path / "run" / "checkpoints" / "last.npz").read_bytes()
    assert last == (whole / "checkpoints" / "last.npz").read_bytes()


def test_the_report_has_a_row_for_each_label(fitted, tmp_path):
    pytest.importorskip("jinja2", reason="needs Jinja2, which makes the page")
    pytest.importorskip("matplotlib", reason="needs matplotlib, which draws the page")
    run_report([fitted(**weather(train={"epochs": 30}))], tmp_path / "report.html", None)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<th scope="col">AUC</th>') == 1
    assert '<tr><th scope="row">1</th>' in page


def test_sums_of_another_version_are_no_traceback(tmp_path, experiment_of, run_into):
    experiment = experiment_of(**weather(train={"epochs": 2, "batch_size": 25}))
    run_into(tmp_path / "run", experiment, stop_after=1)
    place = Place.at(tmp_path / "run")
    folder, _ = continued_run(place, experiment)
    del folder.state.sums["scores"]
    save(tmp_path / "run" / "checkpoints" / "last.npz", experiment, folder.state)
    for other in (tmp_path / "run" / "checkpoints").glob("best.npz"):
        other.unlink()
    with pytest.raises(CheckpointError, match="metrics another version of cnntrain took otherwise"):
        continued_run(place, experiment)
