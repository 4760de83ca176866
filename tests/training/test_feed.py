"""Which samples a step takes, and that loading them ahead changes nothing."""

import numpy as np
import pytest

from cnntrain.data import by_index
from cnntrain.training.experiment import training_clock
from cnntrain.training.feed import Feed, is_slow_to_load
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers

AUGMENTED = {"source": "digits", "augment": ["shift", {"gaussian_noise": {"std": 0.5}}]}
PLAIN = {"source": "digits"}


@pytest.fixture
def digits_of(experiment_of):
    def build(data):
        network = ["flatten", {"dense": {"units": 10}}]
        return experiment_of(data=data, network=network, loss="cross_entropy")

    return build


def test_only_what_is_slow_to_load_is_loaded_ahead(digits_of, tmp_path, monkeypatch):
    assert is_slow_to_load(digits_of(AUGMENTED))
    assert not is_slow_to_load(digits_of(PLAIN))
    for name, array in (("x", np.zeros((4, 3))), ("y", np.arange(4) % 2)):
        np.save(tmp_path / f"{name}.npy", array)
    files = {"inputs": str(tmp_path / "x.npy"), "targets": str(tmp_path / "y.npy")}
    names = [str(k) for k in range(10)]
    data = {"source": "npy", "train": files, "class_names": names}
    assert not is_slow_to_load(digits_of(data))
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 10)
    assert is_slow_to_load(digits_of(data))


@pytest.mark.parametrize("data", [AUGMENTED, PLAIN], ids=["ahead", "at once"])
def test_a_feed_changes_no_bit(digits_of, data):
    experiment = digits_of(data)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Workers(1) as workers, Feed(experiment, clock) as feed:
        fed, alone = (start(experiment.plan, experiment.network) for _ in range(2))
        for _ in range(3):
            train_step(experiment, fed, workers, clock, feed)
            train_step(experiment, alone, workers, clock)
    for name, W in fed.params.items():
        np.testing.assert_array_equal(W, alone.params[name])


def test_steps_may_be_asked_for_in_any_order(digits_of):
    experiment = digits_of(AUGMENTED)
    clock = training_clock(experiment.plan, len(experiment.data.train))
    with Feed(experiment, clock) as feed:
        first, again = feed.take(5), [feed.take(step) for step in (0, 5)][1]
    for k, (x, y) in first.items():
        x2, y2 = again[k]
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
