"""Files are written completely or not at all, and found in the documented order."""

import os
import socket
from pathlib import Path

import pytest

from cnntrain.data.locate import DATA_VARIABLE, DataFolders
from cnntrain.errors import DataError, ExitCode, WriteError
from cnntrain.files import atomic_write, write_text

# Writing


def test_a_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt(), ValueError("x")])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, old, error):
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_bytes(old)

    def fails_half_way():
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(WriteError if isinstance(error, OSError) else type(error)):
        fails_half_way()
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([old] if old else [])


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, function):
    def fails(*_, **__):
        raise OSError(5, "Input/output error")

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, function, fails)
    with pytest.raises(WriteError, match=r"a\.txt: cannot be written \(Input"):
        write_text(path, "new")
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]


def test_file_and_folder_are_flushed_to_the_disk(tmp_path, monkeypatch):
    """First the content, then the name, so that a crash in between leaves the old file."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        calls.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file")
        fsync(handle)

    def replaced(*paths, **folders):
        calls.append("replace")
        replace(*paths, **folders)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_text(tmp_path / "a.txt", "é")
    assert calls == ["file", "replace", "folder"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "é"


def test_the_folder_must_exist(tmp_path):
    with pytest.raises(WriteError, match=r"no/a.txt: cannot be written \(No such file or dir"):
        write_text(tmp_path / "no" / "a.txt", "x")


# Finding


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Four folders with an a.idx each: --data-dir, the variable, the config's, the working one."""
    places = {name: tmp_path / name for name in ("option", "variable", "config", "here")}
    for place in places.values():
        (place / "mnist").mkdir(parents=True)
        (place / "mnist" / "a.idx").touch()
    monkeypatch.chdir(places["here"])
    monkeypatch.setenv(DATA_VARIABLE, str(places["variable"]))
    return places


def search_order(folders, option):
    """The folders in search order, found by removing each file once it has been found."""
    found = []
    for _ in folders:
        lookup = DataFolders.of(folders["option"] if option else None, folders["config"])
        try:
            path = lookup.find("mnist/a.idx").resolve()
        except DataError:
            break
        found.append(path.parents[1].name)
        path.unlink()
    return found


def test_the_option_is_binding(folders, tmp_path):
    assert search_order(folders, option=True) == ["option"]
    with pytest.raises(DataError, match="none: no such folder; correct --data-dir"):
        DataFolders.of(tmp_path / "none")


def test_the_variable_replaces_a_missing_option(folders):
    assert search_order(folders, option=False) == ["variable", "config", "here"]


@pytest.mark.parametrize("value", [None, ""])
def test_without_option_and_variable(folders, monkeypatch, value):
    monkeypatch.delenv(DATA_VARIABLE)
    if value is not None:
        monkeypatch.setenv(DATA_VARIABLE, value)
    assert search_order(folders, option=False) == ["config", "here"]


def test_the_message_lists_every_place_once(folders):
    lookup = DataFolders((folders["option"], folders["config"], Path()))
    with pytest.raises(DataError) as caught:
        lookup.find("mnist/b.idx")
    assert caught.value.exit_code == ExitCode.FAILED
    assert str(caught.value).splitlines() == [
        "mnist/b.idx: no such data file; tried",
        f"  {folders['option'] / 'mnist' / 'b.idx'}",
        f"  {folders['config'] / 'mnist' / 'b.idx'}",
        "  mnist/b.idx",
        "Give its folder with --data-dir DIR or CNNTRAIN_DATA=DIR.",
    ]


def test_an_absolute_path_is_not_searched_for_elsewhere(folders, tmp_path):
    lookup = DataFolders.of(folders["option"])
    absolute = tmp_path / "config" / "mnist" / "a.idx"
    assert lookup.find(str(absolute)) == absolute
    with pytest.raises(DataError) as caught:
        lookup.find(str(tmp_path / "none.idx"))
    assert str(caught.value).splitlines()[1:-1] == [f"  {tmp_path / 'none.idx'}"]


@pytest.mark.parametrize("name", ["~/mnist/a.idx", "$PLACE/mnist/a.idx", "${PLACE}/mnist/a.idx"])
def test_home_and_variables_are_expanded(folders, monkeypatch, name):
    monkeypatch.setenv("HOME", str(folders["config"]))
    monkeypatch.setenv("PLACE", str(folders["config"]))
    assert DataFolders.of(None).find(name) == folders["config"] / "mnist" / "a.idx"


@pytest.mark.parametrize("name", ["my data.idx", "größe.idx", "a\nb.idx", "-x.idx", "#1.idx"])
def test_any_file_name(tmp_path, name):
    (tmp_path / name).touch()
    assert DataFolders.of(tmp_path).find(name) == tmp_path / name


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (pipe, "a pipe"),
        (unix_socket, "a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to("/proc/version"), "made by the system while it is read"),
        (lambda path: path.symlink_to("/proc/self/mem"), "made by the system while it is read"),
    ],
    ids=["pipe", "socket", "device", "proc", "proc with gaps"],
)
def test_what_may_have_no_end_is_refused_unread(tmp_path, monkeypatch, made, kind):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    made(Path("x"))
    with pytest.raises(DataError, match=f"x: is {kind}; give a file or a folder"):
        DataFolders.of(None).find("x")


def test_an_empty_file_and_a_folder_are_found(tmp_path):
    (tmp_path / "x").touch()
    (tmp_path / "y").mkdir()
    for name in "xy":
        assert DataFolders.of(tmp_path).find(name) == tmp_path / name
