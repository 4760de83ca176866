"""Rules of the house that a linter does not know."""

import ast
from pathlib import Path

import pytest

import cnntrain

FILES = sorted(Path(cnntrain.__file__).parent.rglob("*.py"))
MOST_POSITIONAL = 6


def long_calls(tree):
    """Calls whose reader would have to count arguments."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [ast.unparse(call) for call in calls if len(call.args) > MOST_POSITIONAL]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_call_has_seven_positional_arguments(path):
    assert not long_calls(ast.parse(path.read_text("utf-8")))


def test_a_long_call_would_be_seen():
    assert long_calls(ast.parse("f(1, 2, 3, 4, 5, 6, 7)")) == ["f(1, 2, 3, 4, 5, 6, 7)"]
    assert not long_calls(ast.parse("f(1, 2, 3, 4, 5, 6, g=7)"))
