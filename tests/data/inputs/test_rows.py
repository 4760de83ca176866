"""Tables to be predicted: columns by name, else by position; what is missing is named."""

import gzip
import io

import numpy as np
import pytest

from cnntrain.data.dataset import Schema
from cnntrain.data.inputs import portion as portions_of
from cnntrain.data.inputs.portion import Wanted
from cnntrain.data.inputs.read import portions
from cnntrain.data.sources.csv_file import Csv
from cnntrain.data.sources.digits import Digits
from cnntrain.errors import DataError

NAMED = Schema(("no", "yes"), ("a", "b"), ("label",))
TEXTS = Schema(("no", "yes"), ("a", "color"), ("label",), {"color": ("blue", "red")})
NO_NAMES = Schema(("no", "yes"), ("0", "2"), ("1",))
CSV = Csv(train="train.csv")


@pytest.fixture
def read(tmp_path):
    """``read(text)``: (ids, samples) of a table with this text."""

    def all_of(text, schema=NAMED, shape=(2,), source=CSV, stdin=False, pack=None):
        content = text.encode() if isinstance(text, str) else text
        (tmp_path / "new.csv").write_bytes(pack(content) if pack else content)
        name = "-" if stdin else str(tmp_path / "new.csv")
        wanted = Wanted(shape, source, schema)
        found = list(portions([name], tmp_path.joinpath, wanted, io.BytesIO(content), print))
        return [i for p in found for i in p.ids], np.concatenate([p.x for p in found]).tolist()

    return all_of


@pytest.mark.parametrize("stdin", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "label,b,a\nyes,2,1\nno,4,3\n",
        "b;more;a\r\n2;x;1\r\n4;y;3\r\n",
        '\ufeff"a","b"\n"1","2"\n\n3,4',
        "1,2\n3,4\n",
        "a\tb\n1.0\t2e0\n3\t4\n",
    ],
    ids=["same", "other order", "more columns", "quoted", "no header", "tabs"],
)
def test_columns_are_found(read, text, stdin):
    assert read(text, stdin=stdin) == (["1", "2"], [[1, 2], [3, 4]])


def test_a_packed_table(read):
    assert read("a,b\n1,2\n3,4\n", pack=gzip.compress)[1] == [[1, 2], [3, 4]]


def test_a_column_called_like_an_id_names_the_rows(read):
    assert read("PassengerId,a,b\nx7,1,2\nx9,3,4\n")[0] == ["x7", "x9"]


def test_portions_continue_their_numbers(read, monkeypatch):
    monkeypatch.setattr(portions_of, "MOST_SAMPLES", 3)
    text = "".join(f"{k},{-k}\n" for k in range(200))
    ids, x = read(text, stdin=True)
    assert ids == [str(k + 1) for k in range(200)]
    assert x == [[k, -k] for k in range(200)]


def test_texts_become_the_inputs_that_they_were(read):
    text = "color,a\nred,1\nblue,2\n"
    assert read(text, TEXTS, (3,))[1] == [[1, 0, 1], [2, 1, 0]]


@pytest.mark.parametrize(("text", "x"), [("1,9,2\n", [[1, 2]]), ("1,2\n", [[1, 2]])])
def test_a_training_file_without_header(read, text, x):
    assert read(text, NO_NAMES, source=Csv(train="t.csv", header=False))[1] == x


@pytest.mark.parametrize("text", ["1,2,3,4\n", "p,q,r,s\n1,2,3,4\n", "label,p,q,r,s\n7,1,2,3,4\n"])
def test_a_network_that_was_not_trained_on_a_table_reads_by_position(read, text):
    assert read(text, Schema(None), (1, 2, 2), Digits())[1] == [[[[1, 2], [3, 4]]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,2\n", "no column 'b', which the network reads; it has a, c"),
        ("1,2,3\n4,5,6\n", "3 columns without names, but the network takes 2: a, b;"),
        ("a,b\n1,2\n3,x\n", ":3: column 'b' holds 'x', which is not a finite number"),
        ("a,b\n1,2\n3,\n", ":3: column 'b' is empty"),
        ("a,b\n1,2\n3,4,5\n", ":3: 3 cells, but the first row has 2"),
        ("a,b\n1,2\n3,nan\n", ":3: column 'b' holds 'nan'"),
        ("a,b\n", "contains no data rows"),
        ("", "contains no data rows"),
        (b"a,b\n1,\xff\n", "not UTF-8 text"),
    ],
)
def test_what_does_not_fit_is_named(read, text, message):
    with pytest.raises(DataError) as caught:
        read(text)
    assert message in str(caught.value)


def test_an_unknown_text_is_named(read):
    with pytest.raises(DataError, match="color: 'green' is not a class of the training data"):
        read("color,a\ngreen,1\n", TEXTS, (3,))


def test_a_wrong_number_of_columns_is_explained(read):
    with pytest.raises(DataError, match=r"3 columns, but the network takes 4 numbers \(1x2x2\)"):
        read("1,2,3\n", Schema(None), (1, 2, 2), Digits())
