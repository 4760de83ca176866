"""Files of a run folder that say anything at all: one message, or as good as not there."""

import json
import os
import shutil
import sys

import pytest

from cnntrain import cli

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_folder")]

NOT_OURS = "not written by cnntrain; remove this line"
DEEP = "[" * 100_000
DEEP_ENOUGH = "[" * 900 + "]" * 900


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory, experiment_of, recorded):
    folder = tmp_path_factory.mktemp("good") / "run"
    folder.mkdir()
    return recorded(folder, experiment_of(train={"epochs": 3}, log={"stats": 2}))


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("eval", "run")``: (exit code, stdout, stderr) of the command in this process."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cnntrain", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.run()
        return stopped.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def run(finished_run, empty_folder):
    shutil.copytree(finished_run, "run")
    shutil.copytree(finished_run, "other")
    return empty_folder / "run"


LINE = {"event": "epoch", "epoch": 1, "step": 3, "lr": 0.1, "elapsed_s": 1.0, "samples_per_s": 9.0}
LINES = [
    "3", "null", "[]", "{}", '"x"', "true", DEEP_ENOUGH, DEEP, "NaN", "{", "\xff",
    *(json.dumps({**LINE, key: value}) for key, value in [
        ("event", "x"), ("event", None), ("event", []), ("epoch", "1"), ("epoch", -1),
        ("epoch", 1.5), ("epoch", True), ("epoch", 10**30), ("step", None), ("step", {}),
        ("elapsed_s", "x"), ("elapsed_s", 10**400), ("lr", []), ("samples_per_s", None),
        ("train/loss", "x"), ("train/loss", {}), ("event", "end"),
    ]),
    *(json.dumps({key: v for key, v in LINE.items() if key != left_out}) for left_out in LINE),
    json.dumps(LINE).replace("0.1", "NaN"), json.dumps(LINE).replace("0.1", "1e999"),
]  # fmt: skip
READERS = [["watch", "run", "--once"], ["report", "run", "--out", "page.html"],
           ["diff", "run", "other"], ["plot", "run", "--out", "curves.svg"]]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:40])
def test_lines_of_metrics(command, run, config_file, line):
    path = run / "metrics.jsonl"
    whole = path.read_text()
    path.write_bytes(line.encode("latin-1") + b"\n" + whole.encode())
    resume = ["fit", config_file(train={"epochs": 3}, log={"stats": 2}), "--out", "run", "--resume"]
    for words in (*READERS, resume):
        assert command(*words) == (1, "", f"Error: run/metrics.jsonl:1: {NOT_OURS}\n")
    assert path.read_bytes().endswith(whole.encode())


@pytest.mark.parametrize(
    "line",
    [
        "3", "{}", "NaN", DEEP_ENOUGH, '{"step": 1, "epoch": 1}',
        '{"step": 1, "epoch": 1, "arrays": [], "outputs": {}}',
        '{"step": 1, "epoch": 1, "arrays": {"W": 3}, "outputs": {}}',
        '{"step": 1, "epoch": 1, "arrays": {"W": {"norm": "x"}}, "outputs": {}}',
    ],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_lines_of_stats(command, run, line):
    path = run / "stats.jsonl"
    path.write_text(f"{line}\n{path.read_text()}")
    for words in (["watch", "run", "--once"], ["report", "run", "--out", "page.html"]):
        assert command(*words) == (1, "", f"Error: run/stats.jsonl:1: {NOT_OURS}\n")


def test_figures_that_come_and_go(command, run):
    lines = [{**LINE, "train/loss": 1.0}, {**LINE, "epoch": 2, "val/loss": 1.0}, LINE]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (run / "metrics.jsonl").write_text(text)
    stats = [{"step": 1, "epoch": 1, "arrays": {"W": {}}, "outputs": {"a": {"dead_share": 0.5}}},
             {"step": 2, "epoch": 1, "arrays": {}, "outputs": {}}]  # fmt: skip
    (run / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in stats))
    for words in (*READERS[:2], READERS[3]):
        assert command(*words)[0] == 0
    assert command(*READERS[2])[0] == 1  # they differ


def test_an_end_for_reasons_unknown(command, run):
    end = {**LINE, "event": "end", "reason": "<b>boredom", "detail": ["x"]}
    (run / "metrics.jsonl").write_text(
        f"{json.dumps({**LINE, 'train/loss': 1.0})}\n{json.dumps(end)}\n"
    )
    code, out, _ = command("watch", "run", "--once")
    assert (code, "ended: <b>boredom" in out) == (0, True)
    assert command("report", "run", "--out", "page.html")[0] == 0
    page = (run.parent / "page.html").read_text()
    assert "&lt;b&gt;boredom" in page
    assert "<b>boredom" not in page


@pytest.mark.parametrize("name", ["env.json", "summary.json"])
@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "3", "null", "{", DEEP, DEEP_ENOUGH, '{"a": NaN}', "\xff", "\0",
        '{"command": 3, "data_folders": 3, "blas": {}, "working_folder": [], "samples": 1}',
        '{"command": [1, null], "data_folders": [1], "blas": null, "cpu": [[]], "threads": "x"}',
        '{"command": {"a": 1}, "data_folders": ["\\u0000", "/nowhere"], "seed": {"x": []}}',
        '{"reason": [], "best": 3, "weights_sha256": 4, "init_from": 5}',
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_other_documents(command, run, config_file, name, text):
    (run / name).write_bytes(text.encode("latin-1"))
    resume = ["fit", config_file(train={"epochs": 3}, log={"stats": 2}), "--out", "run", "--resume"]
    for words in (READERS[0], READERS[1], READERS[3], ["eval", "run"], resume):
        assert command(*words)[0] == 0
    code, out, _ = command("diff", "run", "other", "--json")
    assert code in (0, 1)
    json.loads(out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("[1]", "the file is a list, not a mapping"),
        ("a: !!python/object/apply:os.system [ls]", "tags are not supported"),
        ("a: &a [1]\n" + "".join(f"b{k}: [{', '.join(['*a'] * 9)}]\n" for k in range(9)), None),
        ("a: [", "run/config.yaml:1:"),
        (DEEP, "nested more than 50 levels deep"),
    ],
)  # fmt: skip
def test_configs(command, run, text, expected):
    (run / "config.yaml").write_text(text)
    for words in (READERS[0], READERS[1]):
        code, _, err = command(*words)
        assert (code, err.startswith("Error: run/config.yaml")) == (
            (2, True) if expected else (0, False)
        )
        assert expected is None or expected in err
    assert command("eval", "run")[0] == 0  # which needs none of it


@pytest.mark.parametrize(
    "name", ["env.json", "summary.json", "config.yaml", "metrics.jsonl", "stats.jsonl"]
)
def test_pipes_and_folders(command, run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    assert command("eval", "run")[0] == 0
    code, _, err = command("watch", "run", "--once")
    needed = name in ("config.yaml", "metrics.jsonl")
    assert (code, err.startswith("Error: run: not a run folder")) == (
        (1, True) if needed else (0, False)
    )
    (run / name).unlink()
    (run / name).mkdir()
    assert command("watch", "run", "--once")[0] == code
