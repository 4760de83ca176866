"""``normalize_targets: standardize``: trained at unit scale, told in the units of the data."""

import json

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.config.read import plan_from_tree, plan_to_tree
from cnntrain.errors import ConfigError
from cnntrain.runs.checkpoint import load
from cnntrain.training.evaluate import evaluate
from cnntrain.training.workers import Workers

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (60, 2))
PRICES = 200_000 + 50_000 * X[:, :1] - 20_000 * X[:, 1:]
SMALL = 1e-6 * X[:, :1]
TARGETS = np.concatenate([PRICES, SMALL], axis=1)


def regression(y=TARGETS, normalize_targets="standardize", **sections):
    data = {
        "source": "inline", "inputs": X.tolist(), "targets": y.tolist(), "validation": 20,
        "normalize_targets": normalize_targets,
    }  # fmt: skip
    network = [{"dense": {"units": y.shape[1]}}]
    given = {"network": network, "loss": "squared_error", "optimizer": {"adam": {"lr": 0.1}}}
    train = {"epochs": 60, "batch_size": 7, **sections.pop("train", {})}
    return {"data": data, **given, **sections, "train": train}


def test_the_network_reads_targets_of_mean_0_and_deviation_1(experiment_of):
    _, y = experiment_of(**regression()).batches("train").take(np.arange(40))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-6)


def test_targets_of_a_million_plus_minus_one_keep_their_digits(experiment_of):
    y = 1e6 + X[:, :1]
    experiment = experiment_of(**regression(y))
    _, read = experiment.batches("val").take(np.arange(20))
    restored = experiment.data.normalizer.of_targets.undo(read)[0]
    np.testing.assert_allclose(restored, experiment.data.splits["val"].y[:, 0], atol=1e-6, rtol=0)


def test_maps_are_normalized_per_channel(experiment_of):
    y = (100.0 * RNG.standard_normal((8, 2, 3, 3)) + [[[5.0]], [[900.0]]]).tolist()
    data = {"source": "inline", "inputs": y, "targets": y, "normalize_targets": "standardize"}
    network = [{"conv2d": {"filters": 2, "kernel": 1}}]
    experiment = experiment_of(data=data, network=network, loss="squared_error")
    assert experiment.data.normalizer.of_targets.shift.shape == (2, 1, 1)
    _, read = experiment.batches("train").take(np.arange(8))
    np.testing.assert_allclose(read.mean(axis=(1, 2, 3)), 0, atol=1e-6)


def test_metrics_are_in_the_units_of_the_data(fitted, capsys):
    folder = fitted(**regression(PRICES, metrics=["r2", "mae"], train={"epochs": 10}))
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    scale = load(folder / "checkpoints" / "last.npz").normalizer.target_scale[0]
    assert last["val/rmse"] == pytest.approx(scale * np.sqrt(2 * last["val/loss"]), rel=1e-4)
    assert scale == pytest.approx(30_000, rel=0.2)
    assert last["val/r2"] > 0.9
    run_eval(folder, EvalOptions(split="val", threads=1, as_json=True))
    found = json.loads(capsys.readouterr().out)
    assert found["rmse"] == pytest.approx(load(folder / "checkpoints/best.npz").state.metrics[
        "val/rmse"
    ])  # fmt: skip
    assert found["r2"] > 0.9


def test_without_it_the_same_training_learns_nothing(train_events, experiment_of):
    rmse = {}
    for kind in ("none", "standardize"):
        *_, end = train_events(experiment_of(**regression(PRICES, kind)))
        rmse[kind] = end.metrics["val/rmse"]
    assert rmse["none"] > 100_000 > 10_000 > rmse["standardize"]


def test_the_statistics_are_stored(fitted):
    folder = fitted(**regression())
    path = folder / "checkpoints" / "last.npz"
    with np.load(path) as arrays:
        names = [name for name in arrays.files if name.startswith("normalize/")]
        shift = arrays["normalize/target_shift"]
    assert sorted(names) == [f"normalize/{n}" for n in ("scale", "shift", "target_scale",
                                                        "target_shift")]  # fmt: skip
    assert shift[0] == pytest.approx(200_000, rel=0.1)
    assert load(path).normalizer.of_targets.shift.tolist() == shift.tolist()


@pytest.mark.parametrize("stop_after", [0, 3, 6, 9])
def test_a_resumed_run_is_the_same(tmp_path, experiment_of, recorded, run_into, stop_after):
    experiment = experiment_of(**regression(train={"epochs": 2}))
    (tmp_path / "whole").mkdir()
    whole = recorded(tmp_path / "whole", experiment)
    run_into(tmp_path / "run", experiment, stop_after)
    run_into(tmp_path / "run", experiment)
    for name in ("best.npz", "last.npz"):
        expected = (whole / "checkpoints" / name).read_bytes()
        assert (tmp_path / "run" / "checkpoints" / name).read_bytes() == expected


def test_targets_standardize_means_the_same(small_tree):
    data = {"source": "synthetic", "problem": "sine", "n": 20, "n_test": 4}
    long, short = (
        plan_from_tree(small_tree(data={**data, key: "standardize"}))
        for key in ("normalize_targets", "targets")
    )
    assert long == short
    assert plan_from_tree(plan_to_tree(long)) == long
    columns = {"source": "csv", "train": "a.csv", "targets": ["standardize"]}
    plan = plan_from_tree(small_tree(data=columns))
    assert (plan.data.source.targets, plan.data.normalize_targets) == (("standardize",), "none")


def test_classes_and_probabilities_have_no_scale(experiment_of):
    data = {"source": "synthetic", "problem": "xor", "n": 20, "n_test": 4}
    with pytest.raises(ConfigError, match="targets are classes, which have no scale; remove"):
        experiment_of(data={**data, "normalize_targets": "standardize"})
    shares = regression((X > 0).astype(float), loss="binary_cross_entropy")
    with pytest.raises(ConfigError, match="binary_cross_entropy needs targets from 0 to 1"):
        experiment_of(**shares)


def test_an_evaluation_compares_with_targets_that_are_not_rounded(experiment_of):
    """In float32 a billion plus minus one is constant, and R² was not defined."""
    y = 1e9 + X[:, :1]
    experiment = experiment_of(**regression(y, "none", metrics=["r2"]))
    params = {name: np.zeros(p.shape, np.float32) for name, p in experiment.network.params.items()}
    params["dense1.b"] += np.float32(1e9)
    with Workers(1) as workers:
        found = experiment.metrics("val", evaluate(experiment, params, "val", workers))
    near = experiment.data.splits["val"].y - 1e9
    assert found["val/rmse"] == pytest.approx(np.sqrt((near**2).mean()), rel=1e-6)
    assert found["val/r2"] == pytest.approx(-(near.mean() ** 2) / near.var(), rel=1e-6)
