"""``cnntrain fit --print-config``: a config that reads back to the same plan, with comments."""

from pathlib import Path

import pytest

from cnntrain.commands.print_config import run_print_config
from cnntrain.config.read import read_config
from cnntrain.errors import ExitCode

CONFIGS = sorted(Path(__file__).parents[2].joinpath("configs").glob("*.yaml"))


@pytest.fixture
def printed(capsys):
    """``printed(path, *settings, seed=None)``: what the command prints."""

    def text(path, *settings, seed=None):
        assert run_print_config(path, settings, seed, None) == ExitCode.DONE
        return capsys.readouterr().out

    return text


@pytest.fixture
def reread(printed, tmp_path):
    def plan(path, *settings, seed=None):
        again = tmp_path / "again.yaml"
        again.write_text(printed(path, *settings, seed=seed))
        return read_config(again).plan

    return plan


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_printed_reads_back_to_the_same_plan(reread, path):
    assert reread(path) == read_config(path).plan


def test_settings_and_seed_are_in_it(reread, config_file):
    path, settings = config_file(), ("train.epochs=7", "optimizer.sgd.momentum=0.5")
    assert reread(path, *settings, seed=9) == read_config(path, settings, 9).plan


def test_parts_are_resolved(reread, printed, config_file, tmp_path):
    config_file()
    path = tmp_path / "parts.yaml"
    path.write_text(
        "extends: small.yaml\nvars: {n: 3}\n"
        "network:\n"
        "  - repeat: {times: 2, layers: [{dense: {units: '${n}'}}]}\n"
        "  - dense: {units: 2}\n"
    )
    assert reread(path) == read_config(path).plan
    text = printed(path)
    assert not any(word in text for word in ("extends", "vars", "repeat", "${"))


def test_comments_tell_defaults_and_shapes(printed, config_file):
    lines = printed(config_file()).splitlines()
    comments = {
        line.partition("#")[0].strip(): line.partition("#")[2].strip()
        for line in lines
        if "#" in line
    }
    assert comments["seed: 0"] == "default"
    assert comments["momentum: 0.0"] == "default"
    assert comments["- dense:"].endswith(": (4,) -> (2,)")
    assert any(comment == "dense1, tanh1: (2,) -> (4,)" for line in lines
               if (comment := line.partition("#")[2].strip()))  # fmt: skip
    for said in ("lr: 0.1", "epochs: 2", "batch_size: 8", "name: small", "units: 4"):
        assert said not in comments


def test_data_that_is_not_there_leaves_the_shapes_out(printed, config_file):
    data = {"source": "npz", "train": "nowhere.npz"}
    text = printed(config_file(data=data))
    assert "->" not in text
    assert "# default" in text


def test_nothing_is_trained_or_made(printed, config_file, empty_folder):
    path = config_file()
    printed(path)
    assert list(empty_folder.iterdir()) == [path]
