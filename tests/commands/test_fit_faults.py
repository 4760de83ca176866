"""Whatever call of the system fails, a run ends with one message, and resumes exactly."""

import contextlib
import errno
import itertools
import json
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cnntrain.cli import run
from cnntrain.errors import ExitCode
from cnntrain.runs.checkpoint import load
from cnntrain.runs.writer import newest_checkpoint

CONFIG = {
    "data": {"source": "synthetic", "problem": "spirals", "n": 10, "n_test": 5, "validation": 4},
    "network": [{"dense": {"units": 2}}],
    "train": {"epochs": 2, "batch_size": 3, "checkpoint_steps": 2},
}
TIMES = ("elapsed_s", "samples_per_s")
WITHOUT_NUMBER = OSError("6 requested and 0 written")  # as NumPy raises it on a full disk


def errors():
    while True:
        yield OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield OSError(errno.EIO, os.strerror(errno.EIO))
        yield WITHOUT_NUMBER


class System:
    """Counts the calls that change files in ``folder``, and fails the k-th of them, half done."""

    def __init__(self, monkeypatch):
        self.calls, self.failing, self.error, self.folder = [], None, None, None
        self.handles = set()
        for name in ("open", "close", "fsync", "replace", "mkdir", "fchmod", "unlink"):
            monkeypatch.setattr(os, name, self.counted(name, getattr(os, name)))
        monkeypatch.setattr(os, "fdopen", self.file)

    def fails(self, folder, k, error):
        self.calls, self.folder, self.failing, self.error = [], folder, k, error

    def works(self):
        self.folder = None

    def counts(self, name):
        """Whether this call is the one to fail."""
        self.calls.append(name)
        return len(self.calls) - 1 == self.failing

    def is_inside(self, place, dir_fd=None, src_dir_fd=None, **_):
        if self.folder is None:
            return False
        folder = src_dir_fd if dir_fd is None else dir_fd
        if isinstance(place, int) or folder is not None:
            return (place if folder is None else folder) in self.handles
        return Path(place).is_relative_to(self.folder)

    def counted(self, name, function):
        def call(place, *arguments, **options):
            inside = self.is_inside(place, **options) and not is_reading(name, arguments)
            counted = inside and not (name == "close" and is_folder(place))
            fails = counted and self.counts(name)
            if not fails or name == "close":  # a file is closed, whatever close says
                found = function(place, *arguments, **options)
                if name == "open" and inside:
                    self.handles.add(found)
                if name == "close":
                    self.handles.discard(place)
            if fails:
                raise self.error
            return found

        return call

    def file(self, handle, *arguments, **options):
        file = open(handle, *arguments, **options)  # noqa: PTH123, SIM115
        return File(self, file, handle) if self.is_inside(handle) else file


def is_reading(name, arguments):
    """What cannot be read is reported elsewhere; folders are opened in order to write there."""
    flags = arguments[0] if name == "open" else os.O_DIRECTORY
    return not flags & (os.O_DIRECTORY | os.O_WRONLY | os.O_RDWR)


def is_folder(handle):
    """Closing a folder writes nothing, so its failure is none."""
    return stat.S_ISDIR(os.fstat(handle).st_mode)


class File:
    """A file whose writing, flushing and closing are calls of the system."""

    def __init__(self, system, file, handle):
        self.system, self.file, self.handle = system, file, handle

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, content):
        if self.system.counts("write"):
            self.file.write(bytes(content)[: len(content) // 2])
            raise self.system.error
        return self.file.write(content)

    def flush(self):
        if self.system.counts("flush"):
            raise self.system.error
        self.file.flush()

    def close(self):
        fails = not self.file.closed and self.system.counts("close")
        self.file.close()
        self.system.handles.discard(self.handle)
        if fails:
            raise self.system.error


@pytest.fixture
def fit(monkeypatch, config_file, capsys):
    """``fit(folder, *options)``: (exit code, stderr) of the command, run in this process."""
    config = str(config_file(**CONFIG))

    def finished(folder, *options):
        words = ["cnntrain", "fit", config, "--out", str(folder), "--quiet", *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code, capsys.readouterr().err

    return finished


def metrics(folder):
    path = folder / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    assert not text or text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: line[key] for key in line if key not in TIMES} for line in lines]


def contents(folder):
    paths = [*(folder / "checkpoints").iterdir(), folder / "config.yaml"]
    return {path.name: path.read_bytes() for path in paths}


def newest_step(folder):
    found = list((folder / "checkpoints").glob("*.npz"))
    for path in found:
        load(path)
    return newest_checkpoint(folder)[0].state.step if found else 0


def litter(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["fresh", "resumed"])
def test_every_call_of_the_system_fails_once(tmp_path, monkeypatch, fit, when):
    """The first of two runs, or the second one that resumes it, meets the error at call k."""
    system = System(monkeypatch)
    assert fit(tmp_path / "whole") == (ExitCode.DONE, "")
    injected, failed = errors(), 0
    for k in itertools.count():
        folder, options = tmp_path / f"run-{k}", []
        if when == "resumed":
            assert fit(folder, "--set", "train.max_steps=1")[0] == ExitCode.DONE
            options = ["--resume"]
        before = newest_step(folder)
        system.fails(folder, k, next(injected))
        code, err = fit(folder, *options)
        calls, what = len(system.calls), system.calls[min(k, len(system.calls) - 1)]
        system.works()
        if k >= calls:
            break
        failed += 1
        place = f"call {k}, {what}"
        if code == ExitCode.DONE:  # the lock's file is let go of in any case
            assert k >= calls - 2, place
        else:
            assert code == ExitCode.FAILED, place
            assert err.startswith("Error: "), place
            assert len(err.splitlines()) == 1, err
            assert str(folder) in err, place
        assert metrics(folder) is not None
        assert newest_step(folder) >= before, place
        assert not litter(folder) or what == "unlink", place
        options = ["--resume"] if folder.exists() else []
        assert fit(folder, *options)[0] == ExitCode.DONE, place
        assert contents(folder) == contents(tmp_path / "whole"), place
        assert metrics(folder) == metrics(tmp_path / "whole"), place
        assert not litter(folder), place
    assert failed > 300


# Real disks


@pytest.fixture
def small_disk(tmp_path):
    """``with small_disk(bytes) as folder:`` a file system of so many bytes."""

    @contextlib.contextmanager
    def mounted(size, *options):
        folder = tmp_path / "disk"
        folder.mkdir()
        how = ",".join([f"size={size}", *options])
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this process may not mount a small disk: {done.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    return mounted


LONG = ("--set", "train.epochs=400", "--set", "train.checkpoint_steps=1")


def assert_refused(found, folder, name, why):
    code, err = found
    assert code == ExitCode.FAILED
    assert len(err.splitlines()) == 1
    assert re.match(rf"Error: {re.escape(str(folder))}/{name}: cannot be written \({why}\)", err), (
        err
    )


def test_a_full_disk(fit, small_disk, tmp_path):
    """One checkpoint for each step, until nothing more fits."""
    with small_disk("256k") as disk:
        folder = disk / "run"
        found = fit(folder, *LONG)
        name = r"(checkpoints/)?[a-z0-9-]+\.(npz|jsonl|txt)"
        assert_refused(found, folder, name, "No space left on device")
        assert re.search(r"; it needs [0-9,]+ bytes, [0-9,]+ are free\. ", found[1])
        assert newest_step(folder) > 3
        assert metrics(folder)
        assert not litter(folder)
        for path in (folder / "checkpoints").glob("step-*.npz"):
            path.unlink()
        limit = ("--set", "train.epochs=400", "--set", "train.checkpoint_steps=1000")
        assert fit(folder, "--resume", *limit)[0] == ExitCode.DONE
        assert fit(tmp_path / "whole", *limit)[0] == ExitCode.DONE
        assert contents(folder)["last.npz"] == contents(tmp_path / "whole")["last.npz"]
        assert metrics(folder) == metrics(tmp_path / "whole")


def test_a_disk_without_room_for_anything(fit, small_disk):
    with small_disk("4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        found = fit(disk / "run")
        assert_refused(found, disk / "run", "[a-z.]+", "No space left on device")


def test_a_read_only_disk(fit, small_disk):
    with small_disk("64k", "ro") as disk:
        assert_refused(fit(disk / "run"), disk, "run", "Read-only file system")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(fit, tmp_path):
    tmp_path.chmod(0o500)
    assert_refused(fit(tmp_path / "run"), tmp_path, "run", "Permission denied")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("limit", [2000, 6000, 20_000])
def test_files_that_may_not_grow(tmp_path, config_file, limit):
    """RLIMIT_FSIZE: a metrics file in its middle, or a checkpoint."""
    folder = tmp_path / "run"
    config = config_file(**CONFIG)
    command = [sys.executable, "-m", "cnntrain", "fit", config, "--out", folder, "-q", *LONG]

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    name = r"(checkpoints/)?[a-z0-9-]+\.(npz|jsonl|txt|yaml|json)"
    assert_refused((done.returncode, done.stderr), folder, name, ".*")
    assert metrics(folder) is not None
    assert not litter(folder)
    newest_step(folder)


@pytest.mark.parametrize("what", ["run", "run/checkpoints"])
def test_a_folder_that_vanishes(tmp_path, endless_fit, what):
    with endless_fit(tmp_path / "run") as process:
        (tmp_path / what).rename(tmp_path / "elsewhere")
        _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.FAILED
    *_, message = err.splitlines()
    name = r"(checkpoints/)?[a-z]+\.(npz|jsonl|txt)"
    assert_refused((1, message), tmp_path / "run", name, "No such file or directory")
    assert "Traceback" not in err


def test_a_name_that_is_too_long(fit, tmp_path):
    assert_refused(fit(tmp_path / ("x" * 300)), tmp_path, "x+", "File name too long")
