"""Values worked out by hand, so that the suite holds without PyTorch to compare with."""

import json
import math

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.errors import ConfigError, DataError
from cnntrain.losses.cross_entropy import CrossEntropy
from cnntrain.optimizers.schedules import (
    Clock,
    Constant,
    Exponential,
    Inv,
    MultiStep,
    OneCycle,
    Plateau,
    Poly,
    Step,
)
from cnntrain.runs.checkpoint import best_checkpoint, load
from cnntrain.training.evaluate import evaluate
from cnntrain.training.state import start
from cnntrain.training.update import limit_norms
from cnntrain.training.workers import Workers

# Losses

LOGITS = np.log([[1.0], [2.0], [5.0]])  # softmax: 1/8, 2/8, 5/8


@pytest.mark.parametrize(
    ("options", "cost", "delta"),
    [
        ({}, math.log(8), [-0.875, 0.25, 0.625]),
        ({"label_smoothing": 0.3},  # t = 0.8, 0.1, 0.1
         0.8 * math.log(8) + 0.1 * math.log(4) + 0.1 * math.log(1.6), [-0.675, 0.15, 0.525]),
        ({"label_smoothing": 0.3, "class_weight": (1.0, 2.0, 0.5)},  # w t = 0.8, 0.2, 0.05
         0.8 * math.log(8) + 0.2 * math.log(4) + 0.05 * math.log(1.6),
         [0.13125 - 0.8, 0.2625 - 0.2, 0.65625 - 0.05]),
    ],
)  # fmt: skip
def test_label_smoothing_gives_each_class_its_share(options, cost, delta):
    found = CrossEntropy(**options).forward(LOGITS, np.array([0]))
    assert found[0] == pytest.approx(cost, rel=1e-12)
    assert found[1][:, 0] == pytest.approx(delta, rel=1e-12)


# Schedules

CLOCK = Clock(steps_per_epoch=10, total_steps=100)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (OneCycle(), {0: 0.04, 10: 0.28, 15: 0.52, 20: 0.76, 30: 1.0, 65: 0.500002, 100: 4e-6}),
        (OneCycle(peak=0.5, start=10.0, end=10.0),
         {0: 0.1, 25: 0.55, 50: 1.0, 75: 0.505, 100: 0.01}),
        (Step(every_steps=10), {9: 1.0, 10: 0.1, 20: 0.01}),
        (Step(every_epochs=2.0), {19: 1.0, 20: 0.1}),
        (MultiStep(at_steps=(10, 20)), {9: 1.0, 10: 0.1, 20: 0.01}),
        (Exponential(), {0: 1.0, 10: 0.95, 20: 0.9025}),
        (Inv(), {0: 1.0, 10_000: 0.5**0.75}),
        (Poly(), {0: 1.0, 25: 0.75, 100: 0.0}),
        (Constant(warmup_epochs=1.0, warmup="exponential"), {4: 0.1, 9: 1.0}),
    ],
    ids=str,
)  # fmt: skip
def test_schedules_with_their_defaults(schedule, expected):
    found = {step: schedule.factor(step, CLOCK) for step in expected}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_a_plateau_with_its_defaults():
    factors = [Plateau().factor(0, Clock(10, 100, drops)) for drops in range(3)]
    assert factors == pytest.approx([1.0, 0.1, 0.01])
    assert [Plateau().drops_after(stale, 0) for stale in (0, 9, 10, 11, 20)] == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Step, {}),
        (Step, {"every_epochs": 1.0, "every_steps": 5}),
        (MultiStep, {}),
        (MultiStep, {"at_epochs": (1.0,), "at_steps": (5,)}),
    ],
)
def test_both_or_neither_way_to_say_when(kind, options):
    with pytest.raises(ValueError, match=r"give '(every|at)_epochs' or '(every|at)_steps'"):
        kind(**options)


# Max-norm


def test_a_transposed_filter_is_one_unit_along_the_second_axis(experiment_of, train_events):
    W = np.arange(24.0).reshape(2, 3, 2, 2)
    limit_norms(W, 0.5, unit_axis=1)
    assert np.sqrt((W**2).sum(axis=(0, 2, 3))) == pytest.approx([0.5] * 3, rel=1e-12)
    experiment = experiment_of(
        data={"source": "digits"},
        network=[
            {"conv2d": {"filters": 4, "kernel": 3}},
            {"conv_transpose2d": {"filters": 2, "kernel": 3}},
            "flatten",
            {"dense": {"units": 10}},
        ],
        train={"max_steps": 1, "max_norm": 0.1},
    )
    state = start(experiment.plan, experiment.network)
    list(train_events(experiment, state))
    W = state.params["conv_transpose1.W"]
    assert W.shape[:2] == (4, 2)
    assert np.sqrt((W**2).sum(axis=(0, 2, 3))) == pytest.approx([0.1] * 2, rel=1e-5)


# Data


@pytest.mark.parametrize(("label", "is_known"), [(999, True), (1000, False)])
def test_inline_labels_have_a_bound(experiment_of, label, is_known):
    sections = {
        "data": {"source": "inline", "inputs": [[1.0], [2.0]], "targets": [0, label]},
        "network": [{"dense": {"units": 1000}}],
    }
    if is_known:
        assert len(experiment_of(**sections).data.classes) == 1000
    else:
        with pytest.raises(ConfigError, match=r"label 1000 is not in 0\.\.999"):
            experiment_of(**sections)


def test_idx_has_ten_classes_by_default(tmp_path, monkeypatch, experiment_of, idx_file):
    monkeypatch.chdir(tmp_path)
    idx_file(tmp_path / "images", np.arange(2 * 4).reshape(2, 2, 2))
    sections = {
        "data": {"source": "idx", "train": {"images": "images", "labels": "labels"}},
        "network": ["flatten", {"dense": {"units": 10}}],
    }
    idx_file(tmp_path / "labels", np.array([0, 9]))
    assert experiment_of(**sections).data.classes == tuple("0123456789")
    idx_file(tmp_path / "labels", np.array([0, 10]))
    with pytest.raises((ConfigError, DataError)):
        experiment_of(**sections)


# Evaluation


@pytest.mark.parametrize(
    ("samples", "units", "largest"),
    [(600, 3, 256), (40, 2**20, 16), (3, 2**24 - 1, 1)],
    ids=["samples", "activations", "one at a time"],
)
def test_an_evaluation_holds_a_bounded_part_of_the_split(
    experiment_of, monkeypatch, samples, units, largest
):
    """At most 256 samples and 2^24 numbers of activations at a time."""
    data = {"source": "synthetic", "problem": "sine", "n": 4, "n_test": samples}
    experiment = experiment_of(
        data=data, network=[{"dense": {"units": 1}}], loss="squared_error", train={"batch_size": 2}
    )
    monkeypatch.setattr(type(experiment.fast_network), "activation_count", units)
    parts = []
    params = start(experiment.plan, experiment.network).params
    with Workers(1) as workers:
        evaluate(experiment, params, "test", workers, see=lambda part, *_: parts.append(part))
    sizes = [part.stop - part.start for part in parts]
    assert sum(sizes) == samples
    assert largest / 2 < max(sizes) <= largest


@pytest.mark.parametrize("shape", [(3,), (1, 2, 2), (2, 3, 1)])
def test_r_squared_of_targets_with_any_number_of_axes(fitted, tmp_path, capsys, shape):
    """1 - Σ(a - y)² / Σ(y - ȳ)², with the mean ȳ of each output by itself."""
    rng = np.random.default_rng(1)
    size = math.prod(shape)
    x = rng.standard_normal((30, 2)).astype(np.float32)
    y = (x @ rng.standard_normal((2, size)) + 100 * np.arange(size)).reshape(30, *shape)
    np.savez(tmp_path / "d.npz", x=x, y=y.astype(np.float32))
    reshaped = [{"reshape": {"shape": list(shape)}}] if len(shape) > 1 else []
    run = fitted(
        data={"source": "npz", "train": "d.npz"},
        network=[{"dense": {"units": size}}, *reshaped],
        loss="squared_error",
    )
    capsys.readouterr()
    run_eval(run, EvalOptions(split="train", threads=1, as_json=True))
    found = json.loads(capsys.readouterr().out)
    params = load(best_checkpoint(run)).state.params
    a = (x @ params["dense1.W"].T + params["dense1.b"].T).reshape(30, *shape)
    residual = ((a - y) ** 2).sum()
    assert found["r2"] == pytest.approx(1 - residual / ((y - y.mean(axis=0)) ** 2).sum(), rel=1e-4)
