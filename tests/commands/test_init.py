"""The command ``init``: what is found in the data, and that the config trains as it stands."""

import struct
from pathlib import Path

import numpy as np
import pytest
import yaml

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.commands.init import run_init
from cnntrain.data.guess import guessed
from cnntrain.errors import ConfigError, DataError, ExitCode

pytestmark = pytest.mark.usefixtures("empty_folder")

RNG = np.random.default_rng(0)


@pytest.fixture
def written():
    """``written(data, ...)``: the config for some data, which is trained for an epoch."""

    def config(data=None, template=None, target=None):
        path = Path("config.yaml")
        path.unlink(missing_ok=True)
        assert run_init(template, data and Path(data), target, path) == ExitCode.DONE
        options = FitOptions(settings=["train.epochs=1"], quiet=True)
        assert run_fit(path, options) == ExitCode.DONE
        return yaml.safe_load(path.read_text())

    return config


def table(name, columns):
    rows = zip(*columns.values(), strict=True)
    text = "\n".join(",".join(map(str, row)) for row in [columns.keys(), *rows])
    Path(name).write_text(f"{text}\n")


def idx(path, array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    Path(path).write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def picture():
    """``picture(path, height, width)`` saves an image of noise."""
    pil = pytest.importorskip("PIL.Image", reason="images need Pillow")

    def saved(path, height=12, width=10, channels=3):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 256, (height, width, channels)[: 2 + (channels > 1)])
        pil.fromarray(pixels.astype(np.uint8)).save(path)

    return saved


def test_without_data_the_embedded_digits(written, capsys):
    found = written()
    assert found["data"]["source"] == "digits"
    assert "conv2d" in found["network"][0]
    assert found["network"][-1] == {"dense": {"units": 10}}
    err = capsys.readouterr().err
    assert "wrote config.yaml\n\nNext:\n" in err
    assert "data: images 1x8x8" in err


def test_a_table_of_classes(written):
    kinds = ["cat", "dog"] * 20
    size, color = RNG.normal(size=40).round(3), ["red", "blue", "green", "red"] * 10
    table("pets.csv", {"row_id": range(40), "size": size, "color": color, "kind": kinds})
    found = written("pets.csv", target="kind")
    assert found["data"] == {
        "source": "csv", "train": "pets.csv", "label": "kind", "ignore": ["row_id"],
        "categorical": "auto", "test_split": 0.2, "validation": 0.2, "normalize": "per_feature",
    }  # fmt: skip
    assert found["input"] == [4]
    assert found["loss"] == "cross_entropy"


def test_a_table_of_numbers_to_predict(written):
    x = RNG.normal(size=(60, 2)).round(3)
    table("houses.csv", {"a": x[:, 0], "b": x[:, 1], "price": (1000 * x.sum(axis=1)).round(2)})
    with pytest.raises(DataError, match=r"which column is to be predicted\? Name it, such as --ta"):
        written("houses.csv")
    found = written("houses.csv", target="price")
    assert found["data"]["targets"] == ["price"]
    assert found["data"]["normalize_targets"] == "standardize"
    assert (found["loss"], found["network"][-1]) == ("squared_error", {"dense": {"units": 1}})


def test_a_table_without_header(written):
    x = RNG.normal(size=(30, 2)).round(3)
    Path("t.csv").write_text("".join(f"{a},{b},{'xy'[int(a > b)]}\n" for a, b in x))
    found = written("t.csv", "linear")
    assert (found["data"]["label"], found["data"]["header"]) == (2, False)
    assert found["network"] == [{"dense": {"units": 2}}]


def test_a_table_of_pixels_is_one_of_images(written):
    pixels = {f"pixel{k}": RNG.integers(0, 256, 30) for k in range(64)}
    table("train.csv", {"label": [0, 1, 2] * 10, **pixels})
    found = written("train.csv")
    assert found["data"]["shape"] == found["input"] == [1, 8, 8]
    assert "conv2d" in found["network"][0]


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("data", "target")])
def test_an_archive(written, names):
    x, y = RNG.integers(0, 256, (24, 10, 12, 3)), np.arange(24) % 4
    np.savez("a.npz", **dict(zip(names, (x, y), strict=True)))
    found = written("a.npz")
    assert found["input"] == [3, 10, 12]
    assert found["data"]["layout"] == "channels_last"
    assert found["network"][-1] == {"dense": {"units": 4}}


def test_an_archive_of_both_splits(written):
    x, y = RNG.normal(size=(30, 5)), RNG.normal(size=(30, 2))
    np.savez("a.npz", x_train=x, y_train=y, x_test=x[:5] + 1, y_test=y[:5])
    found = written("a.npz")
    assert "test_split" not in found["data"]
    assert found["network"][-1] == {"dense": {"units": 2}}


@pytest.mark.parametrize("given", ["set", "set/train-images-idx3-ubyte"])
def test_idx_files(written, given):
    Path("set").mkdir()
    for name, n in (("train", 24), ("t10k", 6)):
        idx(f"set/{name}-images-idx3-ubyte", RNG.integers(0, 256, (n, 9, 8)))
        idx(f"set/{name}-labels-idx1-ubyte", np.arange(n) % 6 + 1)
    found = written(given)
    assert found["input"] == [1, 9, 8]
    assert (found["data"]["classes"], found["data"]["label_offset"]) == (6, 1)
    assert found["data"]["test"]["images"] == "set/t10k-images-idx3-ubyte"


def test_folders_of_images(written, picture):
    for k in range(16):
        picture(f"photos/{'ab'[k % 2]}/{k}.png", 20 + k, 30)
    found = written("photos")
    assert (found["data"]["source"], found["data"]["mode"]) == ("folder", "rgb")
    assert found["input"] == [3, *found["data"]["size"]] == [3, 24, 32]


def test_images_with_a_table(written, picture):
    for k in range(8):
        picture(f"photos/p{k}.png", channels=1)
    table("photos/labels.csv", {"file": [f"p{k}" for k in range(8)], "kind": ["a", "b"] * 4})
    found = written("photos")
    assert found["data"]["train"] == {"images": "photos", "labels": "photos/labels.csv"}
    assert (found["data"]["suffix"], found["data"]["mode"]) == (".png", "gray")


def test_few_samples_are_all_trained_on(written):
    np.savez("a.npz", x=RNG.normal(size=(6, 2)), y=np.arange(6) % 2)
    assert "validation" not in written("a.npz")["data"]


def test_a_config_elsewhere_names_its_data_from_there(written):
    np.savez("a.npz", x=RNG.normal(size=(6, 2)), y=np.arange(6) % 2)
    Path("sub").mkdir()
    run_init(None, Path("a.npz"), None, Path("sub/a.yaml"))
    assert yaml.safe_load(Path("sub/a.yaml").read_text())["data"]["train"] == "../a.npz"


def test_nothing_is_overwritten():
    Path("digits.yaml").write_text("mine")
    with pytest.raises(ConfigError, match=r"digits\.yaml: exists already; choose another name"):
        run_init(None, None, None, None)
    assert Path("digits.yaml").read_text() == "mine"


def test_a_network_that_does_not_suit():
    np.savez("a.npz", x=RNG.normal(size=(6, 2)), y=np.arange(6) % 2)
    with pytest.raises(ConfigError, match="cnn: samples of shape 2 are no images of 8 pixels"):
        run_init("cnn", Path("a.npz"), None, None)
    assert not Path("a.yaml").exists()


def test_what_is_not_recognized(picture):
    Path("empty").mkdir()
    Path("a.doc").write_text("text")
    Path("broken.npz").write_text("text")
    np.savez("odd.npz", p=np.arange(3), q=np.arange(3))
    idx("train-images-idx3-ubyte", np.zeros((2, 3, 3)))
    picture("loose/a.png")
    for name, message in (
        ("none", "no such file or folder"),
        ("empty", "holds no images and no IDX files"),
        ("a.doc", "not a kind of data that is recognized"),
        ("broken.npz", "not a readable"),
        ("odd.npz", "It contains p, q; call them x and y"),
        ("train-images-idx3-ubyte", "its labels are not beside it"),
        ("loose", "nothing says of which class"),
    ):
        with pytest.raises(DataError) as caught:
            guessed(Path(name))
        assert message in str(caught.value)
