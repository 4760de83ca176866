"""A run writes into the folder that it has locked, and into no other that its path may lead to."""

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from cnntrain import files
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ExitCode, RunFolderError, WriteError
from cnntrain.runs.lock import RunLock
from cnntrain.runs.place import Place
from cnntrain.runs.writer import RunFolder
from cnntrain.training.state import start

MOVED = "this folder was moved or replaced while its run was training, so nothing more was written"
TAKEN = "another process has taken the lock of this run, so nothing more was written"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def begun(path, experiment_of):
    """``begun(lock)``: the folder of a run that has just started."""

    def run(lock):
        experiment = experiment_of(train={"checkpoint_steps": 1}, log={"stats": 1})
        state = start(experiment.plan, experiment.network)
        return RunFolder.create(lock.place, experiment, state, {})

    return run


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# The folder


@pytest.mark.parametrize("write", [RunFolder.save_now, lambda run: run.log("x")])
def test_a_folder_put_in_place_of_the_own_one_is_left_alone(path, begun, write):
    with RunLock(path) as lock:
        run = begun(lock)
        path.rename(path.with_name("elsewhere"))
        path.mkdir()
        with RunLock(path) as second:
            begun(second)
            before = tree(path)
            with pytest.raises(RunFolderError) as caught:
                write(run)
            assert str(caught.value).startswith(f"{path}: {MOVED}; move it back")
            assert "lock" not in str(caught.value)
            lock._release()
            assert tree(path) == before
            assert not (path.with_name("elsewhere") / "lock").exists()
            with pytest.raises(RunFolderError, match="is writing this run"):
                RunLock(path).__enter__()


def test_nothing_of_a_replaced_folder_is_removed(path, begun):
    with RunLock(path) as lock:
        path.rename(path.with_name("elsewhere"))
        path.mkdir()
        (path / "log.txt").write_text("another's")
        for remove in (lock.place.remove, lock.place.remove_litter, lock.place.make_folder):
            with pytest.raises(RunFolderError, match=MOVED):
                remove("log.txt")
        assert (path / "log.txt").read_text() == "another's"


def test_a_folder_that_was_moved_back_is_the_own_one(path, begun):
    with RunLock(path) as lock:
        run = begun(lock)
        path.rename(path.with_name("elsewhere"))
        path.with_name("elsewhere").rename(path)
        run.save_now()


def test_a_link_to_the_run_folder_is_a_name_for_it(path, begun):
    path.with_name("link").symlink_to(path)
    with RunLock(path.with_name("link")) as lock:
        begun(lock)
    assert (path / "config.yaml").is_file()


@pytest.mark.slow
def test_a_stopped_run_whose_folder_is_moved_ends_and_leaves_the_second_run_alone(
    tmp_path, endless_fit, finished, wait_until
):
    folder = tmp_path / "run"
    with endless_fit(folder) as first:
        first.send_signal(signal.SIGSTOP)
        folder.rename(tmp_path / "elsewhere")
        with endless_fit(folder) as second:
            first.send_signal(signal.SIGCONT)
            _, err = first.communicate(timeout=60)
            assert first.returncode == ExitCode.FAILED
            assert err.splitlines()[-1].startswith(f"Error: {folder}: {MOVED}")
            assert "Traceback" not in err
            assert json.loads((folder / "lock").read_text())["pid"] == second.pid
            third = finished("--out", folder, "--resume")
            assert third.returncode == ExitCode.FAILED
            assert f"process {second.pid} on" in third.stderr
            assert "remove" not in third.stderr
            assert second.poll() is None
    assert not (tmp_path / "elsewhere" / "lock").exists()


# The lock


def test_a_lock_that_another_process_has_taken_is_noticed_and_kept(path, begun):
    with RunLock(path) as lock:
        run = begun(lock)
        (path / "lock").unlink()
        run.save_now()  # nobody else has it yet
        (path / "lock").write_text("another's")
        with pytest.raises(RunFolderError, match=TAKEN):
            run.save_now()
    assert (path / "lock").read_text() == "another's"


# Links and pipes


@pytest.fixture
def resumed(config_file, tmp_path):
    """``resumed()``: continue the run in ``tmp_path/run`` by some epochs."""
    sections = {"log": {"stats": 1, "tensorboard": False}, "schedule": "constant"}
    sections["seed"] = 3  # the last epoch is the best, so that best.npz is written again

    def fit(epochs=4, resume=True, **log):
        config = config_file(
            **{**sections, "log": {**sections["log"], **log}, "train": {"epochs": epochs}}
        )
        options = FitOptions(out=tmp_path / "run", resume=resume, quiet=True)
        return run_fit(config, options)

    fit(2, resume=False)
    return fit


@pytest.mark.parametrize("name", ["lock", "log.txt"])
@pytest.mark.parametrize("there", [True, False])
def test_no_link_is_followed_out_of_the_folder(tmp_path, resumed, name, there):
    target = tmp_path / "precious"
    if there:
        target.write_text("precious")
    (tmp_path / "run" / name).unlink(missing_ok=True)
    (tmp_path / "run" / name).symlink_to(target)
    with pytest.raises(WriteError) as caught:
        resumed()
    message = f"{tmp_path}/run/{name}: cannot be written (it is a symbolic link; remove it)"
    assert str(caught.value).startswith(message)
    assert (target.read_text() if there else target.exists()) == ("precious" if there else False)


@pytest.mark.parametrize("name", ["metrics.jsonl", "stats.jsonl", "summary.json", "config.yaml",
                                  "checkpoints/last.npz", "checkpoints/best.npz"])  # fmt: skip
def test_a_link_is_replaced_by_a_file(tmp_path, resumed, name):
    own, target = tmp_path / "run" / name, tmp_path / "precious"
    own.rename(target)
    before = target.read_bytes()
    own.symlink_to(target)
    assert resumed() == 0
    assert target.read_bytes() == before
    assert own.is_file()
    assert not own.is_symlink()


@pytest.mark.parametrize("name", ["metrics.jsonl", "stats.jsonl"])
def test_a_link_that_appears_while_the_run_trains(path, begun, tmp_path, name):
    (tmp_path / "precious").write_text("precious")
    with RunLock(path) as lock:
        run = begun(lock)
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(tmp_path / "precious")
        with pytest.raises(WriteError, match=f"{name}: cannot be written .it is a symbolic link"):
            run._append(name, "{}")
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard"])
def test_a_folder_that_is_a_link_is_not_written(tmp_path, resumed, name):
    pytest.importorskip("tensorboardX", reason="event files need the extra 'tensorboard'")
    own, target = tmp_path / "run" / name, tmp_path / "elsewhere"
    own.rename(target) if own.exists() else target.mkdir()
    own.symlink_to(target)
    before = tree(target)
    said = rf"run/{name}.*: cannot be written \({name} is a link or a file, not a folder; remove it"
    with pytest.raises(WriteError, match=said):
        resumed(tensorboard=True)
    assert tree(target) == before


@pytest.mark.parametrize("name", ["lock", "log.txt"])
def test_a_pipe_is_refused_at_once(tmp_path, resumed, name):
    (tmp_path / "run" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "run" / name)
    with pytest.raises(WriteError, match=f"run/{name}: cannot be written"):
        resumed()


@pytest.mark.parametrize("name", ["env.json", "summary.json", "metrics.jsonl", "stats.jsonl"])
def test_records_without_an_end_are_as_good_as_empty(path, name):
    """A file of /proc says that it has 0 bytes."""
    (path / name).symlink_to("/proc/version")
    assert files.plain_content(path / name) == b""


# What a file system cannot do


@pytest.fixture
def fsync_of_folders(monkeypatch):
    """``fsync_of_folders(number)``: it fails with this number from now on."""
    fsync = os.fsync

    def fails(number):
        def synced(handle):
            if Path(f"/proc/self/fd/{handle}").resolve().is_dir():
                raise OSError(number, os.strerror(number))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", synced)

    return fails


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_flushed_is_told_once(
    resumed, tmp_path, capsys, fsync_of_folders, number
):
    fsync_of_folders(number)
    assert resumed() == 0
    told = f"Warning: {tmp_path}/run: this file system cannot flush a folder, so after a power cut"
    assert capsys.readouterr().err.count(told) == 1


def test_a_folder_whose_flush_fails_stops_the_run(path, fsync_of_folders):
    place = Place.at(path)
    fsync_of_folders(errno.EIO)
    with pytest.raises(WriteError, match=r"x: cannot be written \(Input/output error"):
        place.write_text("x", "")


# Modes


def test_everybody_may_read_what_a_run_writes(path, begun):
    before = os.umask(0)
    try:
        with RunLock(path) as lock:
            run = begun(lock)
            run._append("stats.jsonl", "{}")
            run.log("x")
            modes = {p.name: p.stat().st_mode & 0o777 for p in path.rglob("*") if p.is_file()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(modes, 0o644)
    assert {"lock", "log.txt", "stats.jsonl", "last.npz", "env.json"} <= modes.keys()


def test_others_may_not_read_what_is_not_complete(path):
    with files.atomic_write(path / "x") as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
