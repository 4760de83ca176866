"""Figures of a split: the same as plain NumPy gives, for any cut of the split."""

import math
import tracemalloc

import numpy as np
import pytest

import cnntrain.training.evaluate
from cnntrain.commands.eval import summarize
from cnntrain.metrics.sums import means
from cnntrain.network.network import Pass
from cnntrain.training.evaluate import evaluate
from cnntrain.training.state import start
from cnntrain.training.workers import Workers

CLASSES = {"data": {"source": "synthetic", "problem": "xor", "n": 600, "validation": 0.5}}
SINE = {
    "data": {"source": "synthetic", "problem": "sine", "n": 50, "n_test": 700},
    "network": [{"dense": {"units": 5, "activation": "tanh"}}, {"dense": {"units": 1}}],
    "loss": "squared_error",
}


def sums_and_outputs(experiment, split, threads=1):
    """(sums, outputs (K, N), targets) of untrained weights."""
    params = start(experiment.plan, experiment.network).params
    with Workers(threads) as workers:
        sums = evaluate(experiment, params, split, workers, detail=True)
    x, y = experiment.batches(split).take(np.arange(len(experiment.data.splits[split])))
    z, _ = experiment.network.forward(params, x, Pass())
    return sums, z.astype(np.float64), y


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_figures_of_a_classifier(experiment_of, split):
    experiment = experiment_of(**CLASSES)
    sums, z, y = sums_and_outputs(experiment, split)
    log_p = z - np.log(np.exp(z).sum(axis=0))
    predicted = z.argmax(axis=0)
    result = summarize(split, sums, experiment.data.classes)
    assert result["split"] == split
    assert result["n"] == len(y)
    assert result["loss"] == pytest.approx(-log_p[y, np.arange(len(y))].mean(), rel=1e-6)
    assert result["accuracy"] == (predicted == y).mean()
    expected = [[int(((y == i) & (predicted == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    assert result["confusion"] == expected
    for k, row in enumerate(result["per_class"]):
        assert row["label"] == experiment.data.classes[k]
        assert row["support"] == (y == k).sum()
        assert row["precision"] == pytest.approx((y[predicted == k] == k).mean())
        assert row["recall"] == pytest.approx((predicted[y == k] == k).mean())


@pytest.mark.parametrize("split", ["train", "test"])
def test_figures_of_a_regression(experiment_of, split):
    experiment = experiment_of(**SINE)
    sums, a, y = sums_and_outputs(experiment, split)
    result = summarize(split, sums, None)
    assert list(result) == ["split", "n", "loss", "mae", "rmse", "r2"]
    assert result["n"] == y.shape[1]
    assert result["loss"] == pytest.approx(0.5 * ((a - y) ** 2).mean(), rel=1e-5)
    assert result["mae"] == pytest.approx(abs(a - y).mean(), rel=1e-5)
    assert result["rmse"] == pytest.approx(math.sqrt(((a - y) ** 2).mean()), rel=1e-5)
    r2 = 1 - ((a - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert result["r2"] == pytest.approx(r2, rel=1e-4)


def test_targets_that_never_vary_have_no_r2(experiment_of):
    data = {"source": "inline", "inputs": [[1], [2]], "targets": [0.5, 0.5]}
    experiment = experiment_of(**{**SINE, "data": data})
    sums, _, _ = sums_and_outputs(experiment, "train")
    assert summarize("train", sums, None)["r2"] is None


def test_a_class_that_is_never_met_nor_predicted_has_no_figures(experiment_of):
    data = {"source": "inline", "inputs": [[1.0], [2.0]], "targets": [0, 0],
            "test_inputs": [[1.0]], "test_targets": [1], "class_names": list("abc")}  # fmt: skip
    network = [{"dense": {"units": 3, "init": {"W": "zeros", "b": [1.0, 0.0, 0.0]}}}]
    experiment = experiment_of(data=data, network=network)
    sums, _, _ = sums_and_outputs(experiment, "train")
    rows = summarize("train", sums, experiment.data.classes)["per_class"]
    assert [row["label"] for row in rows] == ["a", "b", "c"]
    assert (rows[0]["precision"], rows[0]["recall"], rows[0]["f1"]) == (1.0, 1.0, 1.0)
    assert (rows[1]["precision"], rows[1]["recall"], rows[1]["f1"]) == (None, None, None)


@pytest.mark.parametrize("portion", [1, 7, 256, 10_000])
def test_any_cut_gives_the_same_figures(monkeypatch, experiment_of, portion):
    experiment = experiment_of(**CLASSES, dtype="float64")
    whole, _, _ = sums_and_outputs(experiment, "val")
    monkeypatch.setattr(cnntrain.training.evaluate, "SHARD_SAMPLES", portion)
    cut, _, _ = sums_and_outputs(experiment, "val")
    np.testing.assert_array_equal(cut["confusion"], whole["confusion"])
    assert means(cut) == pytest.approx(means(whole), rel=1e-12)


def test_the_same_bits_for_any_number_of_threads(experiment_of):
    experiment = experiment_of(**SINE)
    expected, _, _ = sums_and_outputs(experiment, "test")
    for threads in (2, 3):
        found, _, _ = sums_and_outputs(experiment, "test", threads)
        assert {name: np.asarray(value).tobytes() for name, value in found.items()} == {
            name: np.asarray(value).tobytes() for name, value in expected.items()
        }


def test_memory_does_not_grow_with_the_split(experiment_of):
    def peak(samples):
        network = [{"dense": {"units": 200}}, {"dense": {"units": 1}}]
        data = {**SINE["data"], "n_test": samples}
        experiment = experiment_of(**{**SINE, "network": network, "data": data})
        params = start(experiment.plan, experiment.network).params
        tracemalloc.start()
        with Workers(1) as workers:
            evaluate(experiment, params, "test", workers)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(8192) < 1.1 * peak(1024) + 3 * 8 * 8192
