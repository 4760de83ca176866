"""Which source reads a file or folder, and with which options: found out from its content."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.data.by_index import in_memory
from cnntrain.data.sources.columns import read_columns
from cnntrain.data.sources.csv_file import Csv, is_index
from cnntrain.data.sources.folder import SUFFIXES, image_files, pillow
from cnntrain.data.sources.idx import read_idx, read_shape
from cnntrain.data.sources.numpy_files import looks_channels_last
from cnntrain.data.sources.table import Table, open_table
from cnntrain.errors import DataError
from cnntrain.registry import listed
from cnntrain.types import Shape

Options = dict[str, Any]

MOST_CLASSES = 50  # whole numbers with more values are targets of a regression
MOST_TEXTS = 20  # values of a text column that become inputs
LOOKED_AT = 200  # images
LEAST_SIDE = 8  # pixels of an image in the columns of a table
LARGEST_SIDE = 64  # pixels, to which images of different sizes are resized
USUAL_ARRAYS = (
    ("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"), ("inputs", "targets"),
)  # fmt: skip
PIXELS = {"pixel", "px", "p"}
TEST_WORDS = ("t10k", "test")


def guessed(path: Path, target: str | None = None) -> Options:
    """The keys of ``data`` for a file or folder; ``target``: the column to predict.

    ``DataError`` says what is missing where the content does not tell.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; correct --data")
    if path.is_dir():
        return _of_folder(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".npz"):
        return _of_npz(path)
    if "idx" in name.rpartition("ubyte")[0] or name.endswith((".idx", "ubyte")):
        return _of_idx(path)
    if name.endswith((".csv", ".tsv", ".txt", ".data", ".zip")):
        return _of_table(path, target)
    raise DataError(
        f"{path}: not a kind of data that is recognized; give a folder of images, a CSV, npz or "
        "IDX file"
    )


# folders -----------------------------------------------------------------------------------------


def _of_folder(path: Path) -> Options:
    files = sorted(entry for entry in path.iterdir() if entry.is_file())
    idx = [f for f in files if "ubyte" in f.name and "images" in f.name]
    train = [f for f in idx if not any(word in f.name for word in TEST_WORDS)]
    if train:
        return _of_idx(train[0])
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    tables = [file for file in files if file.suffix.lower() == ".csv"]
    if images and len(tables) == 1:
        return _of_labelled_images(path, images, tables[0])
    images, _ = image_files(path, recursive=True)
    if not images:
        raise DataError(
            f"{path}: holds no images and no IDX files; give a folder with one sub-folder of "
            "images per class, or name a file"
        )
    if any(image.parent == path for image in images):
        raise DataError(
            f"{path}: holds images, but nothing says of which class; put them in one folder per "
            "class, or add a table (.csv) of file names and labels"
        )
    return {"source": "folder", "train": path, **_look_of(images)}


def _of_labelled_images(path: Path, images: list[Path], table: Path) -> Options:
    names = [row[0] for row in open_table(table, None, None, None).first]
    suffix = {} if Path(names[0]).suffix else {"suffix": images[0].suffix}
    places = {"images": path, "labels": table}
    return {"source": "labelled_images", "train": places, **suffix, **_look_of(images)}


def _look_of(images: list[Path]) -> Options:
    """Grey or colour, and one size for all if they differ."""
    step = max(1, len(images) // LOOKED_AT)
    sizes, modes = set(), set()
    for path in images[::step]:
        try:
            with pillow().open(path) as image:
                sizes.add((image.height, image.width))
                modes.add(image.mode)
        except (OSError, ValueError, SyntaxError):
            raise DataError(f"{path}: not a readable image; remove it") from None
    mode = "gray" if modes <= {"1", "L", "I;16", "I", "F"} else "rgb"
    return {"mode": mode, **({} if len(sizes) == 1 and step == 1 else {"size": _size(sizes)})}


def _size(sizes: set[tuple[int, int]]) -> list[int]:
    """The middle of all heights and widths, in multiples of 8."""
    middle = np.median(np.array(sorted(sizes)), axis=0)
    scale = min(1.0, LARGEST_SIDE / middle.max())
    return [max(8, 8 * round(side * scale / 8)) for side in middle.tolist()]


# arrays ------------------------------------------------------------------------------------------


def _of_idx(images: Path) -> Options:
    labels = _beside(images, lambda name: name.replace("images", "labels").replace("idx3", "idx1"))
    if labels is None or labels == images:
        raise DataError(
            f"{images}: its labels are not beside it; call the two files like "
            "train-images-idx3-ubyte and train-labels-idx1-ubyte"
        )
    if len(read_shape(images)) == 1:
        raise DataError(f"{images}: holds labels; give the file of the images")
    values = in_memory(read_idx(labels))
    low, count = int(values.min()), int(values.max()) - int(values.min()) + 1
    found: Options = {"source": "idx", "train": {"images": images, "labels": labels}}
    for word in TEST_WORDS:
        test = [
            _beside(file, lambda name, w=word: name.replace("train", w))  # type: ignore[misc]
            for file in (images, labels)
        ]
        if None not in test and test[0] != images:
            found["test"] = {"images": test[0], "labels": test[1]}
            break
    found |= {"classes": count} if count != 10 else {}
    return found | ({"label_offset": low} if low else {})


def _beside(path: Path, renamed: Callable[[str], str]) -> Path | None:
    """The file beside another one that has this name, packed or not."""
    name = renamed(path.name).removesuffix(".gz")
    found = (path.with_name(each) for each in (name, f"{name}.gz"))
    return next((each for each in found if each.is_file()), None)


def _of_npz(path: Path) -> Options:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = set(arrays.files)
            if {"x_train", "y_train", "x_test", "y_test"} <= {name.lower() for name in names}:
                return {"source": "npz", "train": path}
            pair = next((pair for pair in USUAL_ARRAYS if names >= set(pair)), None)
            shape: Shape = arrays[pair[0]].shape if pair else ()
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from None
    if pair is None:
        raise DataError(
            f"{path}: which arrays are the inputs and the targets? It contains "
            f"{listed(sorted(names))}; call them x and y"
        )
    other = {} if pair == ("x", "y") else dict(zip(("inputs", "targets"), pair, strict=True))
    last = len(shape) == 4 and looks_channels_last(shape)
    return {"source": "npz", "train": path, **other} | ({"layout": "channels_last"} if last else {})


# tables ------------------------------------------------------------------------------------------


def _of_table(path: Path, target: str | None) -> Options:
    table = _opened(path)
    k = _answer(table, target)
    values = read_columns(table, (), [k]).texts[k]
    numbers = [float(v) for v in values if table.is_number(v)]
    is_real = len(numbers) == len(values) and (
        len(set(numbers)) > MOST_CLASSES or any(v != round(v) for v in numbers)
    )
    name: str | int = table.names[k] if table.header else k
    found: Options = {"source": "csv", "train": path}
    found |= {"targets": [name]} if is_real else {"label": name}
    found |= {} if table.header else {"header": False}
    return found | _features(table, k)


def _opened(path: Path) -> Table:
    try:
        return open_table(path, None, None, None)
    except DataError as error:
        if "header: false" not in str(error):
            raise
    return open_table(path, None, None, header=False)


def _answer(table: Table, target: str | None) -> int:
    """The column to predict: the one that is named, or that a training would take."""
    if target is not None:
        return table.index(target if table.header or not target.isdecimal() else int(target))
    try:
        return Csv(train=str(table.path)).answers(table)[0][0]
    except DataError:
        last = table.names[-1]
        raise DataError(
            f"{table.path}: which column is to be predicted? Name it, such as --target {last}; the "
            f"columns are {listed(list(table.names))}"
        ) from None


def _features(table: Table, answer: int) -> Options:
    """What to do with row numbers, texts and pixels among the other columns."""
    others = [k for k in range(len(table.names)) if k != answer]
    if table.header and _are_pixels([table.names[k] for k in others]):
        side = math.isqrt(len(others))
        return {"shape": [1, side, side]}
    textual = [k for k in others if table.is_text(k)]
    texts = read_columns(table, (), textual).texts if textual else {}
    many = [k for k in textual if len(set(texts[k])) > MOST_TEXTS]
    index = [k for k in others if table.header and is_index(table.names[k])]
    ignored = [table.names[k] if table.header else k for k in sorted({*many, *index})]
    categorical = [k for k in textual if k not in many and k not in index]
    found: Options = {"ignore": ignored} if ignored else {}
    return found | ({"categorical": "auto"} if categorical else {})


def _are_pixels(names: list[str]) -> bool:
    """Whether columns are called pixel0, pixel1, ... and fill a square."""
    words = {name.rstrip("0123456789x_. ").lower() for name in names}
    side = math.isqrt(len(names))
    return side >= LEAST_SIDE and side * side == len(names) and words <= PIXELS
