"""``cnntrain summary`` of configs and checkpoints, with and without the data."""

import json
from pathlib import Path

import pytest

from cnntrain.commands.summary import run_summary
from cnntrain.errors import DataError

CONFIGS = Path(__file__).parents[2] / "configs"


def shown(capsys, path, settings=(), as_json=False, as_mermaid=False):
    assert run_summary(path, settings, None, 1, as_json, as_mermaid) == 0
    return capsys.readouterr()


@pytest.fixture(autouse=True)
def nowhere(empty_folder, monkeypatch):
    """No data files are to be found."""
    monkeypatch.delenv("CNNTRAIN_DATA", raising=False)


def test_without_the_data_if_the_config_says_the_input(capsys):
    document = json.loads(shown(capsys, CONFIGS / "mnist-lenet5.yaml", as_json=True).out)
    assert document["parameters"] == 61_706
    assert document["batch"] == 64
    assert document["layers"][0]["receptive_field"] == [5, 5]
    assert document["peak_bytes"] > 2**21
    with pytest.raises(DataError, match="no such data file"):
        shown(capsys, CONFIGS / "mnist-lenet5.yaml", ["input=null"])


def test_a_batch_of_all_samples_needs_to_know_them(capsys):
    there = shown(capsys, CONFIGS / "xor.yaml", ["train={mode: batch}"])
    assert "400 samples per update" in there.out
    assert not there.err
    missing = shown(capsys, CONFIGS / "mnist-lenet5.yaml", ["train={mode: batch}"])
    assert "one sample per update" in missing.out
    assert "Warning: a batch is all samples, but " in missing.err


def test_a_checkpoint_and_the_graph(capsys, fitted):
    folder = fitted()
    assert shown(capsys, folder).out.startswith("small: input 2, float32, 8 samples per update")
    assert shown(capsys, folder, as_mermaid=True).out.startswith("graph TD\n")
