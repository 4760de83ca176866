"""The commands ``list``, ``schema`` and ``completion``."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from cnntrain.commands.list import run_list
from cnntrain.commands.schema import run_schema
from cnntrain.errors import ConfigError
from cnntrain.views.explain.kinds import families


def test_all_kinds_are_listed(capsys):
    run_list(None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == families().keys() >= {"layer", "loss", "data source", "metric"}
    for family, base in families().items():
        assert found[family].keys() == base.kinds.keys()
        assert all(found[family].values())


@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("layers", "layer"), ("loss", "loss"), ("losses", "loss"), ("optimisers", "optimizer"),
        ("sources", "data source"), ("data-source", "data source"), ("Metrics", "metric"),
    ],
)  # fmt: skip
def test_one_family(capsys, word, family):
    run_list(word, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{family}:"
    assert len(lines) == 1 + len(families()[family].kinds)


def test_an_unknown_family():
    with pytest.raises(ConfigError, match="no kinds are called 'layrs'; did you mean 'layers'"):
        run_list("layrs", as_json=False)


def test_the_schema_is_json(capsys):
    run_schema()
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("draft-07/schema#")


@pytest.fixture
def completion():
    """``completion(shell)``: the script that the command prints."""

    def script(shell):
        command = [sys.executable, "-m", "cnntrain", "completion", shell]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid_where_the_shell_is_there(completion, shell):
    script = completion(shell)
    assert "_CNNTRAIN_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} to check the script with")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "completed"), [("cnntrain pre", "predict"), ("cnntrain predict --t", "--threads")]
)
def test_what_is_completed(words, completed):
    at = str(len(words.split()) - 1)
    asked = {"_CNNTRAIN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": at}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'cnntrain'\n"
         "from cnntrain.cli import run\nrun()"],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"plain,{completed}" in done.stdout.splitlines()
