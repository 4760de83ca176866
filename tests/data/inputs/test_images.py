"""Images to be predicted: prepared as in training; a broken one stops nothing."""

import io

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.inputs import portion as portions_of
from cnntrain.data.inputs.portion import Wanted
from cnntrain.data.inputs.read import portions
from cnntrain.data.sources.digits import Digits
from cnntrain.data.sources.folder import Folder
from cnntrain.errors import DataError

GREY = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)


@pytest.fixture
def image(tmp_path):
    """``image(name)`` saves a picture or bytes and returns its path."""
    pil = pytest.importorskip("PIL.Image", reason="images need Pillow")

    def saved(name, picture=GREY):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            pil.fromarray(picture).save(path)
        return str(path)

    return saved


@pytest.fixture
def read(tmp_path):
    """``read(names)``: (ids, samples, what was reported)."""

    def all_of(*names, shape=(1, 2, 3), source=None):
        reported = []
        wanted = Wanted(shape, source or Digits(), Schema(("a", "b")))
        found = list(portions(names, tmp_path.joinpath, wanted, io.BytesIO(), reported.append))
        ids = [i for p in found for i in p.ids]
        return ids, [x for p in found for x in p.x], reported

    return all_of


def test_a_folder_is_searched_to_any_depth(image, read, tmp_path):
    for name in ("photos/b.png", "photos/in/deep/a.png", "photos/.hidden.png"):
        image(name)
    image("photos/notes.txt", b"no image")
    ids, x, reported = read(str(tmp_path / "photos"))
    assert (ids, reported) == (["b.png", "in/deep/a.png"], [])
    np.testing.assert_array_equal(x, [GREY[None]] * 2)


def test_several_inputs_are_told_apart(image, read, tmp_path):
    image("photos/b.png")
    one = image("one.png")
    np.save(tmp_path / "x.npy", GREY)
    folder, array = str(tmp_path / "photos"), str(tmp_path / "x.npy")
    ids, x, _ = read(one, folder, array)
    assert ids == [one, f"{folder}/b.png", f"{array}:1"]
    np.testing.assert_array_equal(x, [GREY[None]] * 3)


def test_images_are_resized_as_in_training(image, read):
    one = image("a.png", np.full((8, 6), 77, np.uint8))
    source = Folder(train="train", mode="gray", size=(2, 3))
    np.testing.assert_array_equal(read(one, source=source)[1], np.full((1, 1, 2, 3), 77))


@pytest.mark.parametrize("at_once", [100, 2])
def test_a_broken_image_is_reported_and_the_others_are_read(image, read, monkeypatch, at_once):
    monkeypatch.setattr(portions_of, "MOST_SAMPLES", at_once)
    names = [image(f"{k}.png") for k in range(5)]
    names.insert(2, image("broken.png", b"no image"))
    names.insert(4, image("large.png", np.zeros((9, 9), np.uint8)))
    ids, _, reported = read(*names)
    assert ids == [n for n in names if n[-5].isdigit()]
    assert "broken.png: not a readable image" in reported[0]
    assert "large.png: 9x9 pixels, but the network takes 2x3 (height x width)" in reported[1]


def test_an_empty_folder(tmp_path, read):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no images; there is nothing to predict"):
        read(str(tmp_path / "empty"))


def test_a_network_that_reads_no_images(image, read):
    with pytest.raises(DataError, match="takes samples of shape 4, not images"):
        read(image("a.png"), shape=(4,))
