"""What a number means is carried by name: classes, columns, layouts, splits, runs."""

import json

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ConfigError, DataError, RunFolderError
from cnntrain.runs.names import config_of, resolve

CONFIG = """
data: {{source: csv, train: tr.csv{more}}}
network: [{{dense: {{units: 8, activation: tanh}}}}, {{dense: {{units: 3}}}}]
loss: cross_entropy
optimizer: {{adam: {{lr: 0.02}}}}
train: {{batch_size: 10, epochs: 40}}
"""
NAMES = ("r", "g", "b")


def table(order="abyz", rows=30, names=NAMES):
    """b decides the class; a counts the rows."""
    cells = {"a": str, "b": lambda k: str(k % 3), "y": lambda k: names[k % 3], "z": lambda k: "?"}
    lines = [",".join(cells[c](k) for c in order) for k in range(rows)]
    return "\n".join([",".join(order), *lines])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A trained network in ``run``, and no other file: not even the training data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tr.csv").write_text(table("aby"))
    (tmp_path / "te.csv").write_text(table("aby", 4))
    (tmp_path / "c.yaml").write_text(CONFIG.format(more=", test: te.csv"))
    assert run_fit(tmp_path / "c.yaml", FitOptions(quiet=True, out=tmp_path / "run")) == 0
    (tmp_path / "tr.csv").unlink()
    return tmp_path


@pytest.fixture
def evaluated(folder, capsys):
    """``evaluated(text, **options)``: (JSON, messages) of an evaluation on a table."""

    def run(text=None, **options):
        if text is not None:
            (folder / "new.csv").write_text(text)
            options["data"] = "new.csv"
        capsys.readouterr()
        run_eval(folder / "run", EvalOptions(as_json=True, threads=1, **options))
        streams = capsys.readouterr()
        return json.loads(streams.out), streams.err

    return run


def test_evaluating_needs_the_checkpoint_and_the_data_alone(evaluated):
    found, told = evaluated()
    assert (found["split"], found["n"], found["accuracy"]) == ("test", 4, 1.0)
    assert "te.csv: 4 rows" in told


@pytest.mark.parametrize("order", ["aby", "yba", "bzya"])
def test_columns_are_matched_by_name(evaluated, order):
    found, told = evaluated(table(order, 6))
    assert (found["n"], found["accuracy"]) == (6, 1.0)
    assert ("not used: z" in told) is ("z" in order)


def test_a_class_that_is_missing_keeps_its_place(evaluated):
    text = "\n".join(line for line in table("aby", 6).splitlines() if not line.endswith("g"))
    found, _ = evaluated(text)
    assert [row["label"] for row in found["per_class"]] == ["b", "g", "r"]
    assert found["accuracy"] == 1.0
    assert [sum(row) for row in found["confusion"]] == [2, 0, 2]


@pytest.mark.parametrize("names", [("r", "g", "blue"), ("x", "y", "z")])
def test_renamed_classes_are_refused(evaluated, names):
    with pytest.raises(DataError, match="is not a class of the training data"):
        evaluated(table("aby", 6, names))


@pytest.mark.parametrize(("order", "missing"), [("ab", "'y'"), ("ay", "'b'")])
def test_a_missing_column_is_named(evaluated, order, missing):
    with pytest.raises(DataError, match=rf"new\.csv: no column {missing}, which the training file"):
        evaluated(table(order, 6))


def test_settings_reach_the_data_alone(evaluated, folder):
    (folder / "semi.csv").write_text(table("aby", 6).replace(",", ";"))
    found, _ = evaluated(settings=("data.test=semi.csv",))
    assert (found["n"], found["accuracy"]) == (6, 1.0)
    with pytest.raises(ConfigError, match="only keys of its data can be set"):
        evaluated(settings=("train.epochs=3",))


def test_an_explicit_data_dir_is_binding(evaluated, folder):
    with pytest.raises(DataError, match="nonexistent: no such folder; correct --data-dir"):
        evaluated(data_dir=folder / "nonexistent")
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"te\.csv: no such data file; tried"):
        evaluated(data_dir=folder / "empty")


def test_the_same_samples_in_two_splits_are_refused_when_a_run_starts(folder):
    (folder / "tr.csv").write_text(table("aby"))
    (folder / "te.csv").write_text(table("aby"))
    with pytest.raises(DataError, match="the train and the test split are the same samples"):
        run_fit(folder / "c.yaml", FitOptions(quiet=True, out=folder / "other"))
    assert not (folder / "other").exists()


def test_a_label_is_inferred_only_where_that_cannot_be_wrong_in_silence(folder):
    (folder / "c.yaml").write_text(CONFIG.format(more=""))
    (folder / "tr.csv").write_text("u,v,w\n1,2,3\n4,5,6\n7,8,9\n")
    with pytest.raises(DataError, match=r"which column is the label\? Name it, such as 'label: w'"):
        run_fit(folder / "c.yaml", FitOptions(quiet=True))
    (folder / "tr.csv").write_text("id,u,y\n1,2,r\n2,5,g\n3,8,b\n4,1,g\n5,2,b\n")
    with pytest.raises(
        DataError, match=r"'id' counts the rows.*leave it out with 'ignore: \[id\]'"
    ):
        run_fit(folder / "c.yaml", FitOptions(quiet=True))


def test_text_columns_become_inputs_when_asked_for(folder, capsys):
    rows = [
        f"{k % 2},{'male' if k % 3 else 'female'},{'oak' if k % 3 else 'elm'}" for k in range(12)
    ]
    (folder / "tr.csv").write_text("\n".join(["u,sex,y", *rows]))
    (folder / "te.csv").write_text("y,sex,u\noak,male,1\n")
    config = CONFIG.format(more=", categorical: [sex], test: te.csv").replace(
        "units: 3", "units: 2"
    )
    (folder / "c.yaml").write_text(config)
    assert run_fit(folder / "c.yaml", FitOptions(out=folder / "sexes")) == 0
    assert "one input per value of sex: 3 inputs" in capsys.readouterr().err
    (folder / "te.csv").write_text("y,sex,u\noak,other,1\n")
    with pytest.raises(DataError, match=r"te\.csv: sex: 'other' is not a class of the training"):
        run_eval(folder / "sexes", EvalOptions())


def test_pixel_columns_become_images(folder):
    names = ["label", *(f"p{k}" for k in range(16))]
    rows = [",".join(map(str, [k % 3, *np.arange(16) * (k % 3)])) for k in range(12)]
    (folder / "tr.csv").write_text("\n".join([",".join(names), *rows]))
    (folder / "c.yaml").write_text(
        "data: {source: csv, train: tr.csv, shape: [1, 4, 4], normalize: per_channel,"
        " augment: [{shift: {pixels: 1}}]}\n"
        "network: [{conv2d: {filters: 2, kernel: 3}}, flatten, {dense: {units: 3}}]\n"
        "loss: cross_entropy\ntrain: {epochs: 1}\n"
    )
    assert run_fit(folder / "c.yaml", FitOptions(quiet=True, out=folder / "images")) == 0


# --- names of runs -------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2, 10):
        (tmp_path / "runs" / "table" / str(number) / "checkpoints").mkdir(parents=True)
    (tmp_path / "table").mkdir()  # a data folder of the same name
    return tmp_path / "runs" / "table"


def test_a_name_means_its_newest_run(runs):
    from pathlib import Path

    assert resolve(Path("table")) == Path("runs/table/10")
    assert config_of(Path("table")) == Path("runs/table/10/config.yaml")
    assert resolve(runs / "2") == runs / "2"
    assert resolve(Path("other.yaml")) == Path("other.yaml")


def test_a_folder_of_runs_offers_them(runs):
    with pytest.raises(RunFolderError, match=r"holds 3 runs, not one; choose from .*1, .*2, .*10"):
        resolve(runs)
