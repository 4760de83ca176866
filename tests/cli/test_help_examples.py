"""The examples in the help of the commands about many runs are commands that work."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cnntrain.cli import main

COMMANDS = ("runs", "sweep", "clean")
CONFIGS = Path(__file__).parents[2] / "configs"


def examples(name):
    """The commands that the help of a command shows."""
    text = main.commands[name].get_help(click.Context(main.commands[name]))
    shown = text.partition("Examples:\n")[2].partition("\n\n")[0]
    return re.findall(rf"cnntrain ({name}\b.*)", shown)


@pytest.fixture
def project(empty_folder, fitted):
    """A working folder with the configs and one run, ``runs/digits/1``."""
    shutil.copytree(CONFIGS, "configs")
    Path("runs").mkdir()
    shutil.copytree(fitted(), "runs/digits/1")


def slowly(example):
    """Several trainings take their time."""
    is_slow = any(word in example for word in ("sweep", "--folds"))
    return pytest.param(example, marks=pytest.mark.slow if is_slow else ())


EXAMPLES = [
    *(example for name in COMMANDS for example in examples(name)),
    *(example for example in examples("fit") if "--folds" in example),
]


@pytest.mark.parametrize("example", list(map(slowly, EXAMPLES)))
@pytest.mark.usefixtures("project")
def test_an_example_works(example):
    done = CliRunner().invoke(main, shlex.split(example), standalone_mode=False)
    assert (done.exception, done.return_value) == (None, 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_found(name):
    assert len(examples(name)) >= 2
    assert any("--folds" in example for example in EXAMPLES)
