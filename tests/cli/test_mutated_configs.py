"""No config, however it is broken, leads to a traceback, a folder, a long wait or an odd code."""

import re
import shutil
import sys
import time

import pytest
from helpers.mutations import FOLDER, configs
from helpers.mutations import settings as words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnntrain import cli

PLACE = re.compile(r"(Error: |^)\S*\.yaml:\d+:\d+: ", re.MULTILINE)
OPTION = re.compile(r"(Error: |^)--set ", re.MULTILINE)
SECONDS = 5
OPTIONS = st.one_of(*[st.just([])] * 4, st.lists(words(), min_size=1, max_size=2))


@pytest.fixture
def never_fails(empty_folder, monkeypatch, capsys):
    """``never_fails(content, settings)``: how this config ends, which is as it should.

    One that passes the dry run is trained for three steps.
    """
    shutil.copytree(FOLDER, empty_folder / "configs")
    path = empty_folder / "configs" / "mutated.yaml"
    monkeypatch.setattr("cnntrain.training.memory.physical_memory", lambda: 2**30)

    def call(*options):
        words = ["cnntrain", "fit", "configs/mutated.yaml", *options]
        monkeypatch.setattr(sys, "argv", words)
        start = time.monotonic()
        with pytest.raises(SystemExit) as stopped:
            cli.run()
        assert time.monotonic() - start < SECONDS
        return stopped.value.code, *capsys.readouterr()

    def run(content, settings):
        path.write_bytes(content)
        options = [word for setting in settings for word in ("--set", setting)]
        code, out, err = call(*options, "--dry-run")
        assert bool(err) == bool(code)
        if code == 2:
            assert PLACE.search(err) or OPTION.search(err)
        else:
            assert code in (0, 1)
            assert err.startswith("Error: ") if code else "config, shapes and data fit" in out
        assert [entry.name for entry in empty_folder.iterdir()] == ["configs"]
        if code == 0:
            end, _, _ = call(*options, "--set", "train.max_steps=3", "--out", "run", "--quiet")
            assert end in (0, 2, 3)
            shutil.rmtree("run", ignore_errors=True)
        return code

    return run


def check(never_fails, small_tree, examples):
    counts = {0: 0, 1: 0, 2: 0}

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(content=configs(small_tree()), settings=OPTIONS)
    def run(content, settings):
        counts[never_fails(content, settings)] += 1

    run()
    return counts


def test_mutated_configs(never_fails, small_tree):
    counts = check(never_fails, small_tree, 120)
    assert counts[0] >= 5
    assert counts[2] >= 60


@pytest.mark.slow
def test_thousands_of_mutated_configs(never_fails, small_tree):
    counts = check(never_fails, small_tree, 3000)
    print(counts)
    assert counts[0] >= 100
    assert counts[2] >= 1500
