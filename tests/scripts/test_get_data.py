"""scripts/get_data.py with small substitute files, from a folder and a local web server."""

import functools
import gzip
import hashlib
import http.server
import io
import re
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))  # as if a script there were run
import get_data  # noqa: E402
from data_sets.fetch import Archive, Files  # noqa: E402
from data_sets.known import DATASETS  # noqa: E402

CONTENT = {"train-images-idx3-ubyte": b"images", "train-labels-idx1-ubyte": b"labels"}
PACKED = {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in CONTENT.items()}
RECORDS = {"data_batch_1.bin": b"first", "test_batch.bin": b"test"}
ARCHIVES = {"zipped": "gzip.zip", "tarred": "c.tar.gz"}


def md5(data):
    return hashlib.md5(data).hexdigest()


def zipped(folder):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in RECORDS.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data)
    return made.getvalue()


def tarred(folder):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in RECORDS.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


PACKERS = {"zipped": zipped("inner"), "tarred": tarred("inner")}


@pytest.fixture
def known(monkeypatch):
    """``known(mirrors)``: the data sets are small substitutes at these addresses."""

    def given(*mirrors):
        members = [f"inner/{name}" for name in RECORDS]
        sets = {
            "content": Files(mirrors, {f"{n}.gz": md5(d) for n, d in CONTENT.items()}, True),
            "packed": Files(mirrors, {name: md5(data) for name, data in PACKED.items()}),
            **{
                kind: Archive(mirrors, ARCHIVES[kind], md5(data), members)
                for kind, data in PACKERS.items()
            },
        }
        monkeypatch.setattr(get_data, "DATASETS", sets)

    given()
    return given


@pytest.fixture
def run(known, monkeypatch):
    def call(dataset, *arguments):
        monkeypatch.setattr("sys.argv", ["get_data.py", dataset, *map(str, arguments)])
        return get_data.main()

    return call


def fill(folder, compressed=True):
    folder.mkdir(parents=True)
    for name, data in (PACKED if compressed else CONTENT).items():
        (folder / name).write_bytes(data)
    for kind, data in PACKERS.items():
        (folder / ARCHIVES[kind]).write_bytes(data)
    return folder


def contents(folder):
    return {path.stem: gzip.decompress(path.read_bytes()) for path in folder.glob("*")}


def unpacked(folder):
    return {p.name: p.read_bytes() for p in folder.glob("*") if p.name != "checksums.md5"}


@pytest.mark.parametrize("compressed", [True, False])
def test_copies_compressed_and_raw_files_from_a_folder(run, tmp_path, compressed):
    source = fill(tmp_path / "source", compressed)
    assert run("content", "--to", tmp_path / "data", "--from", source) == 0
    assert contents(tmp_path / "data" / "content") == CONTENT


def test_files_with_sums_of_the_compressed_file(run, tmp_path, capsys):
    source = fill(tmp_path / "source")
    assert run("packed", "--to", tmp_path / "data", "--from", source) == 0
    assert contents(tmp_path / "data" / "packed") == CONTENT
    raw = fill(tmp_path / "raw", compressed=False)
    assert run("packed", "--to", tmp_path / "other", "--from", raw) == 1
    assert "its MD5 sum is not" in capsys.readouterr().err


@pytest.mark.parametrize("kind", PACKERS)
def test_archives_are_unpacked_and_recognized(run, tmp_path, capsys, kind):
    source, data = fill(tmp_path / "source"), tmp_path / "data"
    assert run(kind, "--to", data, "--from", source) == 0
    assert unpacked(data / kind) == RECORDS
    sums = (data / kind / "checksums.md5").read_text()
    assert sums == "".join(f"{md5(content)}  {name}\n" for name, content in RECORDS.items())
    capsys.readouterr()
    assert run(kind, "--to", data) == 0
    assert capsys.readouterr().out == f"{data / kind}: already present\n"
    (data / kind / "test_batch.bin").write_bytes(b"cut")
    assert run(kind, "--to", data, "--from", source) == 0
    assert unpacked(data / kind) == RECORDS


@pytest.mark.parametrize("kind", PACKERS)
def test_a_wrong_archive_is_not_unpacked(run, tmp_path, capsys, kind):
    source = fill(tmp_path / "source")
    (source / ARCHIVES[kind]).write_bytes(zipped("other"))
    assert run(kind, "--to", tmp_path / "data", "--from", source) == 1
    assert "its MD5 sum is not" in capsys.readouterr().err
    assert unpacked(tmp_path / "data" / kind) == {}


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_without_its_members(run, tmp_path, capsys, monkeypatch, kind):
    source = fill(tmp_path / "source")
    wrong = Archive((), ARCHIVES[kind], md5(PACKERS[kind]), ["inner/missing.bin"])
    monkeypatch.setattr(get_data, "DATASETS", {kind: wrong})
    assert run(kind, "--to", tmp_path / "data", "--from", source) == 1
    assert f"{ARCHIVES[kind]}: cannot be unpacked: " in capsys.readouterr().err
    assert unpacked(tmp_path / "data" / kind) == {}


def test_keeps_existing_correct_files(run, tmp_path, capsys):
    folder = tmp_path / "data" / "content"
    folder.mkdir(parents=True)
    for name, data in PACKED.items():
        (folder / name).write_bytes(data)
    assert run("content", "--to", tmp_path / "data") == 0
    assert capsys.readouterr().out.count("already present") == 2


def test_wrong_content_is_rejected_and_not_written(run, tmp_path, capsys):
    source = fill(tmp_path / "source")
    (source / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"other"))
    assert run("content", "--to", tmp_path / "data", "--from", source) == 1
    assert "its MD5 sum is not" in capsys.readouterr().err
    assert contents(tmp_path / "data" / "content") == {}


def test_missing_file_names_the_folder(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run("content", "--to", tmp_path / "data", "--from", tmp_path / "empty") == 1
    assert f"{tmp_path / 'empty'}: contains no train-images" in capsys.readouterr().err


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A local web server that serves a folder: (its address, the folder)."""
    folder = fill(tmp_path / "served")
    handler = functools.partial(SilentHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("dataset", ["content", "packed", *PACKERS])
def test_downloads_from_the_first_correct_mirror(known, run, mirror, tmp_path, dataset):
    address, _ = mirror
    known(f"{address}/missing", address)
    assert run(dataset, "--to", tmp_path / "data") == 0
    folder = tmp_path / "data" / dataset
    assert (unpacked(folder) if dataset in PACKERS else contents(folder)) in (RECORDS, CONTENT)


def test_a_mirror_with_wrong_content_is_reported(known, run, mirror, tmp_path, capsys):
    address, folder = mirror
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    known(address)
    assert run("content", "--to", tmp_path / "data") == 1
    message = capsys.readouterr().err
    assert address in message
    assert "--from DIR" in message
    assert not list((tmp_path / "data" / "content").iterdir())


def test_all_data_sets_are_known_with_sums():
    assert list(DATASETS) == ["mnist", "fashion-mnist", "kmnist", "emnist", "cifar10", "cifar100"]
    for known in DATASETS.values():
        sums = list(known.sums.values()) if isinstance(known, Files) else [known.md5]
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in sums)
        assert len(set(sums)) == len(sums)
        assert known.mirrors


def test_the_real_files_of_mnist_have_these_sums(tmp_path, shared_data, monkeypatch):
    words = ["get_data.py", "mnist", "--to", str(tmp_path), "--from", str(shared_data)]
    monkeypatch.setattr("sys.argv", words)
    assert get_data.main() == 0
    assert len(list((tmp_path / "mnist").iterdir())) == 4
