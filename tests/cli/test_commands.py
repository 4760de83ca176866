"""The command line as a user meets it: help, exit codes, one message per error, clean streams."""

import fcntl
import json
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest

import cnntrain
from cnntrain import cli
from cnntrain.native import current
from cnntrain.runs.signals import StopRequest

pytestmark = pytest.mark.usefixtures("empty_folder")

REGRESSION = {
    "data": {"source": "synthetic", "problem": "sine", "n": 20, "n_test": 10},
    "network": [{"dense": {"units": 1}}],
    "loss": "squared_error",
}
BREAK_DENSE = """
import cnntrain.layers.dense as dense
right = dense.dense_backward
dense.dense_backward = lambda *given: [d if d is None else 1.1 * d for d in right(*given)]
"""


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("fit", path)``: (exit code, stdout, stderr) of the command in this process."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cnntrain", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.run()
        streams = capsys.readouterr()
        assert "Traceback" not in streams.err
        return stopped.value.code, streams.out, streams.err

    return call


@pytest.fixture
def process():
    """``process("fit", path)``: the same in a process of its own."""

    def call(*words, program=("-m", "cnntrain"), **options):
        return subprocess.run(
            [sys.executable, *program, *map(str, words)],
            capture_output=True, text=True, check=False, timeout=60, **options,
        )  # fmt: skip

    return call


# Help


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--help"], ["fit", "eval", "gradcheck", "Exit codes: 0 done, 1 failed, 2 usage"]),
        (["-h"], ["fit", "eval", "gradcheck"]),
        (["fit", "--help"], ["--set", "--out", "--resume", "--overwrite", "--seed", "--threads",
                             "--data-dir", "--quiet"]),
        (["eval", "--help"], ["--split", "--data-dir", "--json", "R²"]),
        (["gradcheck", "--help"], ["--tol", "--seed", "--json", "Exit code 4"]),
    ],
)  # fmt: skip
def test_help(command, words, expected):
    code, out, err = command(*words)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: cnntrain ")
    for text in expected:
        assert text in out


def test_version(command):
    code, out, err = command("--version")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"cnntrain {cnntrain.__version__}, engine {current()}"


def test_help_imports_nothing_heavy(process):
    program = (
        "import sys; from cnntrain.cli import run\n"
        "sys.argv = ['cnntrain', 'fit', '--help']\n"
        "try: run()\n"
        "except SystemExit: print(*sys.modules)"
    )
    loaded = process(program=("-c", program)).stdout.split()
    assert "click" in loaded
    assert not {"numpy", "pydantic", "yaml", "tqdm", "threadpoolctl"} & set(loaded)


# Exit codes, each from a real process


def test_exit_code_0(process, config_file):
    done = process("fit", config_file())
    assert (done.returncode, done.stdout) == (0, "")
    assert "all epochs done" in done.stderr
    assert Path("runs/small/1/summary.json").is_file()


def one_error(done, code):
    """The error message of a process that failed with this code."""
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")
    return done.stderr


def test_exit_code_1_missing_data(process, config_file):
    files = {"images": "no.idx", "labels": "no.idx"}
    path = config_file(data={"source": "idx", "train": files})
    message = one_error(process("fit", path), code=1)
    assert message.startswith(f"Error: {path}:")
    assert ": data.train.images: no.idx: no such data file; tried\n" in message
    assert "Give its folder with --data-dir DIR or CNNTRAIN_DATA=DIR.\n" in message
    assert not Path("runs").exists()


def test_exit_code_2_config(process, config_file):
    path = config_file(train={"batchsize": 3})
    message = one_error(process("fit", path), code=2)
    assert "train.batchsize: unknown key; did you mean 'batch_size'?" in message
    assert message.startswith(f"Error: {path}:")
    assert not Path("runs").exists()


def test_exit_code_3_diverged(process, config_file):
    message = one_error(
        process("fit", config_file(optimizer={"sgd": {"lr": 1e300}}), "--quiet"), code=3
    )
    assert message.startswith("Error: step 1 (epoch 1, batch 1): dense1.W is not finite")
    assert "The last good checkpoint is runs/small/1/checkpoints/last.npz (step 0)." in message
    assert "What usually helps: a lower learning rate" in message


def test_exit_code_4_wrong_gradient(process, config_file):
    program = BREAK_DENSE + "from cnntrain.cli import run; run()"
    done = process("gradcheck", config_file(), program=("-c", program))
    assert (done.returncode, done.stderr) == (4, "")
    assert "arrays WRONG" in done.stdout.splitlines()[-1]


def test_exit_code_5_checkpoint(process):
    Path("bad.npz").write_bytes(b"PK")
    for name in ("eval", "gradcheck"):
        message = one_error(process(name, "bad.npz"), code=5)
        assert message.startswith("Error: bad.npz: not a readable checkpoint (")
        assert message.count("\n") == 1


# Mistakes in the command


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train"], "no such command 'train'; did you mean 'cnntrain fit'?"),
        (["test", "x"], "no such command 'test'; did you mean 'cnntrain eval'?"),
        (["sumary"], "no such command 'sumary'; did you mean 'cnntrain summary'?"),
        (["fit", "a.yaml", "--epochs", "3"], "write --set train.epochs=..."),
        (["fit", "a.yaml", "--learning-rate", "3"], "write --set optimizer.sgd.lr=..."),
        (["fit"], "Missing argument 'CONFIG'"),
        (["fit", "a.yaml", "--sede", "3"], "No such option"),
        (["fit", "a.yaml", "--threads", "0"], "'--threads': 0 is not in the range x>=1"),
        (["fit", "a.yaml", "--seed", "x"], "'--seed': 'x' is not a valid integer"),
        (["fit", "a.yaml", "--resume", "--overwrite"], "--resume continues a run and --overwrite"),
        (["eval", "a.npz", "--split", "dev"], "'dev' is not one of"),
        (["eval"], "Missing argument 'CHECKPOINT'"),
        (["gradcheck", "--seed", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_wrong_words(command, words, expected):
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert expected in err


def test_no_words_show_the_help(command):
    code, out, err = command()
    assert code in (0, 2)  # as click's version has it
    assert (out + err).startswith("Usage: cnntrain ")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["fit", "no.yaml"], 2, "Error: no.yaml: no such file; give the path of a YAML config\n"),
        (["fit", "."], 2, "Error: .: a directory; give the path of a YAML config\n"),
        (["eval", "no.npz"], 5, "Error: no.npz: no such checkpoint\n"),
        (["eval", "."], 5, "Error: .: this folder contains no checkpoint (checkpoints/best.npz)\n"),
        (["gradcheck", "no.yaml"], 2,
         "Error: no.yaml: no such file; give the path of a YAML config\n"),
        (["summary", "runs/none"], 2,
         "Error: runs/none: no such config, checkpoint or run folder\n"),
        (["gradcheck", "no.npz"], 5, "Error: no.npz: no such checkpoint\n"),
    ],
)  # fmt: skip
def test_what_is_not_there(command, words, code, expected):
    assert command(*words) == (code, "", expected)


@pytest.mark.parametrize(
    ("sections", "place", "expected"),
    [
        ({"network": [{"conv2d": {"filters": 3, "kernel": 3}}]}, "network[0]",
         "needs an image of shape (C, H, W)"),
        ({"network": [{"dense": {"units": 2, "init": {"V": "zeros"}}}]}, "network[0].dense.init",
         "this layer has no array 'V'"),
        ({"train": {"monitor": "val/loss"}}, "train.monitor",
         "this training has no metric 'val/loss'; it has train/loss, train/accuracy"),
        ({"train": {"stop": {"target": {"val/loss": 1.0}}}}, "train.stop.target.val/loss",
         "this training has no metric 'val/loss'"),
        ({"schedule": {"cosine": {"warmup_epochs": 9}}}, "schedule",
         "the warm-up takes 27 steps, but training ends after 6"),
        ({"data": {"source": "synthetic", "problem": "xor", "n": 20, "validation": 20}},
         "data.validation", "20 would hold out 20 of 20 training samples"),
        ({"data": {"source": "synthetic", "problem": "xor", "n": 20, "validation": 0.01}},
         "data.validation", "0.01 would hold out 0 of 20 training samples"),
        ({"data": {"source": "inline", "inputs": [[1], [2, 3]], "targets": [0, 1]}},
         "data.inputs", "must be numbers in nested lists of equal lengths"),
        ({"input": [3]}, "input", "the data's samples have shape (2,), but 'input' says (3,)"),
    ],
)  # fmt: skip
def test_what_shows_after_reading_gets_its_place_too(
    command, config_file, sections, place, expected
):
    path = config_file(**sections)
    code, out, err = command("fit", path, "--out", "run")
    assert (code, out) == (2, "")
    headline, line, caret = err.splitlines()
    assert headline.startswith(f"Error: {path}:")
    assert f": {place}: " in headline
    assert expected in headline
    column = int(headline.split(":")[3])
    assert caret.index("^") - caret.index("|") - 1 == column
    assert place.split(".")[-1].split("[")[0] in line or place.startswith("network")
    assert not Path("run").exists()


def test_all_that_shows_after_reading_is_told_at_once(command, config_file):
    path = config_file(
        data={"source": "synthetic", "problem": "xor", "n": 20, "augment": ["flip_vertical"]},
        network=[{"dense": {"units": 1}}],
        metrics=["mae", "auc"],
        schedule={"cosine": {"warmup_epochs": 9}},
        train={"monitor": "val/los", "stop": {"target": {"train/mae": 1.0}}},
    )
    code, out, err = command("fit", path, "--dry-run")
    assert (code, out) == (2, "")
    places = ["data.augment[0]", "network[0]", "metrics[0]", "schedule", "train.monitor",
              "train.stop.target.train/mae"]  # fmt: skip
    told = [line for line in err.splitlines() if str(path) in line]
    assert [any(f": {place}: " in line for line in told) for place in places] == [True] * 6
    assert len(told) == 6


def test_an_unwritable_place(command, config_file):
    Path("file").write_text("x")
    code, _, err = command("fit", config_file(), "--out", "file/run")
    assert code == 1
    assert err.startswith("Error: file/run: ")
    code, _, err = command("fit", config_file(), "--out", "file")
    assert (code, err) == (1, "Error: file: not a folder; choose another --out\n")


# What fit shows


def test_fit_shows_epochs_a_table_and_what_next(command, config_file):
    data = {"source": "synthetic", "problem": "xor", "n": 20, "validation": 0.2}
    code, out, err = command("fit", config_file(data=data), "--out", "run")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0] == "data: 2 features; 2 classes (equal, different)"
    assert lines[1].startswith("small: training; ")
    assert "; samples train 16, val 4, test 200; " in lines[1]
    assert lines[1].endswith("; writing to run")
    assert [line[:5] for line in lines if line.startswith(("epoch", "  1/2", "  2/2"))] == [
        "epoch", "  1/2", "  2/2",
    ]  # fmt: skip
    assert max(len(line) for line in lines if line.startswith(("epoch", "  1/2"))) <= 80
    assert any(line.startswith("stopped after ") for line in lines)
    assert any(line.startswith("best: epoch ") for line in lines)
    assert [line.split("  #")[0].strip() for line in lines[lines.index("Next:") + 1 :]] == [
        "cnntrain eval run", "cnntrain gradcheck run/checkpoints/best.npz", "cnntrain report run",
    ]  # fmt: skip
    for words in ("cnntrain eval run", "cnntrain gradcheck run/checkpoints/best.npz"):
        assert command(*words.split()[1:])[0] == 0


def test_quiet_says_nothing(command, config_file):
    assert command("fit", config_file(), "--quiet") == (0, "", "")


def test_quiet_still_warns(command, config_file):
    equal = [{"dense": {"units": 4, "init": 0.5}}, {"dense": {"units": 2, "init": 0.5}}]
    code, _, err = command("fit", config_file(network=equal), "--quiet")
    assert code == 0
    assert err.startswith("Warning: all units of dense1 start equal")
    assert "become different; use a random 'init'" in err
    assert "warning: all units of dense1" in Path("runs/small/1/log.txt").read_text()


def test_options_reach_the_training(command, config_file):
    words = ["--set", "train.epochs=1", "--set", "optimizer.sgd.lr=0.25", "--seed", "7"]
    assert command("fit", config_file(), "--threads", "1", *words, "-q")[0] == 0
    text = Path("runs/small/1/config.yaml").read_text()
    assert "seed: 7\n" in text
    assert "lr: 0.25\n" in text
    assert json.loads(Path("runs/small/1/env.json").read_text())["threads"] == 1


def test_the_resume_command_names_the_settings(command, config_file, monkeypatch):
    """What is suggested after Ctrl-C must be accepted as the same run."""

    class Interrupted(StopRequest):
        def __init__(self):
            super().__init__()
            self.received = signal.SIGINT

    words = ["--set", "train.batch_size=4", "--set", "optimizer={sgd: {lr: 0.5}}", "--seed", "3"]
    with monkeypatch.context() as patch:
        patch.setattr("cnntrain.commands.fit.StopRequest", Interrupted)
        code, _, err = command("fit", config_file(), "--out", "my run", *words)
    assert code == 130
    (line,) = [line for line in err.splitlines() if "continue exactly here" in line]
    assert command(*shlex.split(line.split("  #")[0])[1:])[0] == 0


# On a terminal


def on_a_terminal(*words):
    """(what a terminal of 160 columns shows, exit code)."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 40, 160, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "cnntrain", *map(str, words)],
        stdout=child, stderr=child,
    ) as process:  # fmt: skip
        os.close(child)
        shown = b""
        while True:
            try:
                portion = os.read(parent, 4096)
            except OSError:  # the other end is closed
                break
            if not portion:
                break
            shown += portion
    os.close(parent)
    return shown.decode(), process.returncode


def test_a_terminal_gets_a_progress_bar(config_file):
    data = {"source": "synthetic", "problem": "xor", "n": 20000}  # long enough to be shown
    train = {"mode": "sgd", "batch_size": None, "epochs": 1}
    shown, code = on_a_terminal("fit", config_file(data=data, train=train), "--out", "run")
    assert code == 0
    bars = [part for part in shown.split("\r") if part.startswith("epoch 1/1:")]
    assert "  0% |" in bars[0]
    for text in ("% |", "loss ", " left, run "):
        assert text in bars[-1]


@pytest.mark.parametrize("options", [["--quiet"], ["-q"]])
def test_a_quiet_terminal_stays_empty(config_file, options):
    assert on_a_terminal("fit", config_file(), "--out", "run", *options) == ("", 0)


def test_no_terminal_gets_no_bar(process, config_file):
    done = process("fit", config_file(train={"epochs": 3}))
    assert "\r" not in done.stderr
    assert "it/s" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "/3 " in line[:8]]) == 3


def test_a_reader_that_leaves_early_does_no_harm(fitted):
    """As in ``cnntrain eval run | head -1``."""
    folder = fitted()
    with subprocess.Popen(
        [sys.executable, "-m", "cnntrain", "eval", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err
    assert b"Exception" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_do_no_harm(config_file, closed):
    script = f'"$0" -m cnntrain fit "$1" --out run {closed}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, config_file()],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert Path("run/summary.json").is_file()
    assert b"Traceback" not in done.stderr


# eval


def test_eval_prints_one_json_document(command, fitted):
    code, out, err = command("eval", fitted(), "--json")
    assert (code, err) == (0, "data: 2 features; 2 classes (equal, different)\n")
    assert out.count("\n") == 1
    result = json.loads(out)
    assert list(result) == [
        "split",
        "n",
        "loss",
        "accuracy",
        "per_class",
        "confusion",
        "weights_sha256",
    ]
    assert (result["split"], result["n"]) == ("test", 10)
    assert np.sum(result["confusion"]) == 10
    assert [row["label"] for row in result["per_class"]] == ["equal", "different"]
    assert list(result["per_class"][0]) == ["label", "precision", "recall", "f1", "support"]


def test_eval_of_a_regression_prints_one_json_document(command, fitted):
    code, out, _ = command("eval", fitted(**REGRESSION), "--json")
    assert code == 0
    assert list(json.loads(out)) == ["split", "n", "loss", "mae", "rmse", "r2", "weights_sha256"]


def test_gradcheck_prints_one_json_document(command, config_file):
    code, out, err = command("gradcheck", config_file(), "--json", "--seed", "3", "--tol", "1e-6")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    result = json.loads(out)
    assert (result["ok"], result["seed"], result["tolerance"]) == (True, 3, 1e-6)
    assert [row["name"] for row in result["arrays"]] == [
        "input", "dense1.W", "dense1.b", "dense2.W", "dense2.b",
    ]  # fmt: skip
    for row in result["arrays"]:
        assert list(row) == ["name", "shape", "checked", "kinks", "error", "ok"]


# What is not the user's mistake


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (OSError(28, "No space left on device", "run/log.txt"), 1,
         "Error: run/log.txt: No space left on device; check the path, its permissions and the"
         " free space\n"),
        (OSError("odd"), 1, "Error: odd; check the path, its permissions and the free space\n"),
        (MemoryError(), 1, "Error: not enough memory; use a smaller batch or network\n"),
        (KeyboardInterrupt(), 130, "Error: stopped at once\n"),
    ],
)  # fmt: skip
def test_failures_of_the_system_are_one_message(
    command, config_file, monkeypatch, error, code, expected
):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("cnntrain.commands.fit.open_experiment", fails)
    found, out, err = command("fit", config_file())
    assert (found, out, err.lstrip("\n")) == (code, "", expected)
