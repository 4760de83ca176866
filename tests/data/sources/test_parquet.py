"""Parquet: every kind of column, row groups on disk, and what cannot be read."""

import numpy as np
import pytest

from cnntrain.data import by_index
from cnntrain.data.by_index import ByIndex
from cnntrain.data.sources import parquet as source
from cnntrain.data.sources.parquet import Parquet
from cnntrain.errors import DataError

PIXELS = np.arange(7 * 4, dtype=np.uint8).reshape(7, 4)
LABELS = ["cat", "dog", "cat", "cow", "dog", "cat", "cow"]


@pytest.fixture
def write(tmp_path):
    """``write(name, a=[...], ...)``: a file of these columns, in row groups of three rows."""
    pyarrow = pytest.importorskip("pyarrow", reason="the source 'parquet' needs pyarrow")
    pytest.importorskip("pyarrow.parquet")

    def written(name, **columns):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / name, row_group_size=3)

    return written


@pytest.fixture
def load(tmp_path):
    return lambda **options: Parquet(**options).load(tmp_path.joinpath, 0)


def test_numbers_in_columns(write, load):
    write("a.parquet", a=[1, 2, 3, 4], b=[0.5, 1.5, 2.5, 3.5], kind=["x", "y", "x", "y"])
    data = load(train="a.parquet", label="kind")
    assert data.classes == ("x", "y")
    assert data.train.x.tolist() == [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]]
    assert data.schema.features == ("a", "b")


def test_whole_numbers_may_be_targets(write, load):
    write("a.parquet", a=[1.0, 2.0, 3.0], b=[4, 5, 6])
    data = load(train="a.parquet", targets=("b",))
    assert data.classes is None
    assert data.train.y.tolist() == [[4.0], [5.0], [6.0]]


@pytest.mark.parametrize("most", [1 << 20, 8])
def test_lists_form_images(write, load, monkeypatch, most):
    monkeypatch.setattr(by_index, "MOST_IN_MEMORY", most)
    write("a/1.parquet", pixels=list(PIXELS[:5]), label=LABELS[:5])
    write("a/2.parquet", pixels=list(PIXELS[5:]), label=LABELS[5:])
    data = load(train="a", shape=(1, 2, 2))
    assert isinstance(data.train.stored, ByIndex) == (most == 8)
    assert data.classes == ("cat", "cow", "dog")
    wanted = np.array([6, 0, 4])
    np.testing.assert_array_equal(data.train.gather(wanted), PIXELS[wanted].reshape(3, 1, 2, 2))


def test_other_files_are_matched_by_name(write, load):
    write("a.parquet", a=[1, 2], b=[3, 4], label=[0, 1])
    write("b.parquet", label=[1], more=[9], b=[6], a=[5])
    assert load(train="a.parquet", test="b.parquet").test.x.tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"a": [1, 2]}, {}, "name a column with 'label'; it has a"),
        ({"a": [1, 2]}, {"label": "b"}, "has no column 'b'; it has a"),
        ({"a": [1, None], "y": [0, 1]}, {}, "'a': 1 cells are empty"),
        ({"a": ["u", "v"], "y": [0, 1]}, {}, "inputs must be numbers"),
        ({"a": [[1, 2], [3]], "y": [0, 1]}, {}, "its lists differ in length"),
        ({"a": [1, 2], "y": [0, 1]}, {"shape": (2, 2)}, "1 numbers per row do not form (2, 2)"),
    ],
)
def test_what_is_refused(write, load, columns, options, message):
    write("a.parquet", **columns)
    with pytest.raises(DataError) as caught:
        load(train="a.parquet", **options)
    assert message in str(caught.value)


def test_files_that_are_no_parquet(write, load, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match=r"a\.parquet: not a readable Parquet file"):
        load(train="a.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.parquet files"):
        load(train="empty")


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'cnntrain\[parquet\]'"):
        source.pyarrow_parquet()
