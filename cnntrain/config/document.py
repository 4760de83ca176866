"""The text of a YAML file -> a plain tree with the position of each key.

All mistakes are ``ConfigError``s that show the position:

    lenet.yaml:4:3: train.batchsize: unknown key; did you mean 'batch_size'?
        4 |   batchsize: 64
          |   ^
"""

import codecs
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnntrain.config.parser import GuardError, KeyPath, Problem, Tree, build, end_place, split_lines
from cnntrain.config.syntax_errors import Place
from cnntrain.errors import ConfigError
from cnntrain.files import opened_plain
from cnntrain.text import visible

__all__ = [
    "Document",
    "KeyPath",
    "Tree",
    "parse_document",
    "parse_value",
    "read_document",
    "show_path",
]

MAX_BYTES = 2**18  # takes the parser about a second at worst
MAX_PROBLEMS = 20
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WIDTH = 100
_LEFT_OF_CARET = 60
_FOUND = {type(None): "empty", list: "a list", str: "a string", bool: "a boolean"}
_LOOKS_LIKE = "a config has lines such as 'loss: cross_entropy' and sections such as 'train:'"


@dataclass(frozen=True)
class Document:
    """A config as plain values; ``positions`` has the (line, column), from 1, of keys and items."""

    name: str
    lines: tuple[str, ...]
    tree: Tree
    positions: Mapping[KeyPath, Place]

    def error(self, problems: Iterable[tuple[KeyPath, str]]) -> ConfigError:
        """One error that lists all problems in the order of their positions."""
        placed = [Problem(self._place(path), path, text) for path, text in problems]
        return _report(self.name, self.lines, placed)

    def _place(self, path: KeyPath) -> Place:
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]


def read_document(path: Path) -> Document:
    """The config in a file; rejects anything but a small regular file of UTF-8 text."""
    name = visible(str(path))
    return parse_document(_decoded(_read(path, name), name), name)


def parse_document(text: str, name: str) -> Document:
    """The config in a text; its top level must be a mapping."""
    document = _parsed(text, name)
    if isinstance(document.tree, dict):
        return document
    found = _FOUND.get(type(document.tree), "a number")
    raise document.error([((), f"the file is {found}, not a mapping; {_LOOKS_LIKE}")])


def parse_value(text: str, name: str) -> Tree:
    """One value of any type, as on the right of ``--set key=value``."""
    return _parsed(text, name).tree


def show_path(path: KeyPath) -> str:
    """A path as text, such as ``network[2].conv2d.kernel``."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in path)
    return shown.removeprefix(".")


def _name(key: str) -> str:
    if key.isprintable() and re.fullmatch(r"[^\s.'\"\[\]]{1,60}", key):
        return key
    return repr(key if len(key) <= 60 else key[:57] + "...")


def _parsed(text: str, name: str) -> Document:
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise ConfigError(_too_large(name))
    try:
        tree, positions = build(text)
    except GuardError as error:
        raise _report(name, split_lines(text), error.problems) from None
    return Document(name, split_lines(text), tree, positions)


def _read(path: Path, name: str) -> bytes:
    try:
        _check_regular(path.stat().st_mode, name)
        with opened_plain(path) as file:
            _check_regular(os.fstat(file.fileno()).st_mode, name)
            data = file.read(MAX_BYTES + 1) or b""  # None: it would have to wait
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file; give the path of a YAML config") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise ConfigError(f"{name}: cannot be read ({cause}); give a readable file") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(_too_large(name))
    return data


def _check_regular(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise ConfigError(f"{name}: {kind}; give the path of a YAML config")


def _too_large(name: str) -> str:
    limit = f"{MAX_BYTES // 1024} KiB, the limit for a config"
    return f"{name}: larger than {limit}; is it a data file?"


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = end_place(data[: error.start].decode("utf-8"))
        found = "UTF-16" if data.startswith(_UTF16_MARKS) else f"byte 0x{data[error.start]:02x}"
        lines = split_lines(data.decode("utf-8", "backslashreplace"))
        problem = Problem(place, (), f"not UTF-8 ({found}); save the file as UTF-8 text")
        raise _report(name, lines, [problem]) from None


def _report(name: str, lines: tuple[str, ...], problems: list[Problem]) -> ConfigError:
    ordered = sorted(problems, key=lambda problem: problem.place)
    shown = [_shown(name, lines, problem) for problem in ordered[:MAX_PROBLEMS]]
    if len(ordered) > MAX_PROBLEMS:
        shown.append(f"... and {len(ordered) - MAX_PROBLEMS} more")
    return ConfigError("\n".join(shown))


def _shown(name: str, lines: tuple[str, ...], problem: Problem) -> str:
    line, column = problem.place
    where = f"{show_path(problem.path)}: " if problem.path else ""
    excerpt, caret = _excerpt(lines[line - 1], column - 1)
    gutter = " " * len(str(line))
    return (
        f"{name}:{line}:{column}: {where}{problem.text}\n"
        f"    {line} | {excerpt}\n"
        f"    {gutter} | {' ' * caret}^"
    )


def _excerpt(line: str, index: int) -> tuple[str, int]:
    """The part of a line around an index, in about 100 columns at most, and the index's column."""
    left = visible(line[max(0, index - _WIDTH) : index])
    if index > _WIDTH or len(left) > _LEFT_OF_CARET:
        left = "..." + left[3 - _LEFT_OF_CARET :]
    right, room = visible(line[index : index + _WIDTH]), _WIDTH - len(left)
    if len(right) > room:
        right = right[: room - 3] + "..."
    return left + right, sum(map(_columns, left))


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
