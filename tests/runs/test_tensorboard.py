"""TensorBoard's event files hold the metrics of the run, each step once."""

import json
import sys

import pytest

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
