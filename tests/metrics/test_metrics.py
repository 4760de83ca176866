"""Metrics that a config selects: sums add up over any division of the data, values are correct."""

import json

import numpy as np
import pytest

from cnntrain.errors import ConfigError
from cnntrain.metrics.base import Metric, is_better, metric_values
from cnntrain.metrics.classification import F1, Auc, BalancedAccuracy, LogLoss, MacroF1, TopK
from cnntrain.metrics.regression import RSquared
from cnntrain.metrics.sums import add_sums, batch_sums
from cnntrain.training.shards import cut

KINDS = [pytest.param(kind(), id=name) for name, kind in Metric.kinds.items()]
every_kind = pytest.mark.parametrize("metric", KINDS)
N = 200


def outputs(metric, k=8):
    """(z, y): outputs correlated with the targets."""
    rng = np.random.default_rng(0)
    k = 2 if metric.two_classes else k
    if not metric.of_labels:
        y = rng.standard_normal((k, N))
        return y + 0.5 * rng.standard_normal((k, N)), y
    y = rng.choice(k, N, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    return 1.5 * np.eye(k)[:, y] + rng.standard_normal((k, N)), y


def sums_of(metric, z, y):
    return batch_sums(0.0, z, y, metric.of_labels) | metric.sums(z, y)


def value_of(metric, z, y):
    return metric.value(sums_of(metric, z, y))


@every_kind
@pytest.mark.parametrize("parts", [2, 3, 8, N])
def test_sums_add_up_over_any_division(metric, parts):
    z, y = outputs(metric)
    total = None
    for s in cut(N, parts):
        found = sums_of(metric, z[:, s], y[..., s])
        total = found if total is None else add_sums(total, found)
    assert metric.value(total) == pytest.approx(value_of(metric, z, y), rel=1e-12)


@every_kind
def test_sums_survive_a_checkpoint(metric):
    """Arrays are stored as JSON lists and come back with other dtypes."""
    sums = sums_of(metric, *outputs(metric))
    text = json.dumps({name: np.asarray(value).tolist() for name, value in sums.items()})
    read = {name: np.array(value) for name, value in json.loads(text).items()}
    assert metric.value(read) == pytest.approx(metric.value(sums), rel=1e-14)
    assert add_sums(read, sums).keys() == sums.keys()


@every_kind
def test_perfect_outputs_are_the_best(metric):
    z, y = outputs(metric)
    best = 50.0 * np.eye(len(z))[:, y] if metric.of_labels else y
    name = metric.name
    assert is_better(name, value_of(metric, best, y), value_of(metric, z, y))
    value = value_of(metric, best, y)
    assert value == pytest.approx(0 if name in ("log_loss", "mae", "rmse") else 1, abs=1e-3)


@every_kind
def test_round_trip_through_yaml(metric, read_back):
    assert read_back(Metric, metric) == metric


# --- by hand ---------------------------------------------------------------------------------

Z = np.array([[3.0, 1.0, 0.0, 2.0], [2.0, 5.0, 0.0, 1.0], [1.0, 4.0, 0.0, 0.0]])
Y = np.array([1, 2, 0, 0])  # predicted as 0, 1, 0, 0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (BalancedAccuracy(), 1 / 3),  # recalls 1, 0, 0
        (MacroF1(), (4 / 5 + 0 + 0) / 3),
        (TopK(k=1), 1 / 4),  # the third sample ties, which is a miss
        (TopK(k=2), 3 / 4),
        (TopK(k=3), 1.0),
    ],
    ids=str,
)
def test_by_hand(metric, expected):
    assert value_of(metric, Z, Y) == pytest.approx(expected, rel=1e-14)


def test_log_loss_by_hand():
    p = np.exp(Z) / np.exp(Z).sum(axis=0)
    expected = -np.log(p[Y, np.arange(4)]).mean()
    assert value_of(LogLoss(), Z, Y) == pytest.approx(expected, rel=1e-13)
    one = np.array([[0.5, -1.0]])
    expected = (np.log1p(np.exp(-0.5)) + np.log1p(np.exp(-1.0))) / 2
    assert value_of(LogLoss(), one, np.array([1, 0])) == pytest.approx(expected, rel=1e-13)


def test_log_loss_is_not_clipped():
    """scikit-learn clips p to the float's epsilon: 36 is the most that a sample costs there."""
    assert value_of(LogLoss(), np.array([[0.0], [100.0]]), np.array([0])) == pytest.approx(100)
    assert value_of(LogLoss(), np.array([[100.0]]), np.array([0])) == pytest.approx(100)


@pytest.mark.parametrize(
    ("logits", "y", "expected"),
    [
        ([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1], 1.0),
        ([-2.0, -1.0, 1.0, 2.0], [1, 1, 0, 0], 0.0),
        ([-2.0, -1.0, 1.0, 2.0], [0, 1, 0, 1], 0.75),
        ([0.0, 0.0, 0.0, 0.0], [0, 1, 0, 1], 0.5),
        ([-1e4, 1e4], [0, 1], 1.0),
        ([1.0, 2.0], [1, 1], None),
        ([1.0, 2.0], [0, 0], None),
    ],
)
def test_auc_by_hand(logits, y, expected):
    z = np.array([logits])
    assert value_of(Auc(), z, np.array(y)) == expected
    two = np.concatenate([np.zeros_like(z), z])  # the same from two outputs
    assert value_of(Auc(), two, np.array(y)) == expected


def test_r2_by_hand():
    y, a = np.array([[1.0, 2.0, 3.0, 6.0]]), np.array([[1.0, 2.5, 3.0, 5.0]])
    assert value_of(RSquared(), a, y) == pytest.approx(1 - 1.25 / 14)
    assert value_of(RSquared(), a, np.full_like(y, 2.0)) is None


def test_soft_labels_count_as_their_largest():
    soft = 0.8 * np.eye(3)[:, Y] + 0.2 / 3
    for metric in (BalancedAccuracy(), MacroF1(), TopK(k=2), LogLoss()):
        assert value_of(metric, Z, soft) == value_of(metric, Z, Y)


def test_undefined_metrics_are_omitted():
    sums = sums_of(Auc(), np.array([[1.0, 2.0]]), np.array([1, 1]))
    assert metric_values(sums, (Auc(),)).keys() == {"loss", "accuracy"}


@pytest.mark.parametrize("k", [2, 5])
def test_agrees_with_scikit_learn(k):
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn to compare with")
    z, y = outputs(MacroF1(), k)
    p = np.exp(z) / np.exp(z).sum(axis=0)
    taken = z.argmax(axis=0)
    expected = {
        BalancedAccuracy(): metrics.balanced_accuracy_score(y, taken),
        MacroF1(): metrics.f1_score(y, taken, average="macro"),
        LogLoss(): metrics.log_loss(y, p.T),
        TopK(k=2): 1.0 if k == 2 else metrics.top_k_accuracy_score(y, z.T, k=2),
    }
    for metric, value in expected.items():
        assert value_of(metric, z, y) == pytest.approx(value, rel=1e-12), metric
    if k == 2:
        assert value_of(Auc(), z, y) == pytest.approx(
            metrics.roc_auc_score(y, z[1] - z[0]), abs=1e-14
        )
        assert value_of(F1(), z, y) == pytest.approx(metrics.f1_score(y, taken), rel=1e-12)
    a = y + 0.5 * z[:1]
    assert value_of(RSquared(), a, y[None].astype(float)) == pytest.approx(
        metrics.r2_score(y, a[0])
    )


# --- in training -----------------------------------------------------------------------------

XOR = {"source": "synthetic", "problem": "xor", "n": 20, "n_test": 4, "validation": 5}
SINE = {
    "data": {**XOR, "problem": "sine"},
    "network": [{"dense": {"units": 1}}],
    "loss": "squared_error",
}
LABELLED = [kind for kind, metric in Metric.kinds.items() if metric.of_labels]
REAL = [kind for kind, metric in Metric.kinds.items() if not metric.of_labels]


@pytest.mark.parametrize(
    ("sections", "kinds"), [({"data": XOR}, LABELLED), (SINE, REAL)], ids=["labels", "real"]
)
def test_metrics_are_recorded_of_both_splits(tmp_path, fitted, sections, kinds):
    lines = (fitted(**sections, metrics=kinds) / "metrics.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        for kind in kinds:
            name = Metric.kinds[kind]().name
            assert isinstance(line[f"train/{name}"], float)
            assert isinstance(line[f"val/{name}"], float)


@pytest.mark.parametrize(
    ("sections", "kinds", "task"),
    [({"data": XOR}, REAL, "regression"), (SINE, LABELLED, "classification")],
    ids=["real of labels", "labels of real"],
)
def test_metrics_of_the_other_task_are_rejected(
    checked_training, experiment_of, sections, kinds, task
):
    for kind in kinds:
        experiment = experiment_of(**sections, metrics=[kind])
        with pytest.raises(ConfigError) as caught:
            checked_training(experiment)
        assert str(caught.value) == f"{kind} is a metric of {task}; remove it"
        assert caught.value.path == ("metrics", 0)


def test_auc_of_three_classes_is_rejected(checked_training, experiment_of):
    data = {"source": "inline", "inputs": [[1.0], [2.0], [3.0]], "targets": [0, 1, 2]}
    experiment = experiment_of(data=data, network=[{"dense": {"units": 3}}], metrics=["auc"])
    with pytest.raises(ConfigError) as caught:
        checked_training(experiment)
    assert caught.value.path == ("metrics", 0)
    assert str(caught.value) == (
        "auc is a metric of two classes, but the network has 3 outputs; remove it"
    )


def test_only_recorded_metrics_can_be_monitored(checked_training, experiment_of):
    experiment = experiment_of(data=XOR, metrics=["auc"], train={"monitor": "val/auk"})
    with pytest.raises(ConfigError, match="it has train/loss, train/accuracy, train/auc, val"):
        checked_training(experiment)
