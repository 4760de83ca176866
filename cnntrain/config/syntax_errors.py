"""Invalid YAML explained: PyYAML's error -> the position of the mistake and how to correct it."""

import re
from typing import Any, TypeAlias

import yaml

Place: TypeAlias = tuple[int, int]

NO_TAGS = "tags are not supported; remove the tag, or put text that starts with '!' in quotes"
NO_CHARACTER = r"a number out of range; the last escape is '\U0010FFFF'"
_AT_START, _AT_END = True, False
# (PyYAML's wording, whether the mistake is at the start of the broken construct, our message)
_SYNTAX = (
    ("got '<stream end>'", _AT_START, "this bracket is never closed; add the closing one"),
    ("expected ',' or", _AT_END, "the bracket opened on line {start} is not closed before this; "
     "put ',' between items and close the bracket"),
    ("a quoted scalar", _AT_START, "this quote is never closed; add the closing one"),
    ("find expected ':'", _AT_START, "a key without ':'; write 'key: value'"),
    ("mapping values are not", _AT_END, "a ':' out of place; check the indentation and the line "
     "above, and quote text that contains ': '"),
    ("sequence entries are not", _AT_END, "a '-' out of place; start '- item' on its own line"),
    ("mapping keys are not", _AT_END, "a '?' out of place; quote text that starts with '?'"),
    ("<block end>.*inside a line", _AT_END, "the value already ended before this; check its quotes "
     "and brackets, or quote all of it"),
    ("<block end>", _AT_END, "this does not continue the block that starts on line "
     "{start}; give its entries the same indentation"),
    ("node content, but found '<stream end>'", _AT_END, "the text ends where a value is missing; "
     "close the brackets"),
    ("expected the node content", _AT_END, "a value is missing here; if this is text, quote it"),
    ("<document start>", _AT_END, "the value already ended before this; quote the whole text"),
    ("cannot start any token", _AT_END, "a value cannot start with {char}; put it in quotes"),
    (" tag", _AT_START, NO_TAGS),
    ("escape", _AT_END, "no such escape in double quotes; double the backslash or use single "
     "quotes"),
    ("an alias|an anchor", _AT_START, "not an alias or anchor; quote text that starts with '*' "
     "or '&'"),
    ("a block scalar", _AT_START, "only '+', '-' or a digit may follow '|' or '>'; quote text "
     "that starts with them"),
    ("directive|YAML document", _AT_START, "an invalid directive (a line with '%'); remove it"),
)  # fmt: skip


def place_of(mark: Any) -> Place:
    """The (line, column), from 1, of a PyYAML mark."""
    return mark.line + 1, mark.column + 1


def explain(error: yaml.MarkedYAMLError, text: str, here: Any) -> tuple[Place, str]:
    """The position and meaning of a syntax error; ``here``: how far the parser got."""
    end = error.problem_mark or here
    start = error.context_mark or end
    char = text[end.index : end.index + 1]
    if char == "\t":
        return place_of(end), "a tab; use spaces, not tabs"
    before = text[end.index - end.column : end.index].strip()
    complaint = f"{error.context}: {error.problem}{' inside a line' if before else ''}"
    if missing := _missing_space(text, end):
        return missing
    for words, at_start, message in _SYNTAX:
        if re.search(words, complaint):
            shown = message.format(start=start.line + 1, char=repr(char))
            return place_of(start if at_start else end), shown
    return place_of(end), f"not YAML ({error.problem}); check the quotes and brackets"


def _missing_space(text: str, mark: Any) -> tuple[Place, str] | None:
    """The line at the mark, or the one above, if it is ``key:value`` without a space."""
    lines = text.splitlines()
    for number in (mark.line, mark.line - 1):
        line = lines[number] if 0 <= number < len(lines) else ""
        if entry := re.fullmatch(r"(\s*(?:- )?)([A-Za-z_]\w*):([\w.+-]+)\s*", line):
            message = f"a space is missing after ':'; write '{entry[2]}: {entry[3]}'"
            return (number + 1, len(entry[1]) + 1), message
    return None
