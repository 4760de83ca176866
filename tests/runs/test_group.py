"""The folder of a group: numbered, written before its runs, and only resumed as what it is."""

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from cnntrain.errors import RunFolderError
from cnntrain.runs.group import begin_group, group_path, has_ended, wait_for_writer
from cnntrain.runs.logs import recorded_group
from cnntrain.runs.place import Place

WHAT = {"kind": "folds", "count": 3, "config": {"seed": 0}}


def test_groups_are_numbered_and_the_newest_is_resumed(empty_folder):
    parent = Path("runs/a")
    (parent / "7").mkdir(parents=True)
    (parent / "folds-x").mkdir()
    assert group_path("a", "folds", None, resume=False) == parent / "folds-1"
    (parent / "folds-9").mkdir()
    (parent / "folds-10").mkdir()
    assert group_path("a", "folds", None, resume=True) == parent / "folds-10"
    assert group_path("a", "folds", None, resume=False) == parent / "folds-11"
    assert group_path("a", "seeds", None, resume=False) == parent / "seeds-1"


def test_what_is_missing_cannot_be_resumed(empty_folder):
    with pytest.raises(RunFolderError, match="nothing to resume"):
        group_path("a", "folds", None, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_a_group_killed_before_its_first_file_begins_anew(tmp_path, resume):
    (tmp_path / "lock").write_text("{}")
    (tmp_path / ".group.json.0123abcd.tmp").write_text("{")
    begin_group(Place.at(tmp_path), WHAT, resume)
    assert recorded_group(tmp_path) == WHAT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["group.json", "lock"]


def test_only_the_same_group_is_resumed(tmp_path):
    place = Place.at(tmp_path)
    begin_group(place, WHAT, resume=False)
    begin_group(place, WHAT, resume=True)
    with pytest.raises(RunFolderError, match="not empty; continue with --resume"):
        begin_group(place, WHAT, resume=False)
    with pytest.raises(RunFolderError, match=r"config\.seed: 0 -> 1"):
        begin_group(place, {**WHAT, "config": {"seed": 1}}, resume=True)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"reason": NaN}'])
def test_other_documents_are_no_group(tmp_path, text):
    (tmp_path / "group.json").write_text(text)
    with pytest.raises(RunFolderError, match="cannot be resumed"):
        begin_group(Place.at(tmp_path), WHAT, resume=True)
    (tmp_path / "summary.json").write_text(text)
    assert not has_ended(tmp_path)


def test_a_member_waits_for_the_process_that_is_about_to_leave_it(tmp_path):
    lock = {"pid": os.getpid(), "host": socket.gethostname()}
    (tmp_path / "lock").write_text(json.dumps(lock))
    threading.Timer(0.3, (tmp_path / "lock").unlink).start()
    before = time.monotonic()
    wait_for_writer(tmp_path)
    assert time.monotonic() - before >= 0.2
    wait_for_writer(tmp_path / "missing")
