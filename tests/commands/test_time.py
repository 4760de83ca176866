"""``cnntrain time``: every layer has its row, and the metrics hang together."""

import json

from cnntrain.commands.time import TimeOptions, run_time
from cnntrain.errors import ExitCode

NETWORK = [
    {"conv2d": {"filters": 2, "kernel": 3, "activation": "relu"}},
    "batch_norm",
    "flatten",
    {"dense": {"units": 10}},
]
NAMES = ["conv1", "relu1", "batch_norm1", "flatten1", "dense1"]


def timed(config_file, capsys, **options):
    path = config_file(data={"source": "digits"}, network=NETWORK, loss="cross_entropy")
    chosen = {"settings": (), "data_dir": None, "threads": 1, "runs": 2, "as_json": False}
    assert run_time(path, TimeOptions(**(chosen | options))) == ExitCode.DONE
    return capsys.readouterr().out


def test_the_table_has_a_row_for_every_layer(config_file, capsys):
    lines = timed(config_file, capsys).splitlines()
    assert [line.split()[0] for line in lines[2:9]] == [*NAMES, "loss", "update"]
    assert "a whole step takes" in lines[-2]
    assert lines[-1].startswith("engine: ")


def test_both_engines_are_compared_layer_by_layer(config_file, capsys):
    lines = timed(config_file, capsys, compare=True).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*NAMES, "loss", "update", "whole"]
    both = json.loads(timed(config_file, capsys, compare=True, as_json=True))
    assert both["native"]["engine"].startswith("native (")
    assert both["native"]["by_numpy"] == []
    assert (both["numpy"]["engine"], both["numpy"]["by_numpy"]) == ("numpy", NAMES)


def test_json_figures_are_times(config_file, capsys):
    metrics = json.loads(timed(config_file, capsys, as_json=True))
    assert [layer["name"] for layer in metrics["layers"]] == NAMES
    assert all(layer["forward_ms"] > 0 for layer in metrics["layers"])
    assert metrics["layers"][0]["out_shape"] == [2, 6, 6]
    assert metrics["layers"][0]["gflops"] > 0
    assert metrics["step_ms"] > 0
