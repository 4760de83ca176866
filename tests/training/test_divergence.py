"""What is not finite is named: the layer or the data, the batch and its samples."""

import json
import math

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.runs.writer import RunFolder
from cnntrain.training.divergence import numbers
from cnntrain.training.state import start

ORDERED = {"batch_size": 2, "epochs": 1, "shuffle": False}
LINEAR = [{"dense": {"units": 1}}]


def inline(inputs, targets=(0.0, 1.0, 0.0, 1.0), **options):
    return {"source": "inline", "inputs": inputs, "targets": list(targets), **options}


def dense(units, W):
    return {"dense": {"units": units, "init": {"W": W}}}


CASES = {
    "a layer in the middle": (
        {
            "data": inline([[1.0], [1.0], [-1.0], [1e10]], targets=[0, 1, 0, 1]),
            "network": [dense(2, 1e30), dense(3, 1.0), dense(2, 1.0)],
            "loss": "cross_entropy",
            "optimizer": {"sgd": {"lr": 1e-37}},
        },
        "step 2 (epoch 1, batch 2): the output of dense1 is not finite (sample 3)",
        (2, 3),
    ),
    "the loss alone": (
        {
            "data": inline([[1.0]] * 4, targets=[0.0, 0.0, 1e30, 1.0]),
            "network": [{"dense": {"units": 1, "init": 2.0}}],
            "loss": "squared_error",
            "optimizer": {"sgd": {"lr": 1e-30}},
        },
        "step 2 (epoch 1, batch 2): the loss is not finite although every layer's output is: it"
        " overflows float32 (largest output 2, of dense1; largest target 1e+30)",
        (2, 3),
    ),
    "an input": (
        {"data": inline([[1.0], [1e39], [1.0], [1.0]]), "network": LINEAR, "loss": "huber"},
        "step 1 (epoch 1, batch 1): the input is not finite in float32 (sample 1)",
        (0, 1),
    ),
    "a target": (
        {
            "data": inline([[1.0]] * 4, targets=[1e39, -1e39, 0.0, 0.0]),
            "network": LINEAR,
            "loss": "huber",
        },
        "step 1 (epoch 1, batch 1): the target is not finite in float32 (samples 0, 1)",
        (0, 1),
    ),
    "a first weight": (
        {
            "data": inline([[1.0]] * 4),
            "network": [dense(1, [[1e39]])],
            "loss": "squared_error",
        },
        "step 1 (epoch 1, batch 1): dense1.W was already not finite before this step: its initial "
        "values overflow float32; give it a smaller 'init'",
        (0, 1),
    ),
    "what the optimizer remembers": (
        {
            "data": inline([[1e25]] * 4),
            "network": [{"dense": {"units": 1, "init": 0.0}}],
            "loss": "absolute_error",
            "optimizer": {"adam": {"lr": 0.1}},
        },
        "step 1 (epoch 1, batch 1): what the optimizer remembers of dense1.W (square) is not"
        " finite",
        (0, 1),
    ),
    "a running statistic": (
        {
            "data": inline([[1e25], [-1e25], [1.0], [2.0]]),
            "network": [{"batch_norm": {}}, {"dense": {"units": 1}}],
            "loss": "huber",
        },
        "step 1 (epoch 1, batch 1): the running statistics batch_norm1.variance are not finite",
        (0, 1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_finite_is_named(experiment_of, train_events, case):
    sections, message, samples = CASES[case]
    *_, stopped = train_events(experiment_of(train=ORDERED, **sections))
    assert stopped.reason == "diverged"
    assert stopped.detail == message
    assert stopped.samples == samples


@pytest.mark.parametrize("case", CASES)
def test_checkpoints_stay_readable_and_files_stay_json(tmp_path, config_file, capsys, case):
    sections, message, samples = CASES[case]
    path = config_file(train={**ORDERED, "checkpoint_steps": 1}, **sections)
    folder = tmp_path / "run"
    assert run_fit(path, FitOptions(out=folder)) == ExitCode.DIVERGED
    found = {path.name: load(path) for path in (folder / "checkpoints").iterdir()}
    err = capsys.readouterr().err
    assert f"Error: {message}\n" in err
    if case == "a first weight":
        assert not found
        assert "No checkpoint was written: the first weights are not finite." in err
    else:
        step = found["last.npz"].state.step
        assert step == int(message.split()[1]) - 1
        last = folder / "checkpoints" / "last.npz"
        assert f"The last good checkpoint is {last} (step {step})." in err
    for text in ((folder / "metrics.jsonl").read_text(), (folder / "summary.json").read_text()):
        assert "NaN" not in text
        assert "Infinity" not in text
    assert "weights_sha256" not in json.loads((folder / "summary.json").read_text())
    told = f"samples of that batch, numbered as in the source: {list(samples)}"
    assert told in (folder / "log.txt").read_text()


def test_samples_are_numbered_as_the_source_does(experiment_of, train_events):
    """Although some were held out."""
    inputs = [[1.0 + k] for k in range(20)]
    data = inline(inputs, targets=[0.0] * 20, validation=10)
    experiment = experiment_of(data=data, network=LINEAR, loss="huber", train={"mode": "batch",
                               "batch_size": None, "epochs": 1})  # fmt: skip
    split = experiment.data.train
    worst = int(split.rows[7])
    split.stored[worst] = math.nan
    *_, stopped = train_events(experiment)
    assert stopped.detail.endswith(f"the input is not finite in float32 (sample {worst})")
    assert sorted(stopped.samples) == sorted(split.rows.tolist())


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_layer_is_blamed_whichever_shard_shows_it(
    monkeypatch, experiment_of, train_events, threads
):
    monkeypatch.setattr("cnntrain.training.shards.shard_count", lambda network, samples: 4)
    inputs = [[1.0], [1e9], [1e11], [1.0]]  # the second overflows in dense2, the third in dense1
    experiment = experiment_of(
        data=inline(inputs),
        network=[dense(1, [[1e28]]), dense(1, [[1e5]])],
        loss="huber",
        train={"mode": "batch", "batch_size": None, "epochs": 1},
    )
    *_, stopped = train_events(experiment, threads=threads)
    assert stopped.detail.endswith("the output of dense1 is not finite (sample 2)")


def test_a_good_state_is_never_replaced_by_an_infinite_one(tmp_path, experiment_of):
    experiment = experiment_of()
    state = start(experiment.plan, experiment.network)
    state.params["dense1.W"][0, 0] = np.inf
    RunFolder.create(tmp_path, experiment, state, {})
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("samples", "words"),
    [((3,), "3"), ((1, 2), "1, 2"), (tuple(range(9)), "0, 1, 2, 3, 4 and 4 more")],
)
def test_numbers(samples, words):
    assert numbers(samples) == words
