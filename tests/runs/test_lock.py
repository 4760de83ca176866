"""One writer: a second process is refused, a dead one's lock is taken over."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tracemalloc

import pytest

from cnntrain.errors import ExitCode, RunFolderError, WriteError
from cnntrain.runs import lock
from cnntrain.runs.lock import RunLock

HOST = socket.gethostname()
HOLDER = """
import sys
from pathlib import Path
from cnntrain.runs.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["by the system", "by name"])
def both_ways(request, monkeypatch):
    """Also without ``fcntl``, where the file's name alone is the lock."""
    if request.param == "by name":
        monkeypatch.setattr(lock, "fcntl", None)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of ``tmp_path`` until its stdin is closed."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.usefixtures("both_ways")
def test_the_file_names_its_holder_and_goes_with_it(tmp_path):
    with RunLock(tmp_path) as held:
        assert held.stale is None
        found = json.loads((tmp_path / "lock").read_text())
        assert found == {"pid": os.getpid(), "host": HOST}
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("both_ways")
def test_a_second_process_is_refused_with_the_holder(tmp_path, holder):
    with pytest.raises(RunFolderError) as caught, RunLock(tmp_path):
        pass
    assert caught.value.exit_code == ExitCode.FAILED
    assert str(caught.value) == (
        f"{tmp_path}: process {holder.pid} on {HOST} is writing this run; wait for it, stop it, or "
        "choose another --out"
    )
    assert json.loads((tmp_path / "lock").read_text())["pid"] == holder.pid


@pytest.mark.usefixtures("both_ways")
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with RunLock(tmp_path) as held:
        assert held.stale == f"process {holder.pid} on {HOST}"
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_the_lock_is_free_when_its_holder_ends(tmp_path, holder):
    holder.stdin.close()
    assert holder.wait() == 0
    with RunLock(tmp_path) as held:
        assert held.stale is None


@pytest.mark.parametrize(
    ("content", "stale"),
    [
        (json.dumps({"pid": 1, "host": "elsewhere"}), "process 1 on elsewhere"),
        ("not JSON", "another process"),
        ('{"pid": "x"}', "another process"),
        (f'{{"pid": Infinity, "host": "{HOST}"}}', "another process"),
        (f'{{"pid": {10**30}, "host": "{HOST}"}}', "another process"),
        (f'{{"pid": -1, "host": "{HOST}"}}', "another process"),
        (f'{{"pid": true, "host": "{HOST}"}}', "another process"),
        ("[" * 1000, "another process"),
        ("[]", "another process"),
        ("\udcff", "another process"),
        ("", None),
    ],
)
def test_a_file_that_nobody_holds_is_taken_over(tmp_path, content, stale):
    (tmp_path / "lock").write_text(content, errors="surrogateescape")
    with RunLock(tmp_path) as held:
        assert held.stale == stale


@pytest.mark.usefixtures("both_ways")
def test_no_more_than_a_name_is_read_of_a_lock(tmp_path):
    """Elsewhere its size may be anything, without a byte on the disk."""
    with (tmp_path / "lock").open("wb") as file:
        file.truncate(1 << 28)
    tracemalloc.start()
    with RunLock(tmp_path) as held:
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held.stale == "another process"
    assert peak < 1 << 20


def test_without_locks_another_machine_counts_as_alive(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    (tmp_path / "lock").write_text(json.dumps({"pid": dead_pid(), "host": "elsewhere"}))
    with pytest.raises(RunFolderError) as caught:
        RunLock(tmp_path).__enter__()
    message = (
        r".*: process \d+ on elsewhere is writing this run; wait for it, stop it, or choose another"
        r" --out \(if it no longer runs, remove .*/lock\)"
    )
    assert re.fullmatch(message, str(caught.value))


def test_a_file_removed_by_its_last_holder_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Two processes would each hold a file of the same name, one of them no longer there."""
    flock, path = lock.fcntl.flock, tmp_path / "lock"
    removed = []

    def removed_first(handle, how):
        if not removed:
            path.unlink()
            removed.append(path)
        flock(handle, how)

    monkeypatch.setattr(lock.fcntl, "flock", removed_first)
    with RunLock(tmp_path) as held:
        assert os.path.samestat(os.fstat(held._handle), path.stat())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(WriteError, match=r"none/lock: cannot be written \(No such file"):
        RunLock(tmp_path / "none").__enter__()


# Through the command


@pytest.mark.parametrize("option", ["--resume", "--overwrite", None])
def test_two_trainings_of_one_folder(tmp_path, endless_fit, finished, option):
    folder = tmp_path / "run"
    with endless_fit(folder) as first:
        before = (folder / "config.yaml").read_bytes()
        second = finished("--out", folder, *([option] if option else []))
        assert second.returncode == ExitCode.FAILED
        assert second.stderr == (
            f"Error: {folder}: process {first.pid} on {HOST} is writing this run; wait for it, "
            "stop it, or choose another --out\n"
        )
        assert first.poll() is None
        assert (folder / "config.yaml").read_bytes() == before
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)
    assert first.returncode == ExitCode.INTERRUPTED
    assert not (folder / "lock").exists()


def test_a_killed_training_is_taken_over_loudly(tmp_path, endless_fit, finished):
    folder = tmp_path / "run"
    with endless_fit(folder) as first:
        first.kill()
    done = finished("--out", folder, "--resume", "--set", "train.epochs=null",
                    "--set", "train.max_steps=1")  # fmt: skip
    assert done.returncode == ExitCode.DONE, done.stderr
    told = f"{folder / 'lock'} was left by process {first.pid} on {HOST}, which no longer runs"
    assert f"Warning: {told}; taking over the run" in done.stderr
    assert told in (folder / "log.txt").read_text()
    assert not (folder / "lock").exists()
