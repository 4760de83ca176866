"""Whatever a config chooses from the catalogue, a run stopped at any step resumes exactly."""

import numpy as np
import pytest

from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Schedule
from cnntrain.runs.checkpoint import load

CLASSIFY = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 20, "n_test": 4, "validation": 4},
    "network": [{"dense": {"units": 5, "activation": "tanh"}}, {"dense": {"units": 2}}],
    "optimizer": {"sgd": {"lr": 0.2, "momentum": 0.9}},
    "train": {"epochs": 2, "batch_size": 6},
}
EVENTS = 2 * (3 + 1) + 1  # steps, ends of epochs, the end
IMAGES = {
    "source": "inline",
    "inputs": np.arange(16 * 25).reshape(16, 1, 5, 5).tolist(),
    "targets": [k % 2 for k in range(16)],
    "augment": [
        {"shift": {"pixels": 1}},
        "flip_horizontal",
        {"elastic": {"alpha": 3.0, "sigma": 1.0}},
        {"gaussian_noise": {"std": 0.5}},
        "mixup",
    ],
    "normalize": "unit",
}
DENSE_2 = {"dense": {"units": 2}}
PARTS = {  # what makes each case special
    "plateau": {
        "optimizer": {"sgd": {"lr": 1.0}},
        "schedule": {"plateau": {"patience_epochs": 1, "gamma": 0.5}},
        "train": {"epochs": 5, "batch_size": 10},
    },
    "augmentation": {
        "data": IMAGES,
        "network": ["flatten", DENSE_2],
        "train": {"epochs": 2, "batch_size": 6},
    },
    "dropout": {"network": [{"dense": {"units": 9}}, {"dropout": {"rate": 0.4}}, DENSE_2]},
    "gaussian_noise": {"network": [{"gaussian_noise": {"std": 0.5}}, DENSE_2]},
    "batch_norm": {
        "network": [{"dense": {"units": 4}}, {"batch_norm": {"momentum": 0.6}}, "relu", DENSE_2]
    },
    "average": {"train": {"epochs": 2, "batch_size": 6, "average": 0.8}},
    "clip and max_norm": {
        "train": {"epochs": 2, "batch_size": 6, "clip": {"norm": 0.1}, "max_norm": 0.5}
    },
    "patience": {
        "optimizer": {"sgd": {"lr": 2.0}},
        "train": {"epochs": 30, "batch_size": 8, "stop": {"patience": 2}},
    },
    "metrics": {"metrics": ["macro_f1", "auc", "log_loss", {"top_k": {"k": 1}}]},
    "metrics of regression": {
        "data": {"source": "synthetic", "problem": "sine", "n": 16, "n_test": 4, "validation": 4},
        "network": [{"dense": {"units": 1}}],
        "loss": "huber",
        "metrics": ["r2", "mae", "rmse"],
    },
    "monitored metric": {
        "metrics": ["auc"],
        "train": {"epochs": 2, "batch_size": 8, "monitor": "val/auc"},
    },
    "several losses": {
        "network": [{**DENSE_2, "name": "aux"}, "tanh", DENSE_2],
        "loss": ["cross_entropy", {"cross_entropy": {}, "output": "aux", "weight": 0.3}],
    },
}
OPTIMIZERS = {
    kind: {"optimizer": {kind: {"lr": 0.02, "weight_decay": 0.01}}} for kind in Optimizer.kinds
}
SCHEDULES = {  # options that make something of this short training; plateau is a part
    "constant": {"warmup_epochs": 1},
    "step": {"every_epochs": 1, "gamma": 0.5},
    "multistep": {"at_epochs": [1], "gamma": 0.5},
    "exponential": {"gamma": 0.9},
    "inv": {"gamma": 0.1, "power": 0.75},
    "poly": {"power": 1.0},
    "sigmoid": {"gamma": 0.5, "center_steps": 3},
    "cosine": {"warmup_epochs": 0.5},
    "one_cycle": {},
    "piecewise_linear": {"points": [[0, 1.0], [1, 0.1], [2, 0.5]]},
}
SCHEDULED = {kind: {"schedule": {kind: options}} for kind, options in SCHEDULES.items()}
CASES = PARTS | OPTIMIZERS | SCHEDULED


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch):
    """No power cut is tested here, so nothing has to reach the disk."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def whole(tmp_path, experiment_of, run_into, train_events):
    """``whole(case)``: (experiment, folder of an uninterrupted run, number of its events)."""

    def trained(case):
        experiment = experiment_of(**{**CLASSIFY, **CASES[case]})
        run_into(tmp_path / "whole", experiment)
        return experiment, tmp_path / "whole", len(list(train_events(experiment)))

    return trained


def last_bytes(folder):
    return (folder / "checkpoints" / "last.npz").read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_stopped_anywhere_and_resumed(tmp_path, run_into, whole, case):
    experiment, folder, events = whole(case)
    for stop_after in range(events):
        part = tmp_path / f"stopped-{stop_after}"
        run_into(part, experiment, stop_after)
        run_into(part, experiment)
        assert last_bytes(part) == last_bytes(folder), f"stopped after event {stop_after}"


@pytest.mark.parametrize("case", CASES)
def test_resumed_again_and_again(tmp_path, run_into, whole, case):
    """Twice, and stopped after each single event."""
    experiment, folder, events = whole(case)
    for _ in range(events):
        run_into(tmp_path / "parts", experiment, stop_after=0)
    assert last_bytes(tmp_path / "parts") == last_bytes(folder)


def test_every_schedule_has_its_case():
    assert {*SCHEDULES, "plateau"} == set(Schedule.kinds)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_every_optimiser_is_stopped_at_every_step(whole, case):
    _, folder, events = whole(case)
    assert events == EVENTS
    state = load(folder / "checkpoints" / "last.npz").state
    slots = Optimizer.kinds[case](lr=0.1).active_slots()
    assert {name.partition(":")[0] for name in state.optimizer_state} == set(slots)
    assert all(state.optimizer_state[name].any() for name in state.optimizer_state)


def test_the_plateau_drops_in_its_case(whole):
    assert load(whole("plateau")[1] / "checkpoints" / "last.npz").state.drops >= 2


def test_patience_ends_its_case(whole):
    assert '"patience"' in (whole("patience")[1] / "summary.json").read_text()


def test_the_metrics_of_their_cases_are_recorded(whole):
    text = (whole("metrics")[1] / "metrics.jsonl").read_text()
    for name in ("macro_f1", "auc", "log_loss", "top_1_accuracy"):
        assert text.count(f'"train/{name}"') == text.count(f'"val/{name}"') == 3
