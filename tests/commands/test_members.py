"""``cnntrain fit --folds K`` and ``--seeds N``: all members, their spread, and what is left."""

import json
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cnntrain.cli import main
from cnntrain.errors import ConfigError, ExitCode, RunFolderError
from cnntrain.runs.checkpoint import load

DATA = {"source": "synthetic", "problem": "xor", "n": 30, "n_test": 10}


@pytest.fixture
def fit(config_file, tmp_path):
    """``fit("--folds", 3)``: what click says about the command, quiet, into tmp_path/group."""

    def run(*options, **sections):
        path = config_file(**{"data": DATA, **sections})
        words = ["fit", path, "--out", tmp_path / "group", "-q", *options]
        return CliRunner().invoke(main, list(map(str, words)), standalone_mode=False)

    return run


@pytest.fixture
def group(tmp_path):
    return tmp_path / "group"


def summary(group):
    return json.loads((group / "summary.json").read_text())


def weights(group):
    return {
        path.parent.parent.name: path.read_bytes()
        for path in sorted(group.glob("*/checkpoints/last.npz"))
    }


def test_folds_hold_out_every_sample_once(fit, group):
    done = fit("--folds", 3)
    assert (done.exception, done.return_value) == (None, 0)
    assert sorted(path.name for path in group.glob("fold-*")) == ["fold-1", "fold-2", "fold-3"]
    folds = [yaml.safe_load((path / "config.yaml").read_text())["data"]["fold"]
             for path in sorted(group.glob("fold-*"))]  # fmt: skip
    assert folds == ["1/3", "2/3", "3/3"]
    sizes = [json.loads((p / "env.json").read_text())["samples"] for p in group.glob("fold-*")]
    assert sizes == [{"train": 20, "val": 10, "test": 10}] * 3


def test_mean_and_deviation_are_printed_and_written(fit, group):
    done = fit("--folds", 3)
    found = summary(group)
    values = [member["metrics"]["val/loss"] for member in found["members"]]
    assert found["mean"]["val/loss"] == pytest.approx(statistics.fmean(values))
    assert found["deviation"]["val/loss"] == pytest.approx(statistics.stdev(values))
    last = done.stdout.splitlines()[-1]
    assert last.startswith("mean ± deviation")
    assert f"{statistics.fmean(values):.4g} ± {statistics.stdev(values):.2g}" in last
    assert done.stdout.splitlines()[0].split() == [
        "fold", "state", "best", "epoch", "val/loss", "val/accuracy",
    ]  # fmt: skip


def test_seeds_follow_each_other(fit, group):
    assert fit("--seeds", 2, "--seed", 7).return_value == 0
    assert [m["name"] for m in summary(group)["members"]] == ["seed-7", "seed-8"]
    seeds = [load(group / f"seed-{s}" / "checkpoints" / "last.npz").plan.seed for s in (7, 8)]
    assert seeds == [7, 8]
    first, second = weights(group).values()
    assert first != second


def test_without_out_the_groups_are_numbered(config_file, empty_folder):
    words = ["fit", str(config_file(data=DATA)), "-q", "--seeds", "2"]
    for _ in range(2):
        CliRunner().invoke(main, words, standalone_mode=False)
    assert sorted(p.name for p in Path("runs/small").iterdir()) == ["seeds-1", "seeds-2"]
    before = Path("runs/small/seeds-2/seed-0/log.txt").read_text()
    assert CliRunner().invoke(main, [*words, "--resume"], standalone_mode=False).return_value == 0
    assert Path("runs/small/seeds-2/seed-0/log.txt").read_text() == before


def test_what_has_ended_is_not_run_again_and_the_rest_is(fit, group):
    fit("--folds", 3)
    whole = weights(group)
    kept = (group / "fold-1" / "log.txt").read_text()
    (group / "fold-2" / "summary.json").unlink()
    for path in sorted((group / "fold-3").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (group / "summary.json").unlink()
    assert fit("--folds", 3, "--resume").return_value == 0
    assert weights(group) == whole
    assert (group / "fold-1" / "log.txt").read_text() == kept
    assert summary(group)["members"][2]["state"] == "finished"


def test_a_member_that_diverges_is_told(fit, group):
    done = fit("--seeds", 2, optimizer={"sgd": {"lr": 1e300}})
    assert done.return_value == ExitCode.DIVERGED
    assert [member["state"] for member in summary(group)["members"]] == ["diverged"] * 2
    assert "mean ± deviation" in done.stdout


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--folds", 99], ConfigError, "fold 1/99: write it as i/k with 1 <= i <= k and 2 <= k"),
        (["--folds", 2, "--resume"], RunFolderError, "nothing to resume"),
        (["--set", "train.epoch=1", "--seeds", 2], ConfigError, "unknown key"),
    ],
)
def test_mistakes_leave_nothing(fit, group, options, error, message):
    done = fit(*options)
    assert isinstance(done.exception, error)
    assert message in str(done.exception)
    assert not group.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 2, "--seeds", 2], "choose one of --folds, --seeds"),
        (["--folds", 2, "--fold", "1/2"], "choose one of --fold, --folds"),
        (["--folds", 2, "--overwrite"], "--folds trains several runs; remove --overwrite"),
        (["--folds", 1], "1 is not in the range"),
    ],
)
def test_wrong_words(fit, options, message):
    assert message in str(fit(*options).exception.message)


def test_another_command_cannot_resume_it(fit, group):
    fit("--folds", 2)
    refused = fit("--folds", 3, "--resume").exception
    assert isinstance(refused, RunFolderError)
    assert "count: 2 -> 3" in str(refused)
    assert "the folder is not empty" in str(fit("--folds", 2).exception)


def test_members_start_from_given_weights_also_when_resumed(fit, fitted, group):
    start = fitted(data=DATA)
    assert fit("--seeds", 2, "--init-from", start).return_value == 0
    whole = weights(group)
    (group / "seed-1" / "summary.json").unlink()
    for path in (group / "seed-1" / "checkpoints").iterdir():
        path.unlink()
    refused = fit("--seeds", 2, "--resume").exception
    assert "init_from" in str(refused)
    assert fit("--seeds", 2, "--init-from", start, "--resume").return_value == 0
    assert weights(group) == whole


KILLED = {"train": {"epochs": 150, "batch_size": 4}, "data": {**DATA, "n": 200}}


@pytest.fixture
def process(config_file, tmp_path):
    """``process("--folds", 3)``: the command as a process that ignores SIGINT and SIGHUP."""

    def started(*options, out="group"):
        def ignoring():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        words = ["fit", config_file(**KILLED), "--out", tmp_path / out, *options]
        return subprocess.Popen(
            [sys.executable, "-m", "cnntrain", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignoring,
        )  # fmt: skip

    return started


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_in_the_middle_and_run_again(process, group, tmp_path, wait_until, number):
    whole = process("--folds", 3, out="whole")
    whole.communicate()
    with process("--folds", 3) as killed:
        second = group / "fold-2" / "metrics.jsonl"
        wait_until(lambda: second.is_file() and second.stat().st_size, killed)
        killed.send_signal(number)
        _, err = killed.communicate()
    if number != signal.SIGKILL:
        assert killed.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert "--resume  # continue exactly here" in err
    assert not (group / "summary.json").exists()
    log = (group / "fold-1" / "log.txt").read_text()
    again = process("--folds", 3, "--resume")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert weights(group) == weights(tmp_path / "whole")
    assert out.startswith("fold ")
    assert (group / "fold-1" / "log.txt").read_text() == log
