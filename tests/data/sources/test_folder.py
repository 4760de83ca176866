"""Images in folders: every mode is read correctly; every bad file is named."""

import struct
import sys
import zlib

import numpy as np
import pytest

from cnntrain.data.sources.folder import Folder, read_image
from cnntrain.errors import DataError

GREY = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)


@pytest.fixture(scope="module")
def pil():
    return pytest.importorskip("PIL.Image", reason="the source 'folder' needs Pillow")


@pytest.fixture
def image(tmp_path, pil):
    """``image(name, picture, **options)`` saves a picture or an array and returns its path."""

    def saved(name, picture, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            picture = pil.fromarray(picture) if isinstance(picture, np.ndarray) else picture
            picture.save(path, **options)
        return path

    return saved


@pytest.fixture
def load(tmp_path):
    return lambda **options: Folder(train="train", **options).load(tmp_path.joinpath, seed=0)


@pytest.fixture
def read_one(image):
    """``read_one(picture, mode)``: the image read from a file with this picture."""

    def read(picture, mode="gray", name="a.png", size=None, **options):
        return read_image(image(name, picture, **options), mode, size)

    return read


@pytest.fixture
def refused(load, image, tmp_path):
    """``refused(name, picture, **options)``: the message when this file is among good ones."""

    def message(name, picture, **options):
        image("train/a/0.png", GREY)
        image("train/b/0.png", GREY)
        image(name, picture, **options)
        with pytest.raises(DataError) as caught:
            load(mode="gray")
        return str(caught.value).replace(f"{tmp_path}/", "")

    return message


# What is read


def test_classes_are_the_sorted_folders(image, load):
    for k, name in enumerate(("dog/2.png", "dog/10.png", "cat/x.PNG", ".hidden/x.png")):
        image(f"train/{name}", np.full((2, 3), k, np.uint8))
    image("train/cat/notes.txt", b"no image")
    image("train/README.md", b"no class")
    dataset = load(mode="gray")
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.y.tolist() == [0, 1, 1]
    assert dataset.train.x[:, 0, 0, 0].tolist() == [2, 1, 0]
    assert (dataset.sample_shape, dataset.train.x.dtype) == ((1, 2, 3), np.uint8)


def test_rgb_channels_come_first(read_one):
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(read_one(pixels, mode="rgb"), np.moveaxis(pixels, -1, 0))


def test_grey_as_rgb_and_back(read_one):
    np.testing.assert_array_equal(read_one(GREY, mode="rgb"), np.stack([GREY] * 3))


def test_sixteen_bits_are_scaled_not_clipped(read_one):
    wide = np.array([[0, 257], [256 * 128, 65535]], np.uint16)
    assert read_one(wide)[0].tolist() == [[0, 1], [127, 255]]


def test_real_pixels_are_rounded_down(read_one):
    pixels = np.array([[0, 1.5, 254.9], [255.9, 7, 0.1]], np.float32)
    found = read_one(pixels, name="a.tif")
    np.testing.assert_array_equal(found, [[[0, 1, 254], [255, 7, 0]]])


@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 256.0, 1e30])
def test_real_pixels_that_are_no_bytes_are_refused(read_one, value, mode):
    pixels = np.array([[0, 1.5, 100], [150, value, 255]], np.float32)
    with pytest.raises(DataError, match=r"x\.tif: not a readable image \(pixels from .*, not 0 to"):
        read_one(pixels, mode, name="x.tif")


def test_one_bit(read_one, pil):
    assert read_one(pil.fromarray(GREY).convert("1", dither=0)).max() == 255


def test_a_palette_is_looked_up(read_one, pil):
    picture = pil.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode=None).convert("L")
    picture.putpalette([10, 20, 30, 200, 100, 50])
    assert picture.mode == "P"
    found = read_one(picture, mode="rgb")
    assert found[:, 0, 0].tolist() == [10, 20, 30]
    assert found[:, 0, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_transparency_is_blended_with_black(read_one, alpha):
    pixels = np.full((2, 2, 4), (200, 100, 50, alpha), np.uint8)
    found = read_one(pixels, mode="rgb")[:, 0, 0]
    np.testing.assert_allclose(found, np.array([200, 100, 50]) * alpha / 255, atol=1)


def test_grey_with_alpha(read_one):
    pixels = np.array([[[200, 255], [200, 0]]], np.uint8)
    assert read_one(pixels)[0].tolist() == [[200, 0]]


ORIENTATIONS = {  # EXIF orientation -> the transformation of the stored picture
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(read_one, pil, orientation):
    exif = pil.Exif()
    exif[0x0112] = orientation
    expected = ORIENTATIONS[orientation](GREY)
    np.testing.assert_array_equal(read_one(GREY, exif=exif)[0], expected)


def test_a_jpeg(read_one):
    smooth = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    found = read_one(smooth, name="a.jpg", quality=95)
    np.testing.assert_allclose(found[0].astype(int), smooth, atol=4)


def test_mixed_sizes_with_a_size(image, load):
    image("train/a/0.png", np.full((5, 9), 7, np.uint8))
    image("train/b/0.png", np.full((4, 2), 9, np.uint8))
    dataset = load(mode="gray", size=(3, 2))
    assert dataset.sample_shape == (1, 3, 2)
    assert [np.unique(sample).tolist() for sample in dataset.train.x] == [[7], [9]]


def test_other_splits_have_the_classes_of_the_training_folder(image, load):
    for name in ("train/a/0.png", "train/b/0.png", "test/b/0.png"):
        image(name, GREY)
    dataset = load(test="test")
    assert dataset.test.y.tolist() == [1]
    image("test/c/0.png", GREY)
    with pytest.raises(DataError, match="class 'c' has no folder in the training data"):
        load(test="test")


# What is rejected


def test_mixed_sizes_without_a_size(refused):
    assert refused("train/b/1.png", GREY.T.copy()) == (
        "train/b/1.png: 3x2 pixels, but the first image has 2x3; set 'size' to resize them all"
    )


def png_that_declares(width, height):
    """A tiny PNG whose header claims this size."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (7_500, 7_500), (2**31 - 1, 1)])
def test_a_decompression_bomb(refused, width, height):
    message = refused("train/b/1.png", png_that_declares(width, height))
    assert message.startswith("train/b/1.png: ")
    assert "\n" not in message


@pytest.mark.parametrize("width", [1, 100_001])
def test_a_side_that_takes_memory_to_resize(read_one, width):
    """Each pixel of a side takes some numbers, however few of them the result has."""
    line = np.zeros((100_001 if width == 1 else 1, width), np.uint8)
    said = rf"x\.png: {width}x{len(line)} pixels; a side may have up to 100,000"
    with pytest.raises(DataError, match=said):
        read_one(line, name="x.png", size=(2, 3))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1.png", b""),
        ("1.png", b"<!DOCTYPE html><html>404</html>"),
        ("1.jpg", b"\xff\xd8\xff\xe0 not a jpeg"),
        ("1.png", b"\x89PNG\r\n\x1a\n"),
        ("1.png", png_that_declares(0, 0)),
        ("1.gif", b"GIF89a" + bytes(10)),
        ("1.tif", b"II*\0" + bytes(20)),
    ],
)
def test_a_file_that_is_not_an_image(refused, name, content):
    message = refused(f"train/b/{name}", content)
    assert message.startswith(f"train/b/{name}: not a readable image (")
    assert "\n" not in message


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
def test_every_truncation_is_rejected_or_harmless(image, load, tmp_path, suffix):
    """Pillow completes some truncated files; no other error may occur."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    content = image(f"whole.{suffix}", noise).read_bytes()
    refusals = 0
    image("train/b/0.png", noise)
    for length in range(0, len(content), max(1, len(content) // 60)):
        path = image(f"train/a/0.{suffix}", content[:length])
        try:
            load(mode="gray")
        except DataError as error:
            refusals += 1
            assert str(error).startswith(f"{path}: not a readable image (")  # noqa: PT017
    assert refusals > 20


def test_a_truncated_jpeg(refused, image):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    content = image("whole.jpg", noise).read_bytes()
    message = refused("train/b/1.jpg", content[: len(content) // 2])
    assert message.startswith("train/b/1.jpg: not a readable image (")


def test_broken_exif_causes_no_traceback(image, load, pil):
    exif = pil.Exif()
    exif[0x0112] = 6
    content = bytearray(image("whole.jpg", GREY, exif=exif).read_bytes())
    image("train/b/0.png", GREY.T.copy())
    for position in range(20, min(len(content), 80)):
        broken = bytearray(content)
        broken[position] ^= 0xFF
        image("train/a/0.jpg", bytes(broken))
        try:
            load(mode="gray")
        except DataError as error:
            assert "not a readable image" in str(error) or "set 'size'" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root.mkdir(), "no sub-folders; create one per class, containing its images"),
        (
            lambda root: [(root / name).mkdir(parents=True) for name in "ab"],
            "no images (.bmp, .gif, ",
        ),
        (lambda root: root.write_text("x"), "not a folder"),
    ],
)
def test_folders_without_images(tmp_path, load, make, message):
    make(tmp_path / "train")
    source = Folder(train="train")
    for read in (lambda: source.sample_shape(tmp_path.joinpath), load):
        with pytest.raises(DataError) as caught:
            read()
        assert message in str(caught.value)
        assert str(caught.value).startswith(str(tmp_path / "train"))


def test_without_pillow_the_message_explains_how_to_install_it(monkeypatch, load, image):
    for name in "ab":
        image(f"train/{name}/0.png", GREY)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"needs Pillow; install it with: pip install 'cnntrain\[i"):
        load()
