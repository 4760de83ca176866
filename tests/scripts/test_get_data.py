"""scripts/get_data.py with small substitute files, from a folder and a local web server."""

import functools
import gzip
import hashlib
import http.server
import importlib.util
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "get_data.py"
CONTENT = {"train-images-idx3-ubyte": b"images", "train-labels-idx1-ubyte": b"labels"}


@pytest.fixture
def script(monkeypatch):
    """The script as a module that expects the two small files of CONTENT."""
    spec = importlib.util.spec_from_file_location("get_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sums = {name: hashlib.md5(data).hexdigest() for name, data in CONTENT.items()}
    monkeypatch.setattr(module, "MD5_OF_CONTENT", sums)
    monkeypatch.setattr(module, "MIRRORS", ())
    return module


@pytest.fixture
def run(script, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["get_data.py", "mnist", *map(str, arguments)])
        return script.main()

    return call


def fill(folder: Path, packed: bool = True) -> Path:
    folder.mkdir(parents=True)
    for name, data in CONTENT.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.stem: gzip.decompress(path.read_bytes()) for path in folder.glob("*")}


@pytest.mark.parametrize("packed", [True, False])
def test_copies_compressed_and_raw_files_from_a_folder(run, tmp_path, packed):
    source = fill(tmp_path / "source", packed)
    assert run("--to", tmp_path / "data", "--from", source) == 0
    assert contents(tmp_path / "data" / "mnist") == CONTENT


def test_keeps_existing_correct_files(run, tmp_path, capsys):
    fill(tmp_path / "data" / "mnist")
    assert run("--to", tmp_path / "data") == 0
    assert capsys.readouterr().out.count("already present") == 2


def test_wrong_content_is_rejected_and_not_written(run, tmp_path, capsys):
    source = fill(tmp_path / "source")
    (source / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"other"))
    assert run("--to", tmp_path / "data", "--from", source) == 1
    assert "its MD5 sum is not" in capsys.readouterr().err
    assert contents(tmp_path / "data" / "mnist") == {}


def test_missing_file_names_the_folder(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run("--to", tmp_path / "data", "--from", tmp_path / "empty") == 1
    assert f"{tmp_path / 'empty'}: contains neither" in capsys.readouterr().err


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


def test_downloads_from_the_first_correct_mirror(script, run, mirror, tmp_path, monkeypatch):
    address, _ = mirror
    monkeypatch.setattr(script, "MIRRORS", (f"{address}/missing", address))
    assert run("--to", tmp_path / "data") == 0
    assert contents(tmp_path / "data" / "mnist") == CONTENT


def test_a_mirror_with_wrong_content_is_reported(
    script, run, mirror, tmp_path, monkeypatch, capsys
):
    address, folder = mirror
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    monkeypatch.setattr(script, "MIRRORS", (address,))
    assert run("--to", tmp_path / "data") == 1
    message = capsys.readouterr().err
    assert address in message
    assert "--from DIR" in message
