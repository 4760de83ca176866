"""Figures of the layers: right, written every so many steps, and without any effect."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from cnntrain.optimizers.schedules import Clock
from cnntrain.text import json_text
from cnntrain.training.events import StepEnd
from cnntrain.training.probe import norm, probe
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers

LAYERS = [{"dense": {"units": 6, "activation": "relu"}}, {"dense": {"units": 2}}]


@pytest.fixture
def experiment(experiment_of):
    def opened(**log):
        return experiment_of(network=LAYERS, log=log, train={"epochs": 3, "batch_size": 8})

    return opened


def test_figures_of_arrays_and_outputs_by_hand(experiment):
    opened = experiment()
    before = start(opened.plan, opened.network).params
    before["dense1.b"][:] = -100.0  # every unit is dead
    after = {name: 1.5 * W for name, W in before.items()}
    grads = {name: np.full_like(W, 2.0) for name, W in before.items()}
    found = probe(opened, before, after, grads, np.arange(8), step=0)
    metrics = found.arrays["dense1.W"]
    W = before["dense1.W"].astype(np.float64)
    assert metrics.mean == pytest.approx(W.mean(), rel=1e-5)
    assert metrics.std == pytest.approx(W.std(), rel=1e-5)
    assert metrics.norm == pytest.approx(math.sqrt((W * W).sum()))
    assert metrics.gradient_norm == pytest.approx(2 * math.sqrt(W.size))
    assert metrics.update_ratio == pytest.approx(0.5)
    assert found.arrays["dense2.b"].update_ratio is None  # all 0
    assert list(found.outputs) == ["dense1", "relu1", "dense2"]
    assert found.outputs["relu1"].dead_share == 1.0
    assert found.outputs["dense1"].dead_share is None
    assert found.outputs["relu1"].mean == 0.0
    x = opened.data.train.x[:8].astype(np.float32).T
    assert found.outputs["dense1"].mean == pytest.approx((before["dense1.W"] @ x - 100).mean())


def test_the_dead_share_counts_units_and_channels(experiment_of):
    images = [{"conv2d": {"filters": 4, "kernel": 3}}, "relu", "flatten", {"dense": {"units": 10}}]
    opened = experiment_of(data={"source": "digits"}, network=images)
    params = start(opened.plan, opened.network).params
    params["conv1.b"][:3] = -1e6
    params["conv1.b"][3] = 1e6
    found = probe(opened, params, params, params, np.arange(20), step=0)
    assert found.outputs["relu1"].dead_share == 0.75


def test_what_is_not_finite_becomes_null(experiment):
    opened = experiment()
    params = start(opened.plan, opened.network).params
    after = {name: W + np.inf for name, W in params.items()}
    found = probe(opened, params, after, params, np.arange(8), step=0)
    tree = json.loads(json_text(asdict(found)))
    assert tree["arrays"]["dense1.W"]["update_ratio"] is None
    json.dumps(tree, allow_nan=False)


def test_every_so_many_steps_and_without_effect(experiment, train_events):
    plain, probed = experiment(), experiment(stats=2)
    states = [start(opened.plan, opened.network) for opened in (plain, probed)]
    events = [
        [e for e in train_events(opened, state) if isinstance(e, StepEnd)]
        for opened, state in zip((plain, probed), states, strict=True)
    ]
    assert [e.step for e in events[1] if e.probe] == [1, 3, 5, 7, 9]
    assert not any(e.probe for e in events[0])
    for name, W in states[0].params.items():
        np.testing.assert_array_equal(W, states[1].params[name])


def test_the_update_ratio_is_that_of_the_update(experiment):
    opened = experiment(stats=1)
    state = start(opened.plan, opened.network)
    before = {name: W.copy() for name, W in state.params.items()}
    with Workers(1) as workers:
        taken = train_step(opened, state, workers, Clock(3, 9))
    change = norm(state.params["dense1.W"] - before["dense1.W"])
    expected = change / norm(before["dense1.W"])
    assert taken.probe.arrays["dense1.W"].update_ratio == pytest.approx(expected)
    lr = opened.plan.optimizer.lr
    assert taken.probe.arrays["dense1.W"].gradient_norm == pytest.approx(change / lr, rel=1e-4)


def test_the_run_folder_keeps_whole_lines_once(run_into, tmp_path, experiment):
    opened = experiment(stats=1)
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    run_into(straight, opened)
    run_into(resumed, opened, stop_after=5, crash=True)
    run_into(resumed, opened)
    lines = (straight / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 10))
    assert (resumed / "stats.jsonl").read_text().splitlines() == lines
    assert json.loads(lines[0])["epoch"] == 1
    assert set(json.loads(lines[0])["arrays"]) == {"dense1.W", "dense1.b", "dense2.W", "dense2.b"}


def test_a_run_may_be_resumed_with_another_log(fitted, config_file):
    from cnntrain.commands.fit import FitOptions, run_fit

    folder = fitted(train={"epochs": 1})
    path = config_file(train={"epochs": 2}, log={"stats": 1})
    assert run_fit(path, FitOptions(out=folder, resume=True, quiet=True)) == 0
    assert len((folder / "stats.jsonl").read_text().splitlines()) == 3
