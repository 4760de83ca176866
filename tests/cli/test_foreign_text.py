"""Whatever paths, class names, locks and records contain, a terminal gets harmless text."""

import json
import sys

import pytest

from cnntrain import cli
from cnntrain.runs.console import warn

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("eval", "run")``: all that the command prints in this process, nothing raw."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cnntrain", *map(str, words)])
        with pytest.raises(SystemExit):
            cli.run()
        text = "".join(capsys.readouterr())
        assert all(c.isprintable() or c == "\n" for c in text), text
        return text

    return call


def csv_of_two_classes(path):
    rows = "".join(f"{k},{EVIL if k % 2 else 'plain'}\n" for k in range(20))
    path.write_text(f"x,label\n{rows}", encoding="utf-8")
    return {"source": "csv", "train": path.name, "label": "label"}


def test_class_names(command, config_file, empty_folder):
    config = config_file(data=csv_of_two_classes(empty_folder / "x.csv"))
    assert SHOWN in command("data", config)
    command("fit", config, "--out", "run")
    assert SHOWN in command("eval", "run")
    found = json.loads(command("eval", "run", "--json").splitlines()[0])
    assert {row["label"] for row in found["per_class"]} == {EVIL, "plain"}


@pytest.mark.parametrize(
    "words",
    [
        ["fit", f"{EVIL}.yaml"],
        ["eval", f"{EVIL}.npz"],
        ["watch", EVIL],
        ["fit", f"--{EVIL}"],
        [EVIL],
        ["time", "small.yaml", "--threads", EVIL],
        ["fit", "small.yaml", "--set", f"train.{EVIL}=1"],
        ["fit", "small.yaml", "--set", f"name={EVIL}"],
        ["fit", "small.yaml", "--set", EVIL],
        ["fit", "small.yaml", "--data-dir", EVIL, "--set", "data={source: csv, train: x.csv}"],
        ["fit", "small.yaml", "--init-from", EVIL],
    ],
)
def test_words_of_the_command_line(command, config_file, words):
    config_file()
    assert r"\x1b]0;owned\x07" in command(*words)


@pytest.mark.parametrize("where", ["pid", "metric", "reason"])
def test_files_of_a_run_folder(command, config_file, empty_folder, where):
    config = config_file()
    command("fit", config, "--out", "run")
    run = empty_folder / "run"
    if where == "pid":
        (run / "lock").write_text(json.dumps({"pid": 1, "host": EVIL}))
        assert f"left by process 1 on {SHOWN}" in command("fit", config, "--out", "run", "--resume")
        assert SHOWN in (run / "log.txt").read_text()
        return
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line |= {f"train/{EVIL}": 1.0} if where == "metric" else {}
    lines[-1]["reason"] = EVIL if where == "reason" else "epochs"
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert SHOWN in command("watch", "run", "--once")


def test_a_warning_keeps_its_lines(capsys):
    warn(f"first {EVIL}\nsecond")
    assert capsys.readouterr().err == f"first {SHOWN}\nsecond\n"
