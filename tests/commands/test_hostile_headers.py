"""A header whose values make no sense ends ``eval`` and ``--resume`` with one message."""

import io
import json
import sys
import zipfile

import numpy as np
import pytest

from cnntrain import cli
from cnntrain.errors import ExitCode

DAMAGED = "the header is damaged at"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, experiment_of, run_into):
    """A run that was stopped in the middle of its first epoch: (the files, its folder)."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    run_into(folder, experiment_of(train={"epochs": 3}), stop_after=1)
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


def with_header(content, **changes):
    """The checkpoint as a version without digests would have written it, with these changes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(np.lib.format.read_array(io.BytesIO(members["header.npy"])).tobytes())
    del header["digest"]
    text = json.dumps({**header, **changes}).encode()
    changed, out = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array(changed, np.frombuffer(text, np.uint8))
    with zipfile.ZipFile(out, "w") as archive:
        for name, member in {**members, "header.npy": changed.getvalue()}.items():
            archive.writestr(name, member)
    return out.getvalue()


@pytest.fixture
def command(monkeypatch, capsys, stopped, empty_folder):
    """``command("eval", "run", step=-1)``: (exit code, stderr) with a header changed like this."""

    def call(*words, **changes):
        for name, content in stopped.items():
            (empty_folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
            is_last = name.name == "last.npz"
            changed = with_header(content, **changes) if is_last else content
            (empty_folder / "run" / name).write_bytes(changed)
        monkeypatch.setattr(sys, "argv", ["cnntrain", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.run()
        return ended.value.code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("changes", "by_eval", "message"),
    [
        ({"step": 10**400}, True, f"{DAMAGED} 'step'"),
        ({"sums": {"n": 0, "loss": 1.0, "correct": 1}}, True, f"{DAMAGED} 'sums'"),
        ({"sums": {"n": 8}}, True, f"{DAMAGED} 'sums'"),
        ({"sums": {"n": "8", "loss": "1"}}, True, f"{DAMAGED} 'sums"),
        ({"sums": {"n": 8, "loss": 1.0, "correct": [[1], [2, 3]]}}, True, "not a readable"),
        ({"sums": {"n": 8, "loss": 1.0, "correct": 3, "more": 1}}, False, f"{DAMAGED} 'sums'"),
        ({"sums": {"n": 8, "loss": 1.0, "absolute_error": 1.0, "squared_error": 1.0}}, False,
         f"{DAMAGED} 'sums'"),
        ({"classes": None}, True, f"{DAMAGED} 'classes'"),
        ({"classes": ["0", "1", "2"]}, True, f"{DAMAGED} 'classes'"),
    ],
)  # fmt: skip
def test_one_message(command, config_file, changes, by_eval, message):
    resume = ("fit", config_file(train={"epochs": 3}), "--out", "run", "--resume", "-q")
    for words in (("eval", "run"), resume):
        code, err = command(*words, **changes)
        assert "Traceback" not in err
        if words[0] == "eval" and not by_eval:
            assert (code, err[:6]) == (ExitCode.DONE, "data: ")
            continue
        assert code == ExitCode.CHECKPOINT
        assert err.startswith("Error: ")
        assert message in err


def test_without_changes_it_is_continued(command, config_file):
    resume = ("fit", config_file(train={"epochs": 3}), "--out", "run", "--resume", "-q")
    assert command(*resume)[0] == ExitCode.DONE
