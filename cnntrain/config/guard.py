"""YAML text -> plain values with positions, strictly and within bounds.

PyYAML's parser cuts the text into events; the values are built here. So no tag can name a class,
numbers and booleans follow the YAML 1.2 core schema, duplicate keys are found, and a hostile file
is refused before it costs time or memory. PyYAML's C parser is not used: deep nesting crashes it.
"""

import math
import re
from typing import Any, NamedTuple, NoReturn, TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"

MAX_DEPTH = 50
MAX_NODES = 50_000
MAX_CHARACTERS = 2**20
MAX_DIGITS = 100

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML counts as the end of a line
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

_NO_TAGS = "tags are not supported; leave the tag out, and put text that starts with '!' in quotes"
_IF_TEXT = "if it is text, put it in quotes"
_EXPANDED = "every use of an alias counts; a config is far smaller"
_NO_CHARACTER = r"a number out of range; the last escape is '\U0010FFFF'"
_AT_START, _AT_END = True, False
# (in PyYAML's words, whether the mistake is where the broken construct starts, in ours)
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
    (" tag", _AT_START, _NO_TAGS),
    ("escape", _AT_END, "no such escape in double quotes; double the backslash or use single "
     "quotes"),
    ("an alias|an anchor", _AT_START, "not an alias or anchor; quote text that starts with '*' "
     "or '&'"),
    ("a block scalar", _AT_START, "only '+', '-' or a digit may follow '|' or '>'; quote text "
     "that starts with them"),
    ("directive|YAML document", _AT_START, "a broken directive (a line with '%'); leave it out"),
)  # fmt: skip


class Problem(NamedTuple):
    """What is wrong, at which place of the text and of the tree."""

    place: Place
    path: KeyPath
    text: str


class GuardError(Exception):
    """The text is not an acceptable YAML value."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


def split_lines(text: str) -> tuple[str, ...]:
    """The lines of ``text`` as positions count them."""
    return tuple(_BREAK.split(text))


def end_place(text: str) -> Place:
    """The place just behind ``text``."""
    lines = split_lines(text)
    return len(lines), len(lines[-1]) + 1


def build(text: str) -> tuple[Tree, dict[KeyPath, Place]]:
    """The one value in ``text``, and the place of each of its keys and items."""
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
        raise ValueError(f"an integer of {len(text)} digits, {MAX_DIGITS} are allowed; {_IF_TEXT}")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"too large for a number, the largest is about 1.8e+308; {_IF_TEXT}")
    return value


def _joined(text: str) -> str:
    """Quoted text with escaped surrogate pairs, as JSON writes them, made whole."""
    if "\0" in text:
        raise ValueError("text must not contain a NUL character; leave the escape out")
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("half of a surrogate pair is no character; complete the escape") from None


def _place(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


class _Builder:
    """Builds the value of one text from its events; notes small mistakes and reads on.

    A path is as long as its value is deep, so bounding it bounds the recursion.
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
        self.positions[()] = _place(event.start_mark)
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
            self.complain(event, path, _NO_TAGS)
        if event.anchor in self.anchors or event.anchor in self.unfinished:
            self.complain(event, path, f"the anchor &{event.anchor:.40} exists already; rename one")

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
            self.positions[item_path] = _place(event.start_mark)
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
            self.positions.setdefault(entry_path, _place(event.start_mark))
            entries[key] = self.node(self.next(), entry_path)
        return entries

    def key(self, event: Any, path: KeyPath) -> str:
        """The name of an entry; for anything but a plain name a complaint and a stand-in."""
        key = self.node(event, (*path, "?"))
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, path, "an alias cannot be a key; write the key itself")
        elif isinstance(event, yaml.CollectionStartEvent):
            self.complain(event, path, "a list or mapping cannot be a key; if it is text, quote it")
        elif not isinstance(key, str):
            shown = event.value or "empty"
            self.complain(event, path, f"a key must be text, this one is {shown}; put it in quotes")
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
        """A copy of its own, so that changing one place of the tree never changes another."""
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
        """Count one more key or value, a scalar if it has a text, and stop at the bounds."""
        self.nodes += 1
        self.characters += len(text or "")
        if text is None and len(path) >= MAX_DEPTH:
            excess = f"nested more than {MAX_DEPTH} deep; flatten it"
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
            self.stop(*self.explained(error))
        except (ValueError, OverflowError):  # PyYAML does not check the range of escapes
            self.stop(end_place(self.text[: self.loader.index]), _NO_CHARACTER)

    def explained(self, error: yaml.MarkedYAMLError) -> tuple[Place, str]:
        end = error.problem_mark or self.loader.get_mark()
        start = error.context_mark or end
        char = self.text[end.index : end.index + 1]
        if char == "\t":
            return _place(end), "a tab; use spaces, not tabs"
        before = self.text[end.index - end.column : end.index].strip()
        complaint = f"{error.context}: {error.problem}{' inside a line' if before else ''}"
        for words, at_start, message in _SYNTAX:
            if re.search(words, complaint):
                text = message.format(start=start.line + 1, char=repr(char))
                return _place(start if at_start else end), text
        return _place(end), f"not YAML ({error.problem}); check the quotes and brackets"

    def complain(self, event: yaml.Event, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(_place(event.start_mark), path, text))

    def refuse(self, event: yaml.Event, text: str) -> NoReturn:
        self.stop(_place(event.start_mark), text)

    def stop(self, place: Place, text: str) -> NoReturn:
        raise GuardError([*self.problems, Problem(place, (), text)])
