"""Rules of the house that a linter does not know."""

import ast
from pathlib import Path

import pytest

import cnntrain

FILES = sorted(Path(cnntrain.__file__).parent.rglob("*.py"))
MOST_POSITIONAL = 6
KNOWN_TO_BE_HARMLESS = {
    r"print(f'\n{bad} failed: not trained' if bad else '\nall checks passed')",
    "print((CLEAR if live else '') + text, flush=True)",  # watch draws with escapes
}


def long_calls(tree):
    """Calls whose reader would have to count arguments."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [ast.unparse(call) for call in calls if len(call.args) > MOST_POSITIONAL]


def raw_prints(tree):
    """Texts that are printed without passing ``printable`` (or becoming JSON, which escapes)."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    printed = [call for call in calls if ast.unparse(call.func) in ("print", "click.echo")]
    return [ast.unparse(call) for call in printed if not all(map(is_harmless, call.args))]


def is_harmless(text):
    if isinstance(text, ast.IfExp):
        return is_harmless(text.body) and is_harmless(text.orelse)
    made_by = ast.unparse(text.func) if isinstance(text, ast.Call) else None
    return isinstance(text, ast.Constant) or made_by in ("printable", "json_text")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_text_that_is_printed_passes_one_function(path):
    assert set(raw_prints(ast.parse(path.read_text("utf-8")))) <= KNOWN_TO_BE_HARMLESS


def test_a_raw_print_would_be_seen():
    for raw in ("print(path)", "click.echo(f'{path}')", "print(json_text(x) if y else report(x))"):
        assert len(raw_prints(ast.parse(raw))) == 1
    assert not raw_prints(ast.parse("print(printable(x) if y else 'ours')"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_call_has_seven_positional_arguments(path):
    assert not long_calls(ast.parse(path.read_text("utf-8")))


def test_a_long_call_would_be_seen():
    assert long_calls(ast.parse("f(1, 2, 3, 4, 5, 6, 7)")) == ["f(1, 2, 3, 4, 5, 6, 7)"]
    assert not long_calls(ast.parse("f(1, 2, 3, 4, 5, 6, g=7)"))
