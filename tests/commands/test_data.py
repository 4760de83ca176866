"""``cnntrain data``: the summary in words, and the picture of augmented samples."""

import sys

import numpy as np
import pytest

from cnntrain.commands.data import PREVIEW_SAMPLES, run_data
from cnntrain.errors import ConfigError, DataError, ExitCode

INLINE = {
    "source": "inline",
    "inputs": [[0.0], [1.0], [2.0], [3.0], [1.0], [5.0]],
    "targets": [0, 1, 0, 1, 0, 1],
    "test_inputs": [[2.0], [7.0]],
    "test_targets": [0, 1],
}
PIXELS = np.arange(12 * 16).reshape(12, 1, 4, 4)
IMAGES = {"source": "inline", "inputs": PIXELS.tolist(), "targets": [0, 1] * 6}
FLAT = ["flatten", {"dense": {"units": 2}}]


@pytest.fixture
def summary(config_file, capsys):
    """``summary(**sections)``: the lines that the command prints."""

    def lines(**sections):
        assert run_data(config_file(**sections), (), None, None) == ExitCode.DONE
        return capsys.readouterr().out.splitlines()

    return lines


def test_the_summary(summary):
    lines = summary(data=INLINE)
    assert lines[:2] == ["data: 1 feature; 2 classes (0, 1)", ""]
    assert lines[2].startswith("samples 1, fingerprint ")
    cells = [line.split() for line in lines[1:] if line and not line.startswith("Warning")]
    assert ["train", "6", "0", "2", "5"] in cells
    assert ["test", "2", "2", "4.5", "7"] in cells
    assert ["class", "train", "test"] in cells
    assert ["0", "3", "1"] in cells
    assert lines[-1] == "Warning: 1 samples of test also appear in train"


def test_counts_of_every_class_in_every_split(summary):
    cells = [line.split() for line in summary(data={**IMAGES, "validation": 4}, network=FLAT)]
    assert ["0", "4", "2"] in cells
    assert ["1", "4", "2"] in cells
    assert ["no", "sample", "appears", "in", "more", "than", "one", "split"] in cells


def test_a_fold_is_shown(summary):
    cells = [line.split()[:2] for line in summary(data={**IMAGES, "fold": "1/3"}, network=FLAT)]
    assert ["train", "8"] in cells
    assert ["val", "4"] in cells


def test_regression_has_no_classes(summary):
    lines = summary(
        data={"source": "synthetic", "problem": "sine", "n": 1200, "n_test": 5},
        network=[{"dense": {"units": 1}}],
        loss="squared_error",
    )
    assert not any(line.startswith("class") for line in lines)
    assert any(line.split()[:2] == ["train", "1,200"] for line in lines)


def test_the_fingerprint_is_that_of_the_data(summary):
    changed = {**INLINE, "inputs": [[0.5], *INLINE["inputs"][1:]]}
    first, again, other = (summary(data=data)[2] for data in (INLINE, INLINE, changed))
    assert first == again != other


def test_mistakes_have_their_place(config_file):
    bad = {**IMAGES, "validation": 500}
    with pytest.raises(ConfigError, match=r"small\.yaml:\d+:\d+: data\.validation: 500 would hold"):
        run_data(config_file(data=bad, network=FLAT), (), None, None)


@pytest.fixture
def preview(config_file, tmp_path, capsys):
    """``preview(**sections)``: the picture that the command writes."""
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    image = pytest.importorskip("PIL.Image", reason="the picture is read with Pillow")

    def picture(**sections):
        path = tmp_path / "out.png"
        run_data(config_file(**sections), (), None, path)
        assert capsys.readouterr().out == (
            f"{path}: {PREVIEW_SAMPLES} training samples, original and augmented\n"
        )
        with image.open(path) as opened:
            opened.load()
            assert opened.format == "PNG"
            return np.asarray(opened.convert("L"))

    return picture


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_picture_is_a_png(preview, channels):
    inputs = np.repeat(PIXELS, channels, axis=1).tolist()
    data = {**IMAGES, "inputs": inputs, "augment": ["flip_horizontal", {"mixup": {"alpha": 1.0}}]}
    picture = preview(data=data, network=FLAT)
    assert min(picture.shape) > 300
    assert picture.std() > 10


def test_vectors_make_no_picture(config_file, tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    with pytest.raises(DataError, match=r"samples \(1,\) are not images"):
        run_data(config_file(data=INLINE), (), None, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_a_picture_of_an_unknown_format_is_no_traceback(config_file, tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    path = tmp_path / "out.unknown"
    with pytest.raises(DataError, match=r"out\.unknown: Format 'unknown' is not supported"):
        run_data(config_file(data=IMAGES, network=FLAT), (), None, path)
    assert not path.exists()


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch, config_file, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DataError, match="needs matplotlib; install it with: pip"):
        run_data(config_file(data=IMAGES, network=FLAT), (), None, tmp_path / "out.png")
