"""Data that stays on disk: the same weights, and a checkpoint when it can no longer be read."""

import json
import os

import numpy as np
import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.data import batches, by_index
from cnntrain.errors import DataError, RunFolderError
from cnntrain.training import feed

X = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
DATA = {"source": "npy", "train": {"inputs": "x.npy", "targets": "y.npy"}, "validation": 8}


@pytest.fixture
def fit(tmp_path, config_file):
    """``fit(out, **options)``: the summary of a short training on these images."""
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.arange(40) % 2)
    layers = ["flatten", {"dense": {"units": 2}}]

    def trained(out, train, **options):
        path = config_file(data=DATA, network=layers, train={"batch_size": 8, **train})
        run_fit(path, FitOptions(out=tmp_path / out, quiet=True, **options))
        return json.loads((tmp_path / out / "summary.json").read_text())

    return trained


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_weights_are_those_of_data_in_memory(fit, monkeypatch, engine):
    monkeypatch.setenv("CNNTRAIN_ENGINE", engine)
    expected = fit("a", {"epochs": 3})["weights_sha256"]
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 100)
    assert fit("b", {"epochs": 3})["weights_sha256"] == expected


def test_an_order_that_is_not_listed_trains_and_resumes(fit, monkeypatch):
    monkeypatch.setattr(batches, "MOST_LISTED", 10)
    expected = fit("a", {"epochs": 3})["weights_sha256"]
    fit("b", {"epochs": 2})
    assert fit("b", {"epochs": 3}, resume=True)["weights_sha256"] == expected


def test_a_file_that_shrinks_ends_the_run_with_a_checkpoint(fit, monkeypatch, tmp_path):
    expected = fit("a", {"epochs": 3})["weights_sha256"]
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", 100)
    content, loads = (tmp_path / "x.npy").read_bytes(), []

    def load(self, step, original=feed.Feed._load):
        loads.append(step)
        if len(loads) == 6:
            os.truncate(tmp_path / "x.npy", 200)
        return original(self, step)

    monkeypatch.setattr(feed.Feed, "_load", load)
    with pytest.raises(DataError) as caught:
        fit("b", {"epochs": 3})
    assert "x.npy: has shrunk from 768 to 200 bytes while it was in use" in str(caught.value)
    assert "A checkpoint was written at step 5" in str(caught.value)
    (tmp_path / "x.npy").write_bytes(content)
    assert fit("b", {"epochs": 3}, resume=True)["weights_sha256"] == expected


def test_data_that_changed_is_not_resumed(fit, tmp_path):
    fit("a", {"epochs": 1})
    np.save(tmp_path / "x.npy", X + 1)
    with pytest.raises(RunFolderError, match="data fingerprint"):
        fit("a", {"epochs": 2}, resume=True)
