"""A few hundred executions of the fuzzer; longer runs guided by coverage are manual."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


def fuzz(*words):
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("target", ["config", "checkpoint"])
def test_plain_mutations(target, tmp_path):
    done = fuzz(target, "--plain", "--runs", 400, "--corpus", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "400 executions, 0 findings\n", "")
    assert not list(tmp_path.iterdir())


BROKEN = """
import sys, runpy
import cnntrain.config.document as document
def broken(text, name, right=document.parse_document):
    if "epochs" not in text: raise KeyError("epochs")
    return right(text, name)
document.parse_document = broken
sys.argv = {argv!r}
runpy.run_path({script!r}, run_name="__main__")
"""


def test_a_bug_is_found_and_saved(tmp_path):
    argv = ["fuzz.py", "config", "--plain", "--runs", "100", "--corpus", str(tmp_path)]
    program = BROKEN.format(argv=argv, script=str(SCRIPT))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    first = done.stdout.splitlines()[0]
    assert first == f"{tmp_path}/finding-1: KeyError: 'epochs'"
    assert b"epochs" not in (tmp_path / "finding-1").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["config", "checkpoint"])
def test_coverage_guided(target, tmp_path):
    pytest.importorskip("atheris", reason="atheris, which guides by coverage")
    done = fuzz(target, "--seconds", 5, "--corpus", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stat::number_of_executed_units: " in done.stderr
    assert len(list(tmp_path.iterdir())) > 10  # inputs that reached new code
