"""The command ``eval`` as a function: which checkpoint, which split, which metrics."""

import json
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.errors import DataError
from cnntrain.runs.checkpoint import load

pytestmark = pytest.mark.usefixtures("empty_folder")

SPIRALS = {"source": "synthetic", "problem": "spirals", "n": 60, "n_test": 30, "validation": 20}


@pytest.fixture
def evaluated(capsys):
    """``evaluated(path, ...)``: the JSON document of an evaluation."""

    def document(path, split=None, data_dir=None):
        run_eval(path, EvalOptions(split=split, data_dir=data_dir, threads=1, as_json=True))
        return json.loads(capsys.readouterr().out)

    return document


@pytest.fixture
def shown(capsys):
    """``shown(path)``: the text of an evaluation."""

    def text(path, split=None):
        run_eval(path, EvalOptions(split=split, threads=1))
        return capsys.readouterr().out

    return text


@pytest.mark.parametrize(("split", "n"), [("train", 40), ("val", 20), ("test", 30), (None, 30)])
def test_the_split_that_was_asked_for(fitted, evaluated, split, n):
    found = evaluated(fitted(data=SPIRALS), split)
    assert (found["split"], found["n"]) == (split or "test", n)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"source": "inline", "inputs": [[1], [2], [3]], "targets": [0, 1, 1], "validation": 1},
         "val"),
        ({"source": "inline", "inputs": [[1], [2]], "targets": [0, 1]}, "train"),
    ],
)  # fmt: skip
def test_without_a_test_split_the_next_best(fitted, evaluated, data, expected):
    assert evaluated(fitted(data=data))["split"] == expected


def test_a_split_that_does_not_exist(fitted, evaluated):
    folder = fitted()
    with pytest.raises(DataError) as caught:
        evaluated(folder, "val")
    assert str(caught.value) == "this data has no val split; it has train, test"


def test_the_figures_are_those_of_the_training(fitted, evaluated):
    """The validation split is held out again, with the same statistics."""
    folder = fitted(data={**SPIRALS, "normalize": "per_feature"}, train={"epochs": 7})
    for name in ("best", "last"):
        path = folder / "checkpoints" / f"{name}.npz"
        expected = load(path).state.metrics
        found = evaluated(path, "val")
        assert found["loss"] == pytest.approx(expected["val/loss"], rel=1e-6)
        assert found["accuracy"] == expected["val/accuracy"]


def test_one_hot_targets_are_classes(fitted, evaluated):
    data = {"source": "inline", "inputs": [[0], [1], [2]], "targets": [[1.0, 0], [0, 1], [0, 1]]}
    found = evaluated(fitted(data=data), "train")
    assert np.sum(found["confusion"], axis=1).tolist() == [1, 2]
    assert [row["support"] for row in found["per_class"]] == [1, 2]


def test_a_folder_stands_for_its_best_checkpoint(fitted, evaluated):
    folder = fitted(data=SPIRALS, train={"epochs": 30})
    assert evaluated(folder) == evaluated(folder / "checkpoints" / "best.npz")
    (folder / "checkpoints" / "best.npz").unlink()
    assert evaluated(folder) == evaluated(folder / "checkpoints" / "last.npz")


def test_the_checkpoint_alone_is_enough(fitted, evaluated):
    folder = fitted(data=SPIRALS)
    expected = evaluated(folder)
    alone = Path("alone.npz")
    (folder / "checkpoints" / "best.npz").rename(alone)
    Path("small.yaml").unlink()
    assert evaluated(alone) == expected


@pytest.fixture
def data_folder(tmp_path, idx_file):
    folder = tmp_path / "data"
    folder.mkdir()
    idx_file(folder / "images", np.arange(40).reshape(10, 2, 2))
    idx_file(folder / "labels", np.arange(10) % 2)
    return folder


IDX = {
    "data": {"source": "idx", "train": {"images": "images", "labels": "labels"}, "classes": 2},
    "network": ["flatten", {"dense": {"units": 2}}],
}


def test_data_is_found_where_the_run_found_it(fitted, evaluated, data_folder):
    assert evaluated(fitted(data_folder, **IDX))["n"] == 10


def test_data_may_have_moved(fitted, evaluated, data_folder, tmp_path):
    run = fitted(data_folder, **IDX)
    expected = evaluated(run)
    moved = data_folder.rename(tmp_path / "moved")
    with pytest.raises(DataError) as caught:
        evaluated(run)
    assert f"  {data_folder / 'images'}" in str(caught.value).splitlines()
    assert evaluated(run, data_dir=moved) == expected


def test_other_data_is_warned_about(fitted, evaluated, data_folder, idx_file, capsys):
    run = fitted(data_folder, **IDX)
    idx_file(data_folder / "images", np.arange(40).reshape(10, 2, 2) + 1)
    run_eval(run, EvalOptions(threads=1, as_json=True))
    streams = capsys.readouterr()
    assert streams.err.splitlines()[-1] == (
        "Warning: this data differs from the data that the network was trained on"
    )
    assert json.loads(streams.out)["n"] == 10


def test_data_of_another_shape_is_refused(fitted, evaluated, data_folder, idx_file):
    run = fitted(data_folder, **IDX, input=[1, 2, 2])
    idx_file(data_folder / "images", np.arange(60).reshape(10, 3, 2))
    with pytest.raises(
        DataError, match=r"^the data does not fit the checkpoint: the data's samples"
    ):
        evaluated(run)


def test_the_text_for_a_classifier(fitted, shown, evaluated):
    folder = fitted(data={**SPIRALS, "normalize": "per_feature"})
    result = evaluated(folder)
    lines = shown(folder).splitlines()
    assert lines[0].startswith(f"{folder}/checkpoints/best.npz (step ")
    assert lines[1] == (
        f"test split, 30 samples: loss {result['loss']:.5g}, accuracy {result['accuracy']:.2%}"
    )
    assert lines[3].split() == ["class", "precision", "recall", "F1", "samples"]
    for line, row in zip(lines[5:7], result["per_class"], strict=True):
        shares = (row[share] for share in ("precision", "recall", "f1"))
        cells = ["-" if share is None else f"{share:.2%}" for share in shares]
        assert line.split() == [*row["label"].split(), *cells, str(row["support"])]
    assert lines[8] == "confusion matrix (rows: true class, columns: predicted)"
    for line, counts in zip(lines[11:13], result["confusion"], strict=True):
        assert line.split()[2:] == [str(count or ".") for count in counts]


def test_the_text_for_a_regression(fitted, shown, evaluated):
    folder = fitted(
        data={"source": "synthetic", "problem": "sine", "n": 30, "n_test": 20},
        network=[{"dense": {"units": 1}}],
        loss="squared_error",
    )
    result = evaluated(folder)
    assert list(result) == ["split", "n", "loss", "mae", "rmse", "r2", "weights_sha256"]
    _, line = shown(folder).splitlines()
    assert line == (
        f"test split, 20 samples: loss {result['loss']:.5g}, mae {result['mae']:.5g},"
        f" rmse {result['rmse']:.5g}, R² {result['r2']:.5f}"
    )


def test_targets_without_variation_have_no_r2(fitted, shown, evaluated):
    data = {"source": "inline", "inputs": [[1], [2]], "targets": [0.5, 0.5]}
    folder = fitted(data=data, network=[{"dense": {"units": 1}}], loss="squared_error")
    assert evaluated(folder)["r2"] is None
    assert "R²" not in shown(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data_folders": 3}', "null"])
def test_a_damaged_environment_file_does_no_harm(fitted, evaluated, content):
    folder = fitted()
    (folder / "env.json").write_text(content)
    assert evaluated(folder)["n"] == 10


def test_mistakes_lead_to_samples(fitted, capsys):
    rows = {"inputs": [[0.0, 1.0], [1.0, 0.0]] * 6, "targets": [0, 1, 1, 1] * 3}
    folder = fitted(data={"source": "inline", **rows})
    capsys.readouterr()
    assert run_eval(folder, EvalOptions(mistakes=2)) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("most confident mistakes")
    assert lines[start + 1].split() == ["sample", "true", "predicted", "probability"]
    assert lines[start + 3].startswith("train sample ")
    assert lines[start + 3].endswith("%")


def test_a_regression_has_no_mistakes_to_list(fitted):
    data = {"source": "synthetic", "problem": "sine", "n": 30}
    folder = fitted(data=data, network=[{"dense": {"units": 1}}], loss="squared_error")
    with pytest.raises(DataError, match="there are no classes"):
        run_eval(folder, EvalOptions(mistakes=2))
