"""Guessing is the best constant output; a training is judged against it."""

import numpy as np
import pytest

from cnntrain.training import baseline
from cnntrain.training.baseline import Baseline, guessing, judged

LABELS = [0] * 6 + [1] * 3 + [2]


def classified(experiment_of, labels=LABELS, loss="cross_entropy", units=3, **data):
    inputs = [[float(k)] for k in range(len(labels))]
    source = {"source": "inline", "inputs": inputs, "targets": labels, **data}
    return experiment_of(data=source, network=[{"dense": {"units": units}}], loss=loss)


def regression(experiment_of, y, loss="squared_error", **data):
    inputs = [[float(k)] for k in range(len(y))]
    source = {"source": "inline", "inputs": inputs, "targets": y, **data}
    return experiment_of(data=source, network=[{"dense": {"units": 1}}], loss=loss)


def test_of_classes_the_shares_and_the_most_frequent_one(experiment_of):
    found = guessing(classified(experiment_of), "train")
    shares = np.array([0.6, 0.3, 0.1])
    assert found["loss"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert found["accuracy"] == 0.6


def test_of_another_split_by_the_shares_of_the_training(experiment_of):
    experiment = classified(experiment_of, test_inputs=[[1.0], [2.0]], test_targets=[2, 2])
    found = guessing(experiment, "test")
    assert found["loss"] == pytest.approx(-np.log(0.1))
    assert found["accuracy"] == 0.0


def test_balanced_weights_do_not_hide_the_most_frequent_class(experiment_of):
    weighted = {"cross_entropy": {"class_weight": "balanced"}}
    found = guessing(classified(experiment_of, loss=weighted), "train")
    assert found["loss"] == pytest.approx(np.log(3))
    assert found["accuracy"] == 0.6


def test_of_numbers_the_mean_in_their_units(experiment_of):
    y = [[200.0], [400.0], [600.0]]
    found = guessing(regression(experiment_of, y), "train")
    assert found["rmse"] == pytest.approx(np.std(y))
    assert found["loss"] == pytest.approx(np.var(y) / 2)
    scaled = guessing(regression(experiment_of, y, normalize_targets="standardize"), "train")
    assert scaled["rmse"] == pytest.approx(np.std(y))
    assert scaled["loss"] == pytest.approx(0.5)


def test_of_yes_or_no_labels_the_more_frequent_answer(experiment_of):
    y = [[1.0], [1.0], [1.0], [0.0]]
    found = guessing(regression(experiment_of, y, "binary_cross_entropy"), "train")
    assert found["loss"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert (found["accuracy"], found["auc"]) == (0.75, 0.5)


def test_several_losses_are_guessed_each(experiment_of):
    experiment = experiment_of(
        network=[{"name": "aux", "dense": {"units": 2}}, {"dense": {"units": 2}}],
        loss=["cross_entropy", {"cross_entropy": {}, "output": "aux", "weight": 0.5}],
    )
    alone = guessing(experiment_of(), "train")["loss"]
    assert guessing(experiment, "train")["loss"] == pytest.approx(1.5 * alone)


# --- the verdict -----------------------------------------------------------------------------


@pytest.fixture
def verdict(experiment_of):
    """``verdict(metrics, *epochs)``: of classes with shares ½; guessing costs ln 2."""
    experiment = classified(experiment_of, [0, 1] * 200, units=2, validation=0.5)

    def judge(metrics, *losses):
        whole = {"train/loss": 0.1, "val/loss": 0.1, "val/accuracy": 0.5, **metrics}
        return judged(experiment, whole, [{"train/loss": loss} for loss in losses])

    return judge


LN_2 = float(np.log(2))


@pytest.mark.parametrize(
    ("metrics", "better"),
    [
        ({"val/loss": 0.6, "val/accuracy": 0.5}, True),
        ({"val/loss": LN_2, "val/accuracy": 0.5}, False),
        ({"val/loss": 0.99 * LN_2, "val/accuracy": 0.5}, False),
        ({"val/loss": 5.0, "val/accuracy": 0.55}, False),  # chance: ± 0.035
        ({"val/loss": 5.0, "val/accuracy": 0.6}, True),  # sure of its mistakes, yet better
        ({"val/loss": LN_2, "train/loss": LN_2, "val/accuracy": 0.6}, False),  # at ln 2 all along
    ],
)
def test_neither_loss_nor_accuracy_is_better(verdict, metrics, better):
    losses = (0.69, metrics.get("train/loss", 0.3))
    assert verdict(metrics, *losses).better == better


def test_the_epoch_from_which_on_nothing_was_learned(verdict):
    stuck = {"val/loss": LN_2, "train/loss": LN_2}
    assert verdict(stuck, LN_2, LN_2, LN_2).since_epoch == 1
    assert verdict(stuck, 0.6, 0.3, LN_2, LN_2).since_epoch == 3
    assert verdict({"val/loss": LN_2}, LN_2, 0.3).since_epoch is None


def test_without_metrics_or_anything_to_learn_there_is_no_verdict(experiment_of, verdict):
    experiment = regression(experiment_of, [[3.0], [3.0]])
    assert judged(experiment, {"train/loss": 1.0}, []) is None
    assert judged(experiment, {}, []) is None


def test_in_words():
    found = Baseline("val", {"loss": LN_2, "accuracy": 0.5}, {"loss": 0.7, "accuracy": 0.45}, False)
    assert str(found) == "val/loss 0.7 (guessing: 0.69315), val/accuracy 45.00% (guessing: 50.00%)"


def test_large_maps_are_looked_at_in_parts(experiment_of, monkeypatch):
    y = np.random.default_rng(0).standard_normal((7, 2, 3, 3)).tolist()
    data = {"source": "inline", "inputs": y, "targets": y}
    network = [{"conv2d": {"filters": 2, "kernel": 1}}]
    experiment = experiment_of(data=data, network=network, loss="squared_error")
    whole = guessing(experiment, "train")
    monkeypatch.setattr(baseline, "MOST_NUMBERS", 40)
    assert guessing(experiment, "train") == pytest.approx(whole)
    assert whole["loss"] == pytest.approx(np.var(y, axis=0).sum() / 2)
