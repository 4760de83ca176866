"""The program in odd surroundings: closed streams, odd terminals, no memory, no home, odd paths."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_folder")]

BASE = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
PYTHON = [sys.executable]
ODD = "a b\nc é ✓ 'q' \"d\" $x"


@pytest.fixture
def shell():
    """``shell("$CNN fit ... | head -1", env={...})``: what sh makes of it."""

    def run(script, env=()):
        env = {key: value for key, value in {**BASE, **dict(env)}.items() if value is not None}
        done = subprocess.run(
            ["/bin/sh", "-c", f'CNN="{sys.executable} -m cnntrain"; {script}'],
            capture_output=True, check=False, timeout=60, env=env,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        return done

    return run


# Streams


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["--version", "explain dense", "summary {}", "fit {} --dry-run"])
def test_closed_streams(shell, config_file, closed, words):
    done = shell(f"$CNN {words.format(config_file())} {closed}")
    assert done.returncode == 0
    if closed in ("2>&-", "<&-"):
        assert done.stdout


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_an_error_with_nowhere_to_say_it(shell, closed):
    done = shell(f"$CNN fit no.yaml {closed}")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


@pytest.mark.parametrize("words", ["explain", "summary {}", "fit {} --print-config", "trace {}"])
def test_a_reader_that_leaves(shell, config_file, words):
    done = shell(f"$CNN {words.format(config_file())} | head -1")
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


@pytest.mark.parametrize("words", ["--help", "explain", "summary {}", "summary {} --json"])
def test_a_full_disk_behind_stdout(shell, config_file, words):
    done = shell(f"$CNN {words.format(config_file())} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: ")
    assert b"No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_full_disk_behind_stderr_stops_no_training(shell, config_file):
    done = shell(f"$CNN fit {config_file()} --out run 2> /dev/full")
    assert done.returncode == 0
    assert Path("run/summary.json").is_file()


# Terminals, languages, folders


@pytest.mark.parametrize(
    "env",
    [
        {"COLUMNS": "1", "LINES": "1"},
        {"COLUMNS": "0"},
        {"COLUMNS": "x"},
        {"TERM": "dumb", "NO_COLOR": "1"},
        {"TERM": None, "HOME": None, "PATH": "/nowhere", "USER": None},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "xx_YY.nonsense", "LC_ALL": "xx"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONIOENCODING": "ascii"},
        {"TMPDIR": "/nowhere"},
        {"TZ": "Nowhere/None"},
        {"HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere"},
        {"PYTHONWARNINGS": "error"},
    ],
    ids=lambda env: " ".join(f"{key}={value}" for key, value in env.items())[:40],
)
def test_any_environment(shell, config_file, env):
    done = shell(f"$CNN fit {config_file()} --out run && $CNN watch run && $CNN eval run", env=env)
    assert done.returncode == 0, done.stderr
    assert b"all epochs done" in done.stderr
    assert b"confusion matrix" in done.stdout


@pytest.mark.parametrize("env", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C.UTF-8"}])
def test_class_names_and_paths_in_any_language(shell, config_file, env):
    env = {**env, "PYTHONCOERCECLOCALE": "0"}
    folder = Path(ODD)
    folder.mkdir()
    rows = "".join(f"{k % 3},{'größe' if k % 2 else '猫✓'}\n" for k in range(20))
    (folder / "daten ü.csv").write_text(f"x,klasse\n{rows}", encoding="utf-8")
    path = config_file(name="größe", data={"source": "csv", "train": f"{ODD}/daten ü.csv"})
    path = path.rename(folder / "größe.yaml")
    program = [*PYTHON, "-m", "cnntrain"]
    options = {"capture_output": True, "check": False, "env": {**BASE, **env}, "timeout": 60}
    done = subprocess.run([*program, "fit", path], **options)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert Path("runs/größe/1/summary.json").is_file()
    run = folder / "läufe"
    done = subprocess.run([*program, "fit", path, "--out", run], **options)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    done = subprocess.run([*program, "eval", run], **options)
    assert done.returncode == 0
    assert done.stderr.startswith(b"data: 1 feature (x); 2 classes (gr")
    assert done.stderr.count(b"\n") == 2
    assert ("größe" if "UTF-8" in env["LC_ALL"] else r"gr\xf6\xdfe").encode() in done.stdout
    done = subprocess.run([*program, "eval", run, "--json"], **options)
    assert [row["label"] for row in json.loads(done.stdout)["per_class"]] == ["größe", "猫✓"]
    again = subprocess.run([*program, "fit", path, "--out", run, "--resume"], **options)
    assert again.returncode == 0


def test_paths_that_are_no_text(config_file):
    """Names of files are bytes, on Linux."""
    path, run = config_file().rename(b"caf\xe9.yaml".decode("utf-8", "surrogateescape")), b"r\xff"
    program = [*PYTHON, "-m", "cnntrain"]
    for words in (
        ["fit", path, "--out", run],
        ["fit", path, "--out", run, "--resume"],
        ["fit", path, "--init-from", run, "--out", b"new\xfe"],
        ["eval", run],
        ["diff", run, run],
        ["watch", run],
        ["report", run, "--out", b"page\xfd.html"],
        ["fit", path, "--set", b"data.problem=\xff"],
    ):
        done = subprocess.run([*program, *words], capture_output=True, check=False, timeout=60)
        assert b"Traceback" not in done.stderr
        assert done.returncode == (2 if b"data" in str(words[-1]).encode() else 0), done.stderr


def test_a_deleted_working_folder(shell, config_file):
    path = config_file()
    for words, code in ((f"fit {path} --out run", 1), (f"summary {path}", 0), ("explain dense", 0)):
        done = shell(f"mkdir gone; cd gone; rmdir ../gone; $CNN {words}")
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith(b"Error: ") == bool(code)
        assert done.stderr.count(b"\n") == code


def test_without_assertions(shell, config_file):
    done = shell(f"{sys.executable} -O -m cnntrain fit {config_file()} --out run")
    assert done.returncode == 0
    done = shell(f"{sys.executable} -OO -m cnntrain fit no.yaml")
    assert (done.returncode, done.stderr.startswith(b"Error: no.yaml: no such file")) == (2, True)


# Little memory, few files


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ([{"dense": {"units": 10**9}}, {"dense": {"units": 2}}], "dense1: "),
        ([{"dense": {"units": 10**9, "activation": "relu"}}], "dense1: "),
        ([{"dense": {"units": 3}}, {"dense": {"units": 10**12}}], "dense2: "),
    ],
)
def test_memory_is_reckoned_before_it_is_taken(shell, config_file, network, expected):
    done = shell(f"ulimit -v 2000000; $CNN fit {config_file(network=network)}")
    assert (done.returncode, done.stdout) == (2, b"")
    message = done.stderr.decode()
    assert expected in message
    assert "parameters in total need at least " in message
    assert "GiB, but this machine has " in message
    assert not Path("runs").exists()


def test_low_limits(shell, config_file):
    path = config_file(network=[{"dense": {"units": 20_000_000}}, {"dense": {"units": 2}}])
    done = shell(f"ulimit -v 900000; $CNN fit {path}")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"Error: ")
    assert not Path("runs").exists()


@pytest.mark.parametrize("files", [16, 24, 64])
def test_few_open_files(config_file, files):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    done = subprocess.run(
        [*PYTHON, "-m", "cnntrain", "fit", config_file(), "--out", "run"],
        capture_output=True, check=False, preexec_fn=limit, timeout=60,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0
