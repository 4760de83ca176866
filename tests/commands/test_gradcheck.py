"""The command ``gradcheck`` as a function: of all layers, a config, a checkpoint, a run folder."""

import json
from pathlib import Path

import numpy as np
import pytest

import cnntrain.layers.dense
from cnntrain.commands.gradcheck import run_gradcheck
from cnntrain.errors import ConfigError, DataError, ExitCode
from cnntrain.layers import Layer
from cnntrain.losses import Loss

pytestmark = pytest.mark.usefixtures("empty_folder")

ARRAYS = ["input", "dense1.W", "dense1.b", "dense2.W", "dense2.b"]


@pytest.fixture
def checked(capsys):
    """``checked(target)``: (exit code, JSON document) of a check."""

    def document(target=None, tolerance=1e-5, seed=0):
        code = run_gradcheck(target, tolerance, seed, as_json=True, data_dir=None)
        return code, json.loads(capsys.readouterr().out)

    return document


def test_without_a_target_every_layer_and_loss(checked):
    code, result = checked()
    assert code == ExitCode.DONE
    assert result["ok"]
    kinds = {row["name"].partition(".")[0] for row in result["arrays"]}
    assert kinds == {*Layer.kinds, *Loss.kinds}


def test_a_config_with_its_penalty(checked, config_file):
    code, result = checked(config_file(train={"l2": 3.0}))
    assert code == ExitCode.DONE
    assert [row["name"] for row in result["arrays"]] == ARRAYS
    assert all(row["ok"] and row["error"] <= 1e-5 for row in result["arrays"])
    assert [row["shape"] for row in result["arrays"]] == [[2, 4], [4, 2], [4, 1], [2, 4], [2, 1]]


def test_a_config_with_an_input_needs_no_data(checked, config_file):
    missing = {"source": "idx", "train": {"images": "no", "labels": "no"}}
    layers = ["flatten", {"dense": {"units": 3}}]
    code, _ = checked(config_file(input=[1, 3, 2], data=missing, network=layers))
    assert code == ExitCode.DONE
    with pytest.raises(DataError, match="no: no such data file"):
        checked(config_file(data=missing, network=layers))


@pytest.mark.parametrize("target", ["run", "run/checkpoints/last.npz", "run/checkpoints/best.npz"])
def test_a_checkpoint_or_its_folder(checked, fitted, target):
    fitted()
    code, result = checked(Path(target))
    assert code == ExitCode.DONE
    assert [row["name"] for row in result["arrays"]] == ARRAYS


def test_the_weights_are_those_of_the_checkpoint(checked, fitted, monkeypatch):
    """A fault that shows at some weights only is found at those."""
    fitted()
    right = cnntrain.layers.dense.dense_backward
    seen = []

    def spied(delta, a, W, need_da=True):
        seen.append(W.copy())
        return right(delta, a, W, need_da)

    monkeypatch.setattr(cnntrain.layers.dense, "dense_backward", spied)
    checked(Path("run"))
    with np.load("run/checkpoints/best.npz") as arrays:
        expected = arrays["params/dense2.W"].astype(np.float64)
    assert any(np.array_equal(W, expected) for W in seen)


@pytest.mark.parametrize("array", [1, 2])  # dW, db
def test_a_wrong_gradient_is_found_and_named(checked, config_file, monkeypatch, array):
    right = cnntrain.layers.dense.dense_backward

    def wrong(*given):
        found = list(right(*given))
        found[array] = 1.01 * found[array]
        return tuple(found)

    monkeypatch.setattr(cnntrain.layers.dense, "dense_backward", wrong)
    code, result = checked(config_file())
    assert code == ExitCode.GRADIENT
    assert not result["ok"]
    letter = {1: ".W", 2: ".b"}[array]
    assert {row["name"] for row in result["arrays"] if not row["ok"]} == {
        f"dense1{letter}", f"dense2{letter}",
    }  # fmt: skip


def test_the_seed_chooses_the_case(checked, config_file):
    path = config_file()
    assert checked(path, seed=1) == checked(path, seed=1)
    assert checked(path, seed=1)[1]["arrays"] != checked(path, seed=2)[1]["arrays"]


def test_the_text(config_file, capsys):
    assert run_gradcheck(config_file(), 1e-5, 0, as_json=False, data_dir=None) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "array"
    assert [line.split()[0] for line in lines[2:7]] == ARRAYS
    assert [line.split()[-1] for line in lines[2:7]] == ["ok"] * 5
    assert lines[3].split()[1] == "4x2"
    assert lines[-1].startswith("5 arrays, ")
    assert lines[-1].endswith("all gradients are right (tolerance 1e-05)")


def test_a_shape_error_has_its_line(checked, config_file):
    path = config_file(network=[{"dense": {"units": 3}}, {"max_pool2d": {"size": 2}}])
    with pytest.raises(ConfigError, match=rf"^{path}:\d+:\d+: network\[1\]: max_pool1"):
        checked(path)
