"""What is recognized in files, what is left out and counted, and what is refused with its key."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.sources.cifar import CIFAR10_CLASSES, CIFAR100_FINE, Cifar10, Cifar100
from cnntrain.data.sources.csv_file import Csv
from cnntrain.data.sources.folder import Folder
from cnntrain.data.sources.idx import FASHION, Idx, IdxPair
from cnntrain.data.sources.labelled_images import ImageTable, LabelledImages
from cnntrain.errors import DataError

TABLE = "height,width,kind\n1,2.5,oak\n-3e1,4,elm\n0,.5,oak\n"
ROWS = [[1, 2.5], [-30, 4], [0, 0.5]]


@pytest.fixture
def csv(tmp_path):
    """``csv(content, **options)``: the data of a file with this content."""

    def load(content, name="a.csv", **options):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return Csv(train=name, **options).load(tmp_path.joinpath, 0)

    return load


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- text tables -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", "|"),
        TABLE.replace(",", ";").replace(".", ","),
        TABLE.replace("oak", '"an oak; a tree"').replace(",", ";").replace(".", ","),
    ],
)
def test_delimiters_and_decimal_commas_are_recognized(csv, text):
    assert csv(text).train.x.tolist() == ROWS


def test_packed_tables_are_read(csv):
    assert csv(gzip.compress(TABLE.encode()), "a.csv.gz").train.x.tolist() == ROWS
    assert csv(zipped(a=TABLE, **{"__MACOSX/a": "x"}), "a.zip").train.x.tolist() == ROWS
    with pytest.raises(DataError, match="holds 2 files; pack one table alone"):
        csv(zipped(a=TABLE, b=TABLE), "a.zip")


def test_a_packed_table_may_not_grow_without_bound(csv):
    bomb = gzip.compress(("a,b,y\n" + "1,2,u\n3,4,v\n" * 2_000_000).encode())
    with pytest.raises(DataError, match="expands to more than 20 times its size"):
        csv(bomb, "a.csv.gz")


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:20] + b"\0\0\0" + c[23:]])
def test_a_damaged_archive_is_one_message(csv, damage):
    with pytest.raises(DataError, match=r"corrupt archive|not UTF-8|no column|contains no data"):
        csv(damage(gzip.compress(TABLE.encode())), "a.csv.gz")


def test_two_kinds_of_decimals_are_refused_with_the_key(csv):
    with pytest.raises(DataError, match="with a point and with a comma; name one with 'decimal'"):
        csv("a;b;y\n1,5;2.5;u\n1;2;v\n")


@pytest.mark.parametrize("cell", ["1_000", "\u0661\u0662", "0x10", "1e", "--1", "1 000"])
def test_what_is_not_a_plain_decimal_number_is_refused(csv, cell):
    with pytest.raises(DataError, match=r"a\.csv:2: column 'a' holds"):
        csv(f"a,b,y\n{cell},2,u\n1,2,v\n")


def test_an_explicit_header_settles_it(csv):
    text = "2019,2020,kind\n1,2,oak\n3,4,elm\n"
    with pytest.raises(DataError, match="the first row holds the number 2019, so it may be data"):
        csv(text)
    dataset = csv(text, header=True)
    assert (dataset.schema.features, len(dataset.train)) == (("2019", "2020"), 2)


@pytest.mark.parametrize(
    ("names", "label"),
    [("label,a,b", "label"), ("a,Class,b", "Class"), ("a,b,target_y", "target_y"), ("y,a,b", "y")],
)
def test_the_label_by_its_name(csv, names, label):
    dataset = csv(f"{names}\n1,2,3\n4,5,6\n7,8,9\n")
    assert dataset.schema.targets == (label,)


def test_a_text_feature_is_not_taken_for_the_label(csv):
    """Only text in the last column is; elsewhere it is a feature, and the label must be named."""
    with pytest.raises(DataError, match="which column is the label"):
        csv("sex,age,survived\nf,1,1\nm,2,0\n")


def test_large_numbers_close_together_keep_their_digits(csv, monkeypatch):
    monkeypatch.setattr("cnntrain.data.sources.columns.EXACT_BYTES", 0)
    rows = [f"{1_700_000_000 + k},{k},{'uv'[k % 2]}" for k in range(100)]
    x = csv("\n".join(["time,k,kind", *rows]), features=("time", "k")).train.x
    assert len(np.unique(x[:, 0])) == 100
    small = csv("\n".join(["a,b,kind", *(f"{k / 7},{-k},{'uv'[k % 2]}" for k in range(9))]))
    assert small.train.x.dtype == np.float32


def test_whole_numbers_written_with_a_point_are_the_same_class(csv):
    assert csv("a,label\n1,2.0\n2,3\n3,2\n").classes == ("2", "3")


# --- folders ---------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    pil = pytest.importorskip("PIL.Image", reason="images need Pillow")

    def save(name, value=0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = pil.fromarray(np.full((2, 3), value, np.uint8))
        picture.save(path, format="JPEG" if path.suffix in (".jpe", ".jfif", ".jpg") else None)

    return save


def folder(tmp_path, train="train", **options):
    return Folder(train=train, mode="gray", **options).load(tmp_path.joinpath, 0)


def test_every_common_suffix_is_read_and_others_are_counted(image, tmp_path):
    for suffix in ["jpg", "jpeg", "jpe", "jfif", "png", "bmp", "gif", "tif", "tiff", "webp"]:
        image(f"train/a/x.{suffix}")
    image("train/b/y.PNG")
    (tmp_path / "train" / "a" / "notes.txt").write_text("x")
    for hidden in ("._x.png", ".DS_Store", "Thumbs.db", "__MACOSX/x.png"):
        (tmp_path / "train" / "a" / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / "train" / "a" / hidden).write_text("x")
    dataset = folder(tmp_path)
    assert len(dataset.train) == 11
    assert dataset.notes == (
        f"{tmp_path / 'train'}: 11 images; 1 of 12 files left out: suffix .txt",
    )


def test_deeper_images_are_read_or_counted(image, tmp_path):
    for name in ("a/0.png", "a/more/1.png", "b/0.png", "b/more/deep/1.png"):
        image(f"train/{name}")
    assert len(folder(tmp_path).train) == 4
    flat = folder(tmp_path, recursive=False)
    assert len(flat.train) == 2
    assert flat.notes[0].endswith(
        "2 of 4 files left out: 2 in deeper folders (recursive: true reads them)"
    )


def test_one_class_is_refused(image, tmp_path):
    image("train/only/0.png")
    with pytest.raises(DataError, match="only one class"):
        folder(tmp_path)


def test_a_parent_of_splits_is_recognized(image, tmp_path):
    for split in ("Train", "test", "valid"):
        for name in "ab":
            image(f"parent/{split}/{name}/0.png", 7 if split == "test" else 0)
    dataset = folder(tmp_path, "parent")
    assert (dataset.classes, len(dataset.train), len(dataset.val)) == (("a", "b"), 2, 2)
    assert dataset.test.x.max() == 7


def test_a_class_that_is_missing_in_another_folder_keeps_its_place(image, tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "train/c/0.png", "new/c/0.png"):
        image(name)
    source = Folder(train="train", mode="gray").evaluated_on("new")
    parts = source.load_as(Schema(("a", "b", "c")), tmp_path.joinpath, 0, ("test",))
    assert parts["test"].split.y.tolist() == [2]


def test_a_table_of_image_names(image, tmp_path):
    for k in range(4):
        image(f"flat/p{k}.png", k)
    (tmp_path / "labels.csv").write_text("id,breed\np0,pug\np2,collie\n")
    given = ImageTable(images="flat", labels="labels.csv")
    source = LabelledImages(train=given, suffix=".png", mode="gray")
    dataset = source.load(tmp_path.joinpath, 0)
    assert dataset.classes == ("collie", "pug")
    assert dataset.train.x[:, 0, 0, 0].tolist() == [0, 2]
    assert "2 images of the folder are not in the table" in dataset.notes[0]
    (tmp_path / "labels.csv").write_text("id,breed\np0,pug\np9,collie\n")
    with pytest.raises(DataError, match=r"p9\.png: no such image, but labels\.csv names it"):
        source.load(tmp_path.joinpath, 0)


# --- IDX and CIFAR ---------------------------------------------------------------------------

IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)


@pytest.fixture
def idx(tmp_path, idx_file):
    def load(labels, folder="letters", **options):
        (tmp_path / folder).mkdir(exist_ok=True)
        idx_file(tmp_path / folder / "x", IMAGES)
        idx_file(tmp_path / folder / "y", np.array(labels))
        pair = IdxPair(images=f"{folder}/x", labels=f"{folder}/y")
        source = Idx(train=pair, **options)
        dataset = source.load(tmp_path.joinpath, 0)
        assert source.sample_shape(tmp_path.joinpath) == dataset.sample_shape
        return dataset

    return load


def test_labels_may_start_at_one_and_images_may_be_transposed(idx):
    with pytest.raises(DataError, match="say 'classes: 26' and 'label_offset: 1'"):
        idx([1, 26, 3, 1])
    dataset = idx([1, 26, 3, 1], label_offset=1, classes=26, transpose=True)
    assert dataset.train.y.tolist() == [0, 25, 2, 0]
    assert dataset.classes[:2] == ("1", "2")
    np.testing.assert_array_equal(dataset.train.x[0, 0], IMAGES[0].T)


def test_official_names_of_classes(idx):
    assert idx([0, 1, 2, 9], "fashion-mnist").classes == FASHION
    assert idx([0, 1, 2, 9]).classes == tuple("0123456789")
    assert idx([0, 1, 2, 1], class_names=("a", "b", "c")).classes == ("a", "b", "c")
    assert (len(CIFAR100_FINE), Cifar100(train=("x",), labels="coarse").names()[0]) == (
        100, "aquatic_mammals",
    )  # fmt: skip
    assert Cifar10(train=("x",)).names() == CIFAR10_CLASSES


def test_the_python_version_of_cifar_is_recognized(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}q\x01(U\x0bbatch_label" + bytes(3073))
    with pytest.raises(DataError, match=r"the Python version.*download the binary version"):
        Cifar10(train=("data_batch_1",)).load(tmp_path.joinpath, 0)
