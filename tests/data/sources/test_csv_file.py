"""Comma-separated text: the roles of columns, and a message with the line of every bad cell."""

import numpy as np
import pytest

from cnntrain.data.sources.csv_file import Csv
from cnntrain.errors import DataError

TABLE = "height,width,kind\n1,2.5,oak\n-3e1, 4 ,elm\n0,.5,oak\n"


@pytest.fixture
def load(tmp_path):
    """``load(text, **options)``: the data of a file with this text (or bytes)."""

    def loaded(text=TABLE, **options):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "a.csv").write_bytes(content)
        source = Csv(train="a.csv", **options)
        dataset = source.load(tmp_path.joinpath, seed=0)
        assert source.sample_shape(tmp_path.joinpath) == dataset.sample_shape
        return dataset

    return loaded


@pytest.fixture
def refused(load, tmp_path):
    """``refused(text, **options)``: the message, without the name of the folder."""

    def message(text, **options):
        with pytest.raises(DataError) as caught:
            load(text, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return message


def test_features_and_classes(load):
    dataset = load()
    assert dataset.train.x.tolist() == [[1, 2.5], [-30, 4], [0, 0.5]]
    assert dataset.train.y.tolist() == [1, 0, 1]
    assert dataset.classes == ("elm", "oak")


@pytest.mark.parametrize("label", ["kind", 2, -1, None])
def test_the_label_by_name_or_number(load, label):
    assert load(label=label).train.y.tolist() == [1, 0, 1]


def test_a_label_in_the_middle(load):
    dataset = load("a,kind,b\n1,x,2\n3,y,4\n", label="kind")
    assert dataset.train.x.tolist() == [[1, 2], [3, 4]]


def test_targets_of_regression(load):
    dataset = load("a,b,c\n1,2,3\n4,5,6\n", targets=("c", 0))
    assert dataset.train.x.tolist() == [[2], [5]]
    assert dataset.train.y.tolist() == [[3, 1], [6, 4]]
    assert dataset.classes is None


def test_ignored_columns_may_hold_anything(load):
    dataset = load("id,a,kind\nx1,1,u\nx2,2,v\n", ignore=("id",))
    assert dataset.train.x.tolist() == [[1], [2]]


def test_numeric_classes_are_in_numerical_order(load):
    assert load("a,k\n1,10\n2,9\n3,-1\n4,z\n", label="k").classes == ("-1", "9", "10", "z")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("\ufeff" + TABLE, {}),
        (TABLE.replace("\n", "\r\n"), {}),
        (TABLE.rstrip("\n"), {}),
        (TABLE + "\n\n", {}),
        (TABLE.replace(",", ";"), {"delimiter": ";"}),
        (TABLE.replace(",", "\t"), {"delimiter": "\t"}),
        (TABLE.partition("\n")[2], {"header": False}),
        (TABLE.replace("oak", '"oak"').replace("2.5", '"2.5"'), {}),
    ],
    ids=["BOM", "CRLF", "no last newline", "blank lines", ";", "tab", "no header", "quotes"],
)
def test_equivalent_notations(load, text, options):
    dataset = load(text, **options)
    assert dataset.train.x.tolist() == [[1, 2.5], [-30, 4], [0, 0.5]]
    assert dataset.classes == ("elm", "oak")


def test_a_bom_is_not_part_of_the_first_column(load):
    assert load("\ufeffkind,a\nu,1\nv,2\n", label="kind").classes == ("u", "v")


def test_a_quoted_newline_is_part_of_its_cell(load, refused):
    text = 'note,a,kind\n"two\nlines",1,u\nplain,2,v\n'
    assert load(text, ignore=("note",)).train.x.tolist() == [[1], [2]]
    assert refused(text, label="kind").startswith("a.csv:2: column 'note' holds 'two\\nlines'")
    below = text + 'x,3,\n"y\ny",oops,u\n'
    assert refused(below, ignore=("note",)) == (
        "a.csv:5: column 'kind' is empty; fill it or drop the row"
    )
    assert refused(below.replace("x,3,", "x,3,v"), ignore=("note",)).startswith(
        "a.csv:6: column 'a' holds 'oops'"
    )


EMPTY = "column 'b' is empty; fill it, drop the row, or 'ignore' the column"
NO_NUMBER = (
    "which is not a finite number; a text column goes under 'categorical: [{0}]' or 'ignore: [{0}]'"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,k\n1,2,u\n1,,v\n", f"a.csv:3: {EMPTY}"),
        ("a,b,k\n1,2,u\n\n1,  ,v\n", f"a.csv:4: {EMPTY}"),
        ("a,b,k\n1,nan,u\n1,2,v\n", f"a.csv:2: column 'b' holds 'nan', {NO_NUMBER.format('b')}"),
        ("a,b,k\n1,-inf,u\n1,2,v\n", f"a.csv:2: column 'b' holds '-inf', {NO_NUMBER.format('b')}"),
        ("a,b,k\n1,1e999,u\n1,2,v\n",
         f"a.csv:2: column 'b' holds '1e999', {NO_NUMBER.format('b')}"),
        ("a,b,k\n1,2,u\nNA,2,v\n", f"a.csv:3: column 'a' holds 'NA', {NO_NUMBER.format('a')}"),
        ('a,k\n1,u\n"2,5",v\n',
         """a.csv:3: column 'a' holds '2,5', a decimal comma; say "decimal: ','\""""),
        ("a,b,k\n1,2,u\n1,v\n", "a.csv:3: 2 cells, but the first row has 3"),
        ("a,b,k\n1,2,u\n1,2,5,v\n", "a.csv:3: 4 cells, but the first row has 3"),
        ('a,k\n1,u\n"2,v\n', "a.csv: the last line ends within quotes; close them"),
        ("", "a.csv: contains no data rows"),
        ("a,b,k\n", "a.csv: contains no data rows"),
        ("k\nu\nv\n", "a.csv: has one column; a label and a feature need two"),
        ("a,k\n1,u\n2,u\n", "a.csv: 'k' contains only one class"),
        ("a,k\n\u00e4,u\n".encode("latin-1"), "a.csv: not UTF-8 text; save it as UTF-8"),
        (TABLE.encode("utf-16"), "a.csv: not UTF-8 text; save it as UTF-8"),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_bad_cell_is_reported_with_line_and_column(refused, text, message):
    assert refused(text) == message


def test_zero_bytes_are_rejected(refused):
    assert refused(b"a,k\n1,u\n\0,v\n").startswith("a.csv:")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "kindd"}, "a.csv: no column 'kindd'; did you mean 'kind'?"),
        ({"label": 3}, "a.csv: no column 3; the file has 3"),
        ({"label": -4}, "a.csv: no column -4; the file has 3"),
        ({"ignore": ("hight",)}, "a.csv: no column 'hight'; did you mean 'height'?"),
        ({"ignore": ("height", "width")}, "a.csv: no feature column remains; shorten 'ignore'"),
    ],
)
def test_nonexistent_columns(refused, options, message):
    assert refused(TABLE, **options) == message


def test_a_missing_header_is_detected(refused):
    """Otherwise the first sample would silently become the names of the columns."""
    told = "so it may be data; say 'header: false', or 'header: true' if these are the names"
    assert (
        refused("1,u\n2,v\n") == f"a.csv:1: the first row holds the number 1, {told} of the columns"
    )
    again = f"a.csv:1: the first row holds 'u', as others do, {told} of the columns"
    assert refused("x,u\ny,u\nz,v\n") == again


def test_label_and_targets_exclude_each_other():
    with pytest.raises(ValueError, match="'label' is for classification, 'targets' for regression"):
        Csv(train="a.csv", label="a", targets=("b",))


def test_other_files_use_the_same_classes(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.csv").write_text("height,width,kind\n1,1,oak\n")
    dataset = Csv(train="a.csv", test="b.csv", val="a.csv").load(tmp_path.joinpath, 0)
    assert dataset.test.y.tolist() == [1]
    np.testing.assert_array_equal(dataset.val.x, dataset.train.x)
    (tmp_path / "b.csv").write_text("height,width,kind\n1,1,ash\n")
    with pytest.raises(
        DataError, match=r"b\.csv: 'ash' is not a class of the training data; known: elm, oak"
    ):
        Csv(train="a.csv", test="b.csv").load(tmp_path.joinpath, 0)


@pytest.mark.parametrize(
    "text", ["width,height,kind\n2,1,oak\n", "height,depth,kind,width\n1,x,oak,2\n"]
)
def test_columns_of_another_file_are_matched_by_name(tmp_path, text):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.csv").write_text(text)
    dataset = Csv(train="a.csv", test="b.csv").load(tmp_path.joinpath, 0)
    assert dataset.test.x.tolist() == [[1, 2]]
    assert ("not in the training file, so not used: depth" in dataset.notes[-1]) is (
        "depth" in text
    )


@pytest.mark.parametrize(
    ("header", "missing"), [("height,kind", "'width'"), ("height,width", "'kind'")]
)
def test_a_missing_column_is_named(tmp_path, header, missing):
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(
        DataError, match=rf"b\.csv: no column {missing}, which the training file has"
    ):
        Csv(train="a.csv", test="b.csv").load(tmp_path.joinpath, 0)
