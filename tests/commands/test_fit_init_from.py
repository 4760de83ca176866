"""``cnntrain fit --init-from``: a new run that starts with the weights of another."""

import json

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import CheckpointError, ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.training.state import weights_sha256


@pytest.fixture
def fit(tmp_path, config_file):
    """``fit("new", init_from=path, **sections)``: the run folder ``tmp_path / "new"``."""

    def run(name, *settings, init_from=None, **sections):
        options = FitOptions(settings, tmp_path / name, quiet=True, init_from=init_from)
        assert run_fit(config_file(**sections), options) == ExitCode.DONE
        return tmp_path / name

    return run


def last(folder):
    return load(folder / "checkpoints" / "last.npz")


FROZEN = {"optimizer": {"sgd": {"lr": 1e-30}}}  # too small to change any weight


@pytest.mark.parametrize("named", ["file", "folder"])
def test_the_weights_are_those_of_the_checkpoint(fit, named):
    old = fit("old", "train.checkpoint_steps=3")
    given = old if named == "folder" else old / "checkpoints" / "step-3.npz"
    new = fit("new", init_from=given, seed=7, **FROZEN)
    used = old / "checkpoints" / ("best.npz" if named == "folder" else "step-3.npz")
    expected = load(used)
    assert last(new).state.params.keys() == expected.state.params.keys()
    for name, W in expected.state.params.items():
        np.testing.assert_array_equal(last(new).state.params[name], W)
    recorded = json.loads((new / "env.json").read_text())["init_from"]
    assert recorded == {
        "checkpoint": str(used),
        "step": expected.state.step,
        "weights_sha256": weights_sha256(expected.state.params),
    }
    assert f"started from the weights of {used}" in (new / "log.txt").read_text()


def test_the_rest_starts_anew(fit):
    optimizer = {"adam": {"lr": 0.01}}
    old = fit("old", optimizer=optimizer)
    new = fit("new", "train.max_steps=1", init_from=old, optimizer=optimizer)
    state = last(new).state
    assert state.step == 1
    assert all(np.abs(m).max() < 1 for m in state.optimizer_state.values())
    again = fit("again", "train.max_steps=1", init_from=old, optimizer=optimizer)
    assert last(again).path.read_bytes() == last(new).path.read_bytes()


def test_averaged_weights_are_taken_where_there_are_any(fit):
    old = fit("old", train={"average": 0.9})
    new = fit("new", init_from=old / "checkpoints" / "last.npz", train={"average": 0.9}, **FROZEN)
    averages = last(old).state.evaluated()
    assert any((averages[name] != W).any() for name, W in last(old).state.params.items())
    for name, W in averages.items():
        np.testing.assert_array_equal(last(new).state.params[name], W)
        np.testing.assert_allclose(last(new).state.optimizer_state[f"average:{name}"], W, rtol=1e-6)


def test_another_type_of_numbers(fit):
    old = fit("old")
    new = fit("new", init_from=old, dtype="float64", **FROZEN)
    assert {W.dtype.name for W in last(new).state.params.values()} == {"float64"}


def test_other_shapes_are_listed(tmp_path, fit):
    old = fit("old")
    network = [
        {"dense": {"units": 5, "activation": "tanh"}},
        {"dense": {"units": 2, "bias": False}},
    ]
    with pytest.raises(CheckpointError) as caught:
        fit("new", init_from=old, network=network)
    assert caught.value.exit_code == ExitCode.CHECKPOINT
    assert str(caught.value).splitlines() == [
        f"{old / 'checkpoints' / 'best.npz'}: none of its arrays fits the config's network:",
        "  dense1.W: (4, 2) in the checkpoint, (5, 2) in the config",
        "  dense1.b: (4, 1) in the checkpoint, (5, 1) in the config",
        "  dense2.W: (2, 4) in the checkpoint, (2, 5) in the config",
        "  dense2.b: (2, 1) in the checkpoint, absent in the config",
    ]
    assert not (tmp_path / "new").exists()


def test_a_run_that_died_before_its_first_checkpoint_does_not_start_over_without_them(
    fit, tmp_path, config_file
):
    """It would silently draw new weights."""
    new = fit("new", init_from=fit("old"))
    for path in (new / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(CheckpointError, match="no readable checkpoint to resume from"):
        run_fit(config_file(), FitOptions(out=new, resume=True, quiet=True))
