"""The command ``predict``: what it says about samples, in every format, and where it goes."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.commands.init import run_init
from cnntrain.commands.predict import PredictOptions, run_predict
from cnntrain.errors import ConfigError, DataError, ExitCode, WriteError

pytestmark = pytest.mark.usefixtures("empty_folder")

TABLE = "width,height,kind\n1,5,thin\n2,6,thin\n7,1,flat\n8,2,flat\n"
CLASSES = {"source": "csv", "train": "train.csv", "label": "kind", "normalize": "per_feature"}
PRICES = {
    "source": "csv", "train": "train.csv", "label": None, "targets": ["price"],
    "normalize": "per_feature", "normalize_targets": "standardize",
}  # fmt: skip


@pytest.fixture
def trained(fitted, tmp_path):
    """A run on a table with two classes."""
    (tmp_path / "train.csv").write_text(TABLE)
    return fitted(data=CLASSES, train={"epochs": 60, "batch_size": 2})


@pytest.fixture
def regression(fitted, tmp_path):
    """A run that learned price = 1000 + 50 x."""
    rows = "".join(f"{x},{1000 + 50 * x}\n" for x in range(20))
    (tmp_path / "train.csv").write_text(f"size,price\n{rows}")
    network = [{"dense": {"units": 1}}]
    return fitted(
        data=PRICES, network=network, loss="squared_error", train={"epochs": 100, "batch_size": 5}
    )


@pytest.fixture
def predicted(capsys):
    """``predicted(run, input, ...)``: the rows of the CSV on stdout."""

    def rows(run, *inputs, **options):
        assert run_predict(run, inputs, PredictOptions(threads=1, **options)) == ExitCode.DONE
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    return rows


def test_classes_with_their_names_and_probabilities(trained, predicted):
    Path("new.csv").write_text("name_id,height,width\nfirst,6,1\nsecond,1,9\n")
    found = predicted(trained, "new.csv")
    assert [row["id"] for row in found] == ["first", "second"]
    assert [row["class"] for row in found] == ["thin", "flat"]
    assert all(0.5 < float(row["probability"]) <= 1 for row in found)


def test_the_label_column_may_be_there_and_changes_nothing(trained, predicted):
    found = predicted(trained, "train.csv", top=2)
    assert [row["class"] for row in found] == ["thin", "thin", "flat", "flat"]
    assert [row["class_2"] for row in found] == ["flat", "flat", "thin", "thin"]
    for row in found:
        assert float(row["probability"]) + float(row["probability_2"]) == pytest.approx(1)


def test_the_layout_of_a_submission(trained, capsys):
    options = PredictOptions(columns="ImageId,Label", out=Path("out.csv"))
    assert run_predict(trained, ["train.csv"], options) == ExitCode.DONE
    assert Path("out.csv").read_text() == "ImageId,Label\n1,thin\n2,thin\n3,flat\n4,flat\n"
    assert capsys.readouterr().out == ""


def test_targets_in_their_own_units(regression, predicted):
    Path("new.csv").write_text("size\n4\n10\n")
    prices = [float(row["price"]) for row in predicted(regression, "new.csv")]
    assert prices == pytest.approx([1200, 1500], rel=1e-2)


def test_json_lines(trained, capsys):
    run_predict(trained, ["train.csv"], PredictOptions(format="jsonl", columns="n,c"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"n": "1", "c": "thin"}
    assert len(lines) == 4


def test_one_array_of_probabilities(trained, monkeypatch):
    monkeypatch.setattr("cnntrain.data.inputs.portion.MOST_SAMPLES", 3)
    run_predict(trained, ["train.csv"], PredictOptions(format="npy", out=Path("p.npy")))
    found = np.load("p.npy")
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_predictions_agree_with_the_accuracy_of_an_evaluation(fitted, predicted, capsys):
    network = ["flatten", {"dense": {"units": 10}}]
    run = fitted(data={"source": "digits"}, network=network, train={"epochs": 1})
    archive = np.load(Path(__file__).parents[2] / "cnntrain/data/sources/digits.npz")
    np.savez("test.npz", x=archive["test_x"], y=archive["test_y"])
    answers = [int(row["class"]) for row in predicted(run, "test.npz")]
    run_eval(run, EvalOptions(split="test", threads=1, as_json=True))
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    assert np.mean(np.array(answers) == archive["test_y"]) == accuracy


@pytest.mark.parametrize(
    ("loss", "units", "heading"),
    [
        ("hinge", 2, "score"),
        ("binary_cross_entropy", 1, "probability"),
        ("squared_error", 2, "score"),
        ("kl_divergence", 2, "probability"),
    ],
)
def test_what_is_no_probability_is_called_a_score(fitted, predicted, loss, units, heading):
    Path("train.csv").write_text(TABLE)
    network = [{"dense": {"units": units}}]
    train = {"epochs": 60, "batch_size": 2}
    run = fitted(data=CLASSES, network=network, loss=loss, train=train)
    found = predicted(run, "train.csv", top=2)
    assert [row["class"] for row in found] == ["flat" if k > 1 else "thin" for k in range(4)]
    assert all(float(row[heading]) > float(row[f"{heading}_2"]) for row in found)


def test_any_number_of_threads_gives_the_same_bytes(trained):
    for threads in (1, 2, 3):
        out = Path(f"{threads}.csv")
        run_predict(trained, ["train.csv"] * 3, PredictOptions(threads=threads, out=out))
        assert out.read_bytes() == Path("1.csv").read_bytes()


def test_an_input_is_looked_up_in_the_folder_of_the_data(trained, predicted, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "train.csv").rename(tmp_path / "elsewhere" / "new.csv")
    assert len(predicted(trained, "new.csv", data_dir=Path("elsewhere"))) == 4


def test_a_broken_image_among_others(fitted, capsys):
    pil = pytest.importorskip("PIL.Image", reason="images need Pillow")
    inputs = [[[[0, 0], [0, 0]]], [[[255, 255], [255, 255]]]]
    data = {"source": "inline", "inputs": inputs, "targets": [0, 1], "normalize": "unit"}
    run = fitted(data=data, network=["flatten", {"dense": {"units": 2}}], train={"epochs": 50})
    Path("in").mkdir()
    for k in range(6):
        pil.fromarray(np.full((2, 2), 255 * (k % 2), np.uint8)).save(f"in/{k}.png")
    Path("in/3.png").write_bytes(b"broken")
    options = PredictOptions(out=Path("out.csv"), columns="file,class")
    assert run_predict(run, ["in"], options) == ExitCode.FAILED
    assert (
        Path("out.csv").read_text() == "file,class\n0.png,0\n1.png,1\n2.png,0\n4.png,0\n5.png,1\n"
    )
    err = capsys.readouterr().err
    assert "Error: in/3.png: not a readable image" in err
    assert err.endswith("1 sample left out, 5 predicted\n")
    assert "Warning: the network was trained on data of the source 'inline'" in err


def test_from_a_table_of_pixels_to_a_submission():
    """Three commands: a config, a training, and the labels of images that have none."""
    archive = np.load(Path(__file__).parents[2] / "cnntrain/data/sources/digits.npz")
    names = [f"pixel{k}" for k in range(64)]
    train = np.column_stack([archive["train_y"], archive["train_x"].reshape(-1, 64)])
    test = archive["test_x"].reshape(-1, 64)
    for name, table, head in (("train", train, ["label", *names]), ("test", test, names)):
        np.savetxt(f"{name}.csv", table, "%d", ",", header=",".join(head), comments="")
    assert run_init(None, Path("train.csv"), "label", None) == ExitCode.DONE
    fit = FitOptions(settings=["train.epochs=3"], quiet=True)
    assert run_fit(Path("train.yaml"), fit) == ExitCode.DONE
    options = PredictOptions(columns="ImageId,Label", out=Path("submission.csv"))
    assert run_predict(Path("train"), ["test.csv"], options) == ExitCode.DONE
    head, *rows = Path("submission.csv").read_text().splitlines()
    assert head == "ImageId,Label"
    assert [row.split(",")[0] for row in rows] == [str(k + 1) for k in range(len(test))]
    labels = np.array([int(row.split(",")[1]) for row in rows])
    assert np.mean(labels == archive["test_y"]) > 0.8


# What cannot be done


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 3}, "--top 3: there are 2 classes"),
        ({"columns": "a"}, "--columns names 1 columns; there are 3: id, class, probability"),
        ({"columns": ","}, "--columns names no column"),
        ({"format": "npy"}, "--format npy is not text; name a file with --out FILE"),
        ({"format": "npy", "top": 1}, "remove --top, --columns"),
        ({"settings": ["train.epochs=1"]}, "only keys of its data can be set"),
    ],
)
def test_options_that_do_not_fit(trained, options, message):
    with pytest.raises(ConfigError) as caught:
        run_predict(trained, ["train.csv"], PredictOptions(**options))
    assert message in str(caught.value)


def test_classes_of_a_regression(regression):
    with pytest.raises(ConfigError, match=r"predicts real-valued targets \(price\), not classes"):
        run_predict(regression, ["train.csv"], PredictOptions(top=2))


def test_an_output_that_cannot_be_written(trained):
    with pytest.raises(WriteError, match=r"no/out\.csv: cannot be written"):
        run_predict(trained, ["train.csv"], PredictOptions(out=Path("no/out.csv")))


def test_an_output_is_whole_or_not_there(trained):
    Path("new.csv").write_text(TABLE + "1,x,thin\n")
    with pytest.raises(DataError, match=r"new\.csv:6: column 'height' holds 'x'"):
        run_predict(trained, ["train.csv", "new.csv"], PredictOptions(out=Path("out.csv")))
    assert sorted(path.name for path in Path().iterdir()) == [
        "new.csv", "run", "small.yaml", "train.csv",
    ]  # fmt: skip


def test_nothing_but_broken_images(fitted):
    Path("a.png").write_bytes(b"broken")
    data = {"source": "inline", "inputs": [[[[0, 0]]], [[[9, 9]]]], "targets": [0, 1]}
    run = fitted(data=data, network=["flatten", {"dense": {"units": 2}}])
    with pytest.raises(DataError, match="no sample could be read; nothing is predicted"):
        run_predict(run, ["a.png"], PredictOptions())


def test_an_input_that_does_not_exist(trained):
    with pytest.raises(DataError, match=r"none\.csv: no such data file; tried"):
        run_predict(trained, ["none.csv"], PredictOptions())


def test_the_command_reads_stdin_and_writes_plain_streams(trained):
    command = [sys.executable, "-m", "cnntrain", "predict", trained, "-", "--top", "1"]
    done = subprocess.run(command, input="1,9\n9,1\n", capture_output=True, text=True, check=True)
    head, first, second = done.stdout.splitlines()
    assert head == "id,class,probability"
    assert (first[:7], second[:7], done.stderr) == ("1,thin,", "2,flat,", "")
