"""``load`` and ``fit``: the same network as on the command line, in Python."""

import json
from pathlib import Path

import numpy as np
import pytest

import cnntrain as ct
from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import CheckpointError, ConfigError, DataError
from cnntrain.runs.checkpoint import load

pytestmark = pytest.mark.usefixtures("empty_folder")

SINE = {
    "data": {"source": "synthetic", "problem": "sine", "n": 20, "n_test": 10},
    "network": [{"dense": {"units": 1}}],
    "loss": "squared_error",
}


@pytest.fixture
def trained(small_tree):
    """``trained(**sections)``: the model of such a config, trained to its end."""

    def model(**sections):
        training = ct.fit(small_tree(**sections), threads=1)
        assert isinstance(list(training)[-1], ct.Stopped)
        return training.model

    return model


def test_a_dict_a_file_and_the_command_give_the_same_bits(small_tree, config_file, tmp_path):
    trainings = [ct.fit(small_tree()), ct.fit(config_file()), ct.fit(str(config_file()))]
    weights = []
    for training in trainings:
        *_, last = training
        assert last.reason == "epochs"
        weights.append(training.model.params)
    run_fit(config_file(), FitOptions(out=tmp_path / "run", quiet=True))
    weights.append(load(tmp_path / "run/checkpoints/last.npz").state.params)
    for name, array in weights[0].items():
        for other in weights[1:]:
            np.testing.assert_array_equal(other[name], array)


def test_settings_and_seed(small_tree):
    training = ct.fit(small_tree(), settings=["train.epochs=1"], seed=7)
    assert [event.epoch for event in training if isinstance(event, ct.EpochEnd)] == [1]
    assert training.model.config["seed"] == 7
    assert training.model.config["train"]["epochs"] == 1


def test_a_config_that_is_wrong(small_tree):
    with pytest.raises(ConfigError, match="batchsize: unknown key; did you mean 'batch_size'"):
        ct.fit(small_tree(train={"batchsize": 3}))


def test_training_on_does_not_change_a_model_taken_before(small_tree):
    training = ct.fit(small_tree())
    next(training)
    before = training.model
    kept = {name: array.copy() for name, array in before.params.items()}
    list(training)
    for name, array in kept.items():
        np.testing.assert_array_equal(before.params[name], array)
        assert not np.array_equal(training.model.params[name], array)


def test_saved_and_loaded(trained, tmp_path):
    model = trained()
    model.save(tmp_path / "model.npz")
    x = np.array([[1.0, 1], [1, -1]])
    for other in (ct.load(tmp_path / "model.npz"), ct.Model.from_bytes(model.to_bytes())):
        np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))
        assert other.config == model.config
        assert other.to_bytes() == model.to_bytes()


def test_evaluation_of_a_split_is_that_of_the_command(trained, capsys):
    model = trained()
    model.save("model.npz")
    run_eval(Path("model.npz"), EvalOptions(as_json=True))
    assert json.loads(capsys.readouterr().out) == ct.load("model.npz").evaluate()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("y", [["equal", "different"], np.array([[1.0, 0], [0, 1]])])
def test_evaluation_of_arrays(trained, y):
    model = trained(train={"epochs": 200})
    found = model.evaluate([[1, 1], [1, -1]], y)
    assert found["n"] == 2
    assert found["accuracy"] == 1.0


def test_evaluation_of_a_regression(trained):
    model = trained(**SINE)
    x = np.array([[0.0], [0.5]])
    found = model.evaluate(x, model.predict(x))
    assert found["rmse"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ConfigError, match="the network gives"):
        model.evaluate(x, [[1.0, 2.0], [3.0, 4.0]])


def test_images_with_channels_first_or_last(trained):
    inputs = [np.full((3, 2, 4), k).tolist() for k in range(4)]
    data = {"source": "inline", "inputs": inputs, "targets": [0, 0, 1, 1], "normalize": "unit"}
    layers = [{"conv2d": {"filters": 2, "kernel": 2}}, "flatten", {"dense": {"units": 2}}]
    model = trained(data=data, network=layers)
    x = np.random.default_rng(0).integers(0, 4, (5, 3, 2, 4))
    np.testing.assert_array_equal(
        model.predict_proba(x), model.predict_proba(np.moveaxis(x, 1, -1))
    )
    assert model.params["conv1.W"].shape == (2, 3, 2, 2)
    assert model.predict(x[0]).shape == (1,)


def test_probabilities_of_what_has_none(trained):
    with pytest.raises(DataError, match="gives real-valued targets, not probabilities"):
        trained(**SINE).predict_proba([[0.0]])
    with pytest.raises(DataError, match="gives scores, not probabilities"):
        trained(loss="hinge").predict_proba([[0.0, 1.0]])


def test_inputs_that_do_not_fit(trained):
    model = trained()
    with pytest.raises(DataError, match="x: an array 1x3 holds no samples of shape 2"):
        model.predict([[1, 2, 3]])
    with pytest.raises(DataError, match="x: sample 1 contains NaN"):
        model.predict([[1, np.nan]])
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        ct.load("none.npz")
