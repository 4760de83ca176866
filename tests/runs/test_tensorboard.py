"""TensorBoard's event files hold the metrics of the run, each step once."""

import errno
import json
import os
import re
import sys
from pathlib import Path

import pytest

from cnntrain import cli
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ConfigError
from cnntrain.runs.tensorboard import check_tensorboard

pytest.importorskip("tensorboardX", reason="event files need the extra 'tensorboard'")


def scalars(folder):
    """{name: {step: value}} of all event files, read with their own record format."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):  # length, its checksum, the event, its checksum
            size = int.from_bytes(data[at : at + 8], "little")
            event = Event.FromString(data[at + 12 : at + 12 + size])
            at += 16 + size
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_epochs_and_layers(fitted):
    folder = fitted(log={"tensorboard": True, "stats": 2}, train={"epochs": 2})
    found = scalars(folder / "tensorboard")
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in metrics[:-1]:
        assert found["train/loss"][line["step"]] == pytest.approx(line["train/loss"])
        assert found["lr"][line["step"]] == pytest.approx(line["lr"])
    stats = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    ratios = {line["step"]: line["arrays"]["dense1.W"]["update_ratio"] for line in stats}
    assert found["update_ratio/dense1.W"] == pytest.approx(ratios)
    assert set(found["std/tanh1"]) == set(ratios)


def test_a_resumed_run_goes_on(fitted, config_file):
    folder = fitted(log={"tensorboard": True}, train={"epochs": 1})
    path = config_file(log={"tensorboard": True}, train={"epochs": 3})
    assert run_fit(path, FitOptions(out=folder, resume=True, quiet=True)) == 0
    assert list(scalars(folder / "tensorboard")["train/loss"]) == [3, 6, 9]


def test_nothing_is_written_unasked(fitted):
    assert not (fitted() / "tensorboard").exists()


def test_without_the_writer_the_remedy_is_named(monkeypatch, experiment_of):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "cnntrain\[tensorboard\]"') as caught:
        check_tensorboard(experiment_of(log={"tensorboard": True}).plan)
    assert caught.value.path == ("log", "tensorboard")


class Full:
    """A file on a disk that is full."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("how", ["write", "open"])
def test_a_disk_that_fails_ends_the_run_with_the_path(
    tmp_path, config_file, monkeypatch, capsys, how
):
    """In this thread, with one message, and after a checkpoint: like any other file of the run."""
    opened, fdopen = os.open, os.fdopen
    events = []

    def open_or_fail(path, *arguments, **options):
        if str(path).startswith("events."):
            events.append(path)
            if how == "open" and len(events) > 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, *arguments, **options)

    def file_or_fail(handle, *arguments, **options):
        file = fdopen(handle, *arguments, **options)
        is_event_file = "tfevents" in str(Path(f"/proc/self/fd/{handle}").readlink())
        return Full(file) if how == "write" and is_event_file and len(events) > 2 else file

    monkeypatch.setattr(os, "open", open_or_fail)
    monkeypatch.setattr(os, "fdopen", file_or_fail)
    config, folder = config_file(log={"tensorboard": True}, train={"epochs": 9}), tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["cnntrain", "fit", str(config), "--out", str(folder), "-q"])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(
        rf"Error: {folder}/tensorboard/events\.out\.[^ ]+: cannot be written \(No space left", line
    )
    assert not (folder / "lock").exists()
    assert (folder / "checkpoints" / "last.npz").is_file()
