"""A remedy that the self-test names is the right one: applied to the config, the check passes."""

import re

import numpy as np
import pytest
import yaml

from cnntrain.diagnostics import changes, selftest, trial
from cnntrain.diagnostics.gradient_flow import flow_of
from cnntrain.diagnostics.selftest import CHECKS, check_gradients
from cnntrain.diagnostics.trial import is_fitted, two_batches
from cnntrain.training.state import start
from cnntrain.training.workers import Workers

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (64, 3))
TRAIN = {"batch_size": 16, "epochs": 5}
DIGITS = {"source": "digits", "normalize": "unit"}


def deep(count, activation, units=32):
    hidden = [{"dense": {"units": units, "activation": activation}} for _ in range(count)]
    return ["flatten", *hidden, {"dense": {"units": 10}}]


def regression(y, x=X, lr=0.05, **data):
    return {
        "data": {"source": "inline", "inputs": x.tolist(), "targets": y.tolist(), **data},
        "network": [{"dense": {"units": 16, "activation": "tanh"}}, {"dense": {"units": 1}}],
        "loss": "squared_error",
        "optimizer": {"sgd": {"lr": lr}},
    }


PRICES = 200_000 + 50_000 * np.sin(3 * X[:, :1])
RAW = {
    "data": {
        "source": "inline",
        "inputs": (127.5 * (X + 1)).tolist(),
        "targets": (X[:, 0] * X[:, 1] > 0).astype(int).tolist(),
    },
    "network": [{"dense": {"units": 32, "activation": "relu"}}] * 2 + [{"dense": {"units": 2}}],
    "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
}
CASES = {
    "prices": regression(PRICES),
    "a million plus minus one": regression(1e6 + X[:, :1]),
    "tiny targets": regression(1e-5 * X[:, :1]),
    "raw inputs that kill every relu": RAW,
    "eight sigmoid layers": {"data": DIGITS, "network": deep(8, "sigmoid")},
    "a rate too small": {"data": DIGITS, "network": deep(1, "relu"),
                         "optimizer": {"sgd": {"lr": 1e-7}}},
    "a rate too large": {"data": DIGITS, "network": deep(2, "relu"),
                         "optimizer": {"sgd": {"lr": 30.0}}},
    "prices and raw inputs": regression(PRICES, 100 + 500 * X),
}  # fmt: skip
EXPECTED = {
    "prices": "data.normalize_targets: standardize",
    "a million plus minus one": "data.normalize_targets: standardize",
    "tiny targets": "data.normalize_targets: standardize",
    "raw inputs that kill every relu": "data.normalize: per_feature",
    "eight sigmoid layers": "relu in place of sigmoid",
    "a rate too small": "optimizer.sgd.lr: 0.1",
    "a rate too large": "optimizer.sgd.lr: ",
    "prices and raw inputs": "data.normalize",
}


def first_failure(experiment):
    with Workers(1) as workers:
        findings = (check(experiment, workers) for check in CHECKS if check is not check_gradients)
        return next((found for found in findings if not found.ok), None)


def applied(tree, remedy):
    """The config after the lines that a remedy begins with."""
    tree = yaml.safe_load(yaml.safe_dump(tree))
    swap = re.match(r"(\w+) in place of (\w+)", remedy)
    if swap:
        return yaml.safe_load(yaml.safe_dump(tree).replace(swap[2], swap[1]))
    for line in remedy.partition(" (")[0].split(", "):
        path, value = line.split(": ")
        *parents, key = path.split(".")
        section = tree
        for name in parents:
            section = section.setdefault(name, {})
        section[key] = yaml.safe_load(value)
    return tree


@pytest.mark.parametrize("case", CASES)
def test_the_remedies_lead_to_a_training_that_passes(experiment_of, case):
    tree, seen = CASES[case], []
    while (found := first_failure(experiment_of(**tree, train=TRAIN))) is not None:
        assert len(seen) < 3, (seen, found)
        seen.append(found.remedy)
        tree = applied(tree, found.remedy)
    assert seen[0].startswith(EXPECTED[case])


# --- gradients relative to the last layer ----------------------------------------------------


def verdict(check, experiment):
    with Workers(1) as workers:
        return check(experiment, workers)


def test_vanishing_gradients_are_not_exactly_zero(experiment_of):
    experiment = experiment_of(data=DIGITS, network=deep(8, "sigmoid"), train=TRAIN)
    found = verdict(selftest.check_reach, experiment)
    assert not found.ok
    assert re.match(r"vanish: at dense1.W \d\.\de-05 times as large as at dense9.W", found.found)


@pytest.mark.parametrize(
    ("count", "activation"), [(1, "sigmoid"), (3, "sigmoid"), (12, "relu"), (8, "tanh")]
)
def test_networks_that_learn_are_not_suspected(experiment_of, count, activation):
    experiment = experiment_of(
        data=DIGITS, network=deep(count, activation), optimizer={"sgd": {"lr": 0.01}}, train=TRAIN
    )
    assert verdict(selftest.check_reach, experiment).ok


def test_units_that_die_in_the_first_updates_are_found(experiment_of):
    experiment = experiment_of(**RAW, train=TRAIN)
    small = two_batches(experiment)
    with Workers(1) as workers:
        assert not flow_of(small, start(small.plan, small.network).params, workers).dead
    found = verdict(selftest.check_reach, experiment)
    assert not found.ok
    assert found.found.startswith("after 10 updates none reaches dense1.W")


# --- the prior -------------------------------------------------------------------------------


def test_predicting_the_frequent_class_is_not_fitted():
    guess = {"loss": 0.2, "accuracy": 0.95}
    assert not is_fitted({"loss": 0.19, "accuracy": 0.95}, guess, 0.7)
    assert is_fitted({"loss": 0.19, "accuracy": 0.999}, guess, 0.7)
    assert is_fitted({"loss": 0.02, "accuracy": 0.95}, guess, 0.7)


def test_a_mean_far_from_0_is_not_fitted_by_finding_the_mean():
    assert not is_fitted({"loss": 0.5, "rmse": 1.0}, {"loss": 0.5}, first=5e11)
    assert is_fitted({"loss": 0.04, "rmse": 1.0}, {"loss": 0.5}, first=5e11)


def test_samples_of_one_class_are_fitted_by_their_first_loss():
    assert is_fitted({"loss": 0.01, "accuracy": 1.0}, {"loss": 0.0, "accuracy": 1.0}, 0.7)
    assert not is_fitted({"loss": 0.5, "accuracy": 1.0}, {"loss": 0.0, "accuracy": 1.0}, 0.7)


def test_a_network_that_ignores_its_inputs_does_not_pass(experiment_of):
    """Nineteen of twenty samples are of one class: accuracy 95 % by guessing."""
    labels = [0] * 38 + [1] * 2
    data = {"source": "inline", "inputs": [[1.0, 0.0]] * 40, "targets": labels}
    experiment = experiment_of(data=data, train={"batch_size": 20})
    found = verdict(selftest.check_overfit, experiment)
    assert not found.ok
    assert "guessing gives 0.1985" in found.found


def test_rare_classes_do_not_make_a_usual_start_suspicious(experiment_of):
    labels = [0] * 198 + [1, 1]
    data = {"source": "inline", "inputs": RNG.standard_normal((200, 2)).tolist()}
    experiment = experiment_of(data={**data, "targets": labels}, train={"batch_size": 50})
    found = verdict(selftest.check_start, experiment)
    assert found.ok
    assert "guessing gives 0.056" in found.found


def test_inputs_far_from_0_fail(experiment_of):
    experiment = experiment_of(**regression(X[:, :1], 1e4 + X), train=TRAIN)
    found = verdict(selftest.check_inputs, experiment)
    assert (found.ok, found.remedy) == (False, "data.normalize: per_feature")


def test_standardized_targets_pass(experiment_of):
    experiment = experiment_of(**regression(PRICES, normalize_targets="standardize"), train=TRAIN)
    assert verdict(selftest.check_targets, experiment).ok


def test_of_shares_only_what_can_be_learned_counts(experiment_of):
    """Their entropy is the least that binary_cross_entropy and smoothed classes can reach."""
    shares = 1 / (1 + np.exp(-2 * X))
    data = {"source": "inline", "inputs": X.tolist(), "targets": shares.tolist()}
    experiment = experiment_of(
        data=data,
        network=[{"dense": {"units": 3}}],
        loss="binary_cross_entropy",
        optimizer={"adam": {"lr": 0.05}},
        train=TRAIN,
    )
    entropy = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).sum(axis=1)
    everything = trial.without_noise(experiment, 64)
    assert trial.least_loss(everything) == pytest.approx(entropy.mean(), rel=1e-6)
    assert verdict(selftest.check_overfit, experiment).ok


def test_labels_that_never_hold_are_named(experiment_of):
    y = np.stack([X[:, 0] > 0, X[:, 0] > 2, X[:, 0] > -2], axis=1).astype(float)
    data = {"source": "inline", "inputs": X.tolist(), "targets": y.tolist()}
    experiment = experiment_of(
        data=data, network=[{"dense": {"units": 3}}], loss="binary_cross_entropy", train=TRAIN
    )
    found = verdict(selftest.check_targets, experiment)
    assert (found.ok, found.found) == (False, "always or never yes: 1, 2")


def test_of_a_large_network_only_few_changes_are_tried(experiment_of, monkeypatch):
    experiment = experiment_of(**CASES["prices and raw inputs"], train=TRAIN)
    assert len(list(changes.changes(experiment))) > 5
    monkeypatch.setattr(changes, "MOST_WORK", 0)
    assert len(list(changes.changes(experiment))) == 2


@pytest.mark.parametrize("loss", ["squared_error", "hinge", "squared_hinge", "cross_entropy"])
def test_the_usual_start_of_any_loss_is_not_suspected(experiment_of, loss):
    network = ["flatten", {"dense": {"units": 10}}]
    experiment = experiment_of(data=DIGITS, network=network, loss=loss, train=TRAIN)
    assert verdict(selftest.check_start, experiment).ok
