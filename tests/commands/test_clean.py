"""``cnntrain clean``: only what is known and unused goes, and only after a yes."""

import os
import shutil
import time

import pytest

from cnntrain.commands.clean import run_clean
from cnntrain.errors import RunFolderError
from cnntrain.runs.lock import RunLock

LITTER = (".log.txt.0123abcd.tmp", "checkpoints/.last.npz.0123abcd.tmp")


@pytest.fixture
def runs(tmp_path, fitted):
    """A folder with a finished run ``a/1`` that has intermediate checkpoints."""
    folder = tmp_path / "runs"
    shutil.copytree(fitted(train={"checkpoint_steps": 2}), folder / "a" / "1")
    return folder


@pytest.fixture
def clean(runs, capsys):
    """``clean(checkpoints=True, agree=False)``: what was printed."""

    def run(checkpoints=False, agree=True):
        assert run_clean(runs, checkpoints, lambda question: agree) == 0
        streams = capsys.readouterr()
        return streams.out + streams.err

    return run


def littered(folder):
    for name in LITTER:
        (folder / name).write_bytes(b"x" * 500)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def old(folder):
    folder.mkdir(parents=True)
    past = time.time() - 1000
    os.utime(folder, (past, past))
    return folder


def test_nothing_to_remove(runs, clean):
    before = names(runs)
    assert clean() == f"nothing to remove below {runs}\n"
    assert names(runs) == before


def test_what_would_be_removed_is_listed_and_stays_without_a_yes(runs, clean):
    littered(runs / "a" / "1")
    before = names(runs)
    out = clean(agree=False)
    for name in LITTER:
        assert [str(runs / "a" / "1" / name), "left", "by", "a", "killed", "run", "500", "B"] in [
            line.split() for line in out.splitlines()
        ]
    assert "nothing was removed" in out
    assert names(runs) == before


def test_temporary_files_go(runs, clean):
    before = names(runs)
    littered(runs / "a" / "1")
    assert clean().endswith("removed 2 files (0.977 KiB)\n")
    assert names(runs) == before


def test_intermediate_checkpoints_of_finished_runs_go(runs, clean):
    folder = runs / "a" / "1" / "checkpoints"
    assert {path.name for path in folder.glob("step-*.npz")} == {
        "step-2.npz", "step-4.npz", "step-6.npz",
    }  # fmt: skip
    (folder / "step-2 copy.npz").write_bytes(b"mine")
    assert "removed 3 files" in clean(checkpoints=True)
    assert {path.name for path in folder.iterdir()} == {"best.npz", "last.npz", "step-2 copy.npz"}


def test_checkpoints_of_other_runs_stay(runs, clean):
    text = (runs / "a" / "1" / "metrics.jsonl").read_text()
    for name, reason in (("2", "interrupted"), ("3", "diverged"), ("4", None)):
        folder = shutil.copytree(runs / "a" / "1", runs / "a" / name)
        lines = text.splitlines()
        lines[-1:] = [] if reason is None else [lines[-1].replace('"epochs"', f'"{reason}"')]
        (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (runs / "a" / "1" / "metrics.jsonl").write_text("nonsense\nmore\n")  # unreadable
    before = names(runs)
    assert "nothing to remove" in clean(checkpoints=True)
    assert names(runs) == before


def test_empty_run_folders_go_and_others_stay(runs, clean):
    for name in ("a/2", "a/folds-1", "a/sweep-1/trial-001"):
        old(runs / name)
    (runs / "a" / "2" / "lock").write_text("")
    os.utime(runs / "a" / "2", (0, 0))
    old(runs / "a" / "notes")
    (runs / "a" / "5").mkdir()  # a run that is about to start
    out = clean()
    assert out.endswith("removed 3 empty folders\n")
    left = {path.name for path in (runs / "a").iterdir()}
    assert left == {"1", "5", "notes", "sweep-1"}


def test_runs_in_progress_are_left_alone(runs, clean):
    littered(runs / "a" / "1")
    old(runs / "a" / "sweep-1" / "trial-001")
    before = names(runs)
    with RunLock(runs / "a" / "1"), RunLock(runs / "a" / "sweep-1"):
        out = clean(checkpoints=True)
    assert out.count("left alone: ") == 2
    assert "nothing to remove" in out
    assert names(runs) == before


def test_a_run_that_starts_after_the_question_is_left_alone(runs, capsys):
    littered(runs / "a" / "1")
    before = names(runs)
    held = RunLock(runs / "a" / "1")

    def agreed(question):
        held.__enter__()
        return True

    run_clean(runs, checkpoints=False, agreed=agreed)
    held.__exit__()
    assert "it is in use by now" in capsys.readouterr().err
    assert set(before) <= set(names(runs))


def test_links_and_foreign_files_are_not_touched(runs, clean, tmp_path):
    outside = tmp_path / "outside"
    (outside / "checkpoints").mkdir(parents=True)
    littered(outside)
    (runs / "a" / "9").symlink_to(outside)
    run = runs / "a" / "1"
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").symlink_to(outside / "checkpoints")
    (run / ".notes.txt.0123abcd.tmp").write_text("mine")
    (run / ".log.txt.0123abcd.tmp").mkdir()
    before = names(tmp_path)
    assert "nothing to remove" in clean(checkpoints=True)
    assert names(tmp_path) == before


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(RunFolderError, match="no such folder; name one that holds runs"):
        run_clean(tmp_path / "missing", checkpoints=False, agreed=lambda question: True)
