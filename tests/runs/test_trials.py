"""The record of trials: the newest line of each counts, and a line that was cut off is removed."""

import pytest

from cnntrain.errors import RunFolderError
from cnntrain.runs.place import Place
from cnntrain.runs.trials import Trial, TrialLog


@pytest.fixture
def log(tmp_path):
    return TrialLog.opened(Place.at(tmp_path))


def test_the_newest_line_counts(log, tmp_path):
    first = Trial(1, {"lr": 0.1})
    log.record(first)
    log.record(Trial(1, {"lr": 0.1}, "finished", 0.5, 3, 1.0))
    log.record(Trial(2, {"lr": 0.2}))
    again = TrialLog.opened(Place.at(tmp_path))
    assert again.trials == log.trials
    assert (again.trials[1].value, again.trials[1].has_ended) == (0.5, True)
    assert again.restarted(2) == Trial(2, {"lr": 0.2})
    assert again.restarted(3) is None


@pytest.mark.parametrize(
    ("state", "value", "ended"),
    [("finished", 0.5, True), ("finished", None, False), ("diverged", None, True),
     ("pruned", 0.1, True), ("failed", None, False), ("started", None, False), ("odd", 1, False)],
)  # fmt: skip
def test_what_is_not_run_again(state, value, ended):
    assert Trial(1, {}, state, value).has_ended == ended


def test_a_cut_line_is_removed_before_another_follows(log, tmp_path):
    log.record(Trial(1, {}))
    path = tmp_path / "trials.jsonl"
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    TrialLog.opened(Place.at(tmp_path)).record(Trial(2, {}))
    assert list(TrialLog.opened(Place.at(tmp_path)).trials) == [1, 2]


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"trial": 0, "values": {}}', "[1]"])
def test_foreign_lines_are_refused(log, tmp_path, line):
    log.record(Trial(1, {}))
    path = tmp_path / "trials.jsonl"
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(RunFolderError, match=r"trials.jsonl:1: not written by cnntrain"):
        TrialLog.opened(Place.at(tmp_path))
