"""YAML text -> plain values with positions, strictly and within limits.

PyYAML's parser splits the text into events; the values are built here. So no tag can name a class,
numbers and booleans follow the YAML 1.2 core schema, duplicate keys are found, and a hostile file
is rejected before it costs time or memory. PyYAML's C parser is not used: deep nesting crashes it.
"""

import math
import re
from typing import Any, NamedTuple, NoReturn, TypeAlias

import yaml

from cnntrain.config.syntax_errors import NO_CHARACTER, NO_TAGS, Place, explain, place_of

KeyPath: TypeAlias = tuple[str | int, ...]
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"

MAX_DEPTH = 50
MAX_NODES = 50_000
MAX_CHARACTERS = 2**20
MAX_DIGITS = 100

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML treats as a line break
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, float | bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_IF_TEXT = "if it is text, put it in quotes"
_EXPANDED = "shorten it (every use of an alias counts)"


class Problem(NamedTuple):
    """A mistake with its position in the text and in the tree."""

    place: Place
    path: KeyPath
    text: str


class GuardError(Exception):
    """A text that is not an acceptable YAML value."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


def split_lines(text: str) -> tuple[str, ...]:
    """The lines of ``text``, as counted by positions."""
    return tuple(_BREAK.split(text))


def end_place(text: str) -> Place:
    """The position just after ``text``."""
    lines = split_lines(text)
    return len(lines), len(lines[-1]) + 1


def build(text: str) -> tuple[Tree, dict[KeyPath, Place]]:
    """The single value in ``text``, and the position of each of its keys and items."""
    if bad := yaml.reader.Reader.NON_PRINTABLE.search(text):
        shown = bad.group().encode("unicode_escape").decode()
        problem = f"the character {shown} is not allowed; remove it, or save the file as UTF-8 text"
        raise GuardError([Problem(end_place(text[: bad.start()]), (), problem)])
    builder = _Builder(text)
    try:
        return builder.document(), builder.positions
    finally:
        builder.loader.dispose()


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar by the YAML 1.2 core schema; ValueError if out of range."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    return _finite(text) if _FLOAT.fullmatch(text) else text


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        limit = f"at most {MAX_DIGITS} are allowed"
        raise ValueError(f"an integer of {len(text)} digits; {limit}; {_IF_TEXT}")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"too large for a number, the largest is about 1.8e+308; {_IF_TEXT}")
    return value


def _joined(text: str) -> str:
    """Quoted text with escaped surrogate pairs, as written by JSON, combined into characters."""
    if "\0" in text:
        raise ValueError("text must not contain a NUL character; remove the escape")
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        problem = "half of a surrogate pair is not a character; complete the escape"
        raise ValueError(problem) from None


class _Builder:
    """Builds the value of one text from its events; records minor mistakes and continues.

    The length of a path is the depth of its value, so limiting it limits the recursion.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.loader = yaml.SafeLoader(text)
        self.events = iter(self.loader.get_event, None)
        self.positions: dict[KeyPath, Place] = {(): (1, 1)}
        self.problems: list[Problem] = []
        self.anchors: dict[str, Tree] = {}
        self.unfinished: set[str] = set()
        self.nodes = 0
        self.characters = 0

    def document(self) -> Tree:
        self.next()  # the start of the stream
        tree = None if isinstance(self.next(), yaml.StreamEndEvent) else self.root()
        if self.problems:
            raise GuardError(self.problems)
        return tree

    def root(self) -> Tree:
        event = self.next()
        self.positions[()] = place_of(event.start_mark)
        tree = self.node(event, ())
        self.next()  # the end of the document
        extra = self.next()
        if not isinstance(extra, yaml.StreamEndEvent):
            self.refuse(extra, "a second document starts here; keep only one")
        return tree

    def node(self, event: Any, path: KeyPath) -> Tree:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        self.check_properties(event, path)
        if event.anchor is None:
            return self.content(event, path)
        self.unfinished.add(event.anchor)
        value = self.anchors[event.anchor] = self.content(event, path)
        self.unfinished.discard(event.anchor)
        return value

    def check_properties(self, event: Any, path: KeyPath) -> None:
        if event.tag is not None:
            self.complain(event, path, NO_TAGS)
        if event.anchor in self.anchors or event.anchor in self.unfinished:
            self.complain(event, path, f"the anchor &{event.anchor:.40} already exists; rename one")

    def content(self, event: Any, path: KeyPath) -> Tree:
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        self.enter(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        return self.mapping(path)

    def scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> Tree:
        self.enter(event, path, event.value)
        try:
            return resolve(event.value) if event.style is None else _joined(event.value)
        except ValueError as error:
            self.complain(event, path, str(error))
            return event.value

    def sequence(self, path: KeyPath) -> Tree:
        items: list[Tree] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            item_path = (*path, len(items))
            self.positions[item_path] = place_of(event.start_mark)
            items.append(self.node(event, item_path))
        return items

    def mapping(self, path: KeyPath) -> Tree:
        entries: dict[str, Tree] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.key(event, path)
            entry_path = (*path, key)
            if key in entries:
                first_line, _ = self.positions[entry_path]
                self.complain(event, entry_path, f"already given on line {first_line}; keep one")
            self.positions.setdefault(entry_path, place_of(event.start_mark))
            entries[key] = self.node(self.next(), entry_path)
        return entries

    def key(self, event: Any, path: KeyPath) -> str:
        """The name of an entry; anything but a plain name is reported and replaced."""
        key = self.node(event, (*path, "?"))
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, path, "an alias cannot be a key; write the key itself")
        elif isinstance(event, yaml.CollectionStartEvent):
            self.complain(event, path, "a list or mapping cannot be a key; if it is text, quote it")
        elif type(key) is int and key >= 0:
            return str(key)  # such as a class label
        elif not isinstance(key, str):
            shown = event.value or "empty"
            self.complain(event, path, f"a key must be text, not {shown}; put it in quotes")
        elif key == "<<" and event.style is None:
            self.complain(event, path, "merge keys are not supported; write the entries out")
        else:
            return key
        return f"?{len(self.problems)}"

    def alias(self, event: yaml.AliasEvent, path: KeyPath) -> Tree:
        name = event.anchor or ""
        if name in self.anchors:
            return self.copy(self.anchors[name], event, path)
        cause = "contains itself" if name in self.unfinished else "has no anchor before it"
        self.complain(event, path, f"the alias *{name:.40} {cause}; write the value out")
        return None

    def copy(self, value: Tree, event: yaml.AliasEvent, path: KeyPath) -> Tree:
        """An independent copy, so that changing one part of the tree never changes another."""
        if isinstance(value, list):
            self.enter(event, path)
            return [self.copy(item, event, (*path, i)) for i, item in enumerate(value)]
        if isinstance(value, dict):
            self.enter(event, path)
            for key in value:
                self.enter(event, path, key)
            return {key: self.copy(item, event, (*path, key)) for key, item in value.items()}
        self.enter(event, path, value if isinstance(value, str) else "")
        return value

    def enter(self, event: yaml.Event, path: KeyPath, text: str | None = None) -> None:
        """Count one more key or value (a scalar if ``text`` is given); stop at the limits."""
        self.nodes += 1
        self.characters += len(text or "")
        if text is None and len(path) >= MAX_DEPTH:
            excess = f"nested more than {MAX_DEPTH} levels deep; flatten it"
        elif self.nodes > MAX_NODES:
            excess = f"more than {MAX_NODES} keys and values; {_EXPANDED}"
        elif self.characters > MAX_CHARACTERS:
            excess = f"more than {MAX_CHARACTERS} characters; {_EXPANDED}"
        else:
            return
        self.refuse(event, excess)

    def next(self) -> Any:
        try:
            return next(self.events)
        except yaml.MarkedYAMLError as error:
            self.stop(*explain(error, self.text, self.loader.get_mark()))
        except (ValueError, OverflowError):  # PyYAML does not check the range of escapes
            self.stop(end_place(self.text[: self.loader.index]), NO_CHARACTER)

    def complain(self, event: yaml.Event, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(place_of(event.start_mark), path, text))

    def refuse(self, event: yaml.Event, text: str) -> NoReturn:
        self.stop(place_of(event.start_mark), text)

    def stop(self, place: Place, text: str) -> NoReturn:
        raise GuardError([*self.problems, Problem(place, (), text)])
