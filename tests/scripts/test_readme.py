"""The outputs in the README equal those of the commands."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "readme.py"
SPEC = importlib.util.spec_from_file_location("readme", SCRIPT)
readme = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(readme)
TEXT = readme.README.read_text(encoding="utf-8")


def test_every_output_in_the_readme_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_every_marked_block_is_found():
    marked = TEXT.count("<!-- output of:")
    assert marked == len(readme.BLOCK.findall(TEXT)) >= 5


def test_blocks_are_filled_with_the_output():
    head = "<!-- output of: cnntrain explain optimizer:sgd (lines 1-1) -->\n```text\n"
    assert readme.filled(f"{head}old\n```\nrest\n") == f"{head}optimizer sgd\n```\nrest\n"


def test_only_cnntrain_commands_run(tmp_path):
    with pytest.raises(ValueError, match="only cnntrain commands"):
        readme.output_of("rm -r x", tmp_path)
