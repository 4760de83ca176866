"""Composition of a config: ``extends:``, ``vars:`` with ``${name}``, ``repeat:`` and ``--set``.

The result is one plain tree with the origin of each of its parts, so that a problem found later is
reported where it was written.

    extends: base.yaml                      # another file, relative to this one, which overrides it
    vars: {width: 32}                       # ${width} anywhere; as a whole value it keeps its type
    network:
      - repeat: {times: 3, layers: [...]}   # ${i} is 1, 2, 3 inside
"""

import copy
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cnntrain.config.document import Document, KeyPath, read_document
from cnntrain.config.overrides import override
from cnntrain.config.plan import Plan
from cnntrain.config.short_keys import with_full_key
from cnntrain.environment import program
from cnntrain.errors import ConfigError
from cnntrain.network.graph import MOST_LAYERS
from cnntrain.registry import did_you_mean

Problem = tuple[KeyPath, str]
LONGEST_CHAIN = 10  # files that extend each other
MOST_PARTS = 200_000  # keys and values, after repetition
LONGEST_TEXT = 10_000  # after substitution
ONE_KEY_SECTIONS = {("loss",), ("optimizer",), ("schedule",)}  # another kind replaces the value


@dataclass(frozen=True)
class Origin:
    """The origin of a part of the tree: a path in a file, or a command-line option."""

    document: Document
    path: KeyPath
    option: str | None = None


@dataclass
class Composition:
    """The tree and the origins of its parts; a path uses the origin of its longest known prefix."""

    tree: dict[str, Any]
    origins: dict[KeyPath, Origin]

    def origin(self, path: KeyPath) -> Origin:
        """The origin of the value at ``path``."""
        for end in range(len(path), -1, -1):
            found = self.origins.get(path[:end])
            if found is not None:
                return Origin(found.document, found.path + path[end:], found.option)
        raise KeyError(path)

    def below(self, path: KeyPath) -> dict[KeyPath, Origin]:
        """The origins under ``path``, by their paths relative to it."""
        size = len(path)
        inside = {q[size:]: o for q, o in self.origins.items() if q[:size] == path}
        return {(): self.origin(path), **inside}

    def error(self, problems: Iterable[Problem]) -> ConfigError:
        """One error for all problems, each at its origin."""
        by_document: dict[str, tuple[Document, list[Problem]]] = {}
        options: list[str] = []
        for path, message in problems:
            origin = self.origin(path)
            if origin.option is not None:
                options.append(f"{origin.option}: {message}")
                continue
            document = origin.document
            found = by_document.setdefault(document.name, (document, []))[1]
            found.append((origin.path, message))
        reports = [str(document.error(found)) for document, found in by_document.values()]
        return ConfigError("\n".join(options + reports))


def compose(path: Path, settings: Sequence[str], seed: int | None) -> Composition:
    """Read a config file and those it extends; apply overrides, variables and repetitions."""
    whole = _extended(read_document(path), path, ())
    options = {setting: f"--set {setting}" for setting in settings}
    if seed is not None:
        options[f"seed={seed}"] = f"--seed {seed}"
    for setting, option in options.items():
        known = set(_paths(whole.tree))
        place = override(whole.tree, with_full_key(whole.tree, setting))
        new = next(
            place[:end]
            for end in range(1, len(place) + 1)
            if place[:end] not in known or end == len(place)
        )
        whole.origins[new] = Origin(whole.origins[()].document, (), option)
    notes = _Notes()
    try:
        _substitute(whole, notes)
        _repeat(whole, notes)
    except _TooLarge as error:
        problem = f"the config expands to more than {MOST_PARTS:,} values here; repeat less"
        raise whole.error([(error.args[0], problem)]) from None
    return whole


class _TooLarge(Exception):
    """Variables and repetitions make the config too large at this path."""


@dataclass
class _Notes:
    """Problems and size recorded while variables and repetitions are expanded."""

    problems: list[Problem] = field(default_factory=list)
    parts: int = 0

    def count(self, path: KeyPath, parts: int) -> None:
        """Count ``parts`` more parts of the tree under ``path``."""
        self.parts += parts
        if self.parts > MOST_PARTS:
            raise _TooLarge(path)


def _paths(tree: Any, path: KeyPath = ()) -> Iterable[KeyPath]:
    yield path
    entries = (
        tree.items()
        if isinstance(tree, Mapping)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in entries:
        yield from _paths(value, (*path, key))


def _extended(document: Document, path: Path, chain: tuple[Path, ...]) -> Composition:
    """The config in the file ``path`` merged over the one it extends."""
    tree: Any = copy.deepcopy(document.tree)
    own = Composition(tree, {(): Origin(document, ())})
    base_name = tree.pop("extends", None)
    if base_name is None:
        return own
    here = path.resolve()
    if not isinstance(base_name, str):
        raise own.error([(("extends",), "must be a file name")])
    base_path = path.parent / base_name
    if base_path.resolve() in (*chain, here) or len(chain) >= LONGEST_CHAIN:
        raise own.error([(("extends",), f"{base_name} extends this file in turn; break the cycle")])
    if not base_path.is_file():
        raise own.error([(("extends",), f"{base_path}: no such file")])
    base_document = _base_document(base_path, own)
    base = _extended(base_document, base_path, (*chain, here))
    merged = Composition({}, {(): Origin(document, ())})
    merged.tree = _merge(base, own.tree, (), merged.origins)
    return merged


def _base_document(path: Path, own: Composition) -> Document:
    """The config that ``own`` extends; a file that is none may be secret, so it is not quoted."""
    try:
        document = read_document(path)
    except ConfigError:
        document = None
    if document is None or not _is_config(document.tree):
        see = f"{program()} fit {shlex.quote(str(path))} --print-config"
        raise own.error([(("extends",), f"{path}: not a config; to see why: {see}")])
    return document


def _is_config(tree: Any) -> bool:
    """Whether at least half of the sections are those of a config."""
    known = {"extends", "vars", *(field.name for field in fields(Plan))}
    return 2 * len(known & tree.keys()) >= len(tree)


def _merge(
    base: Composition, over: dict[str, Any], path: KeyPath, origins: dict[KeyPath, Origin]
) -> dict[str, Any]:
    """``over`` merged over the part of ``base`` at ``path``; records what came from the base."""
    under = _at(base.tree, path)
    merged = dict(over)
    for key, value in under.items():
        here = (*path, key)
        if key not in over:
            merged[key] = value
            origins |= {here + rest: origin for rest, origin in base.below(here).items()}
        elif _mix(here, value, over[key]):
            merged[key] = _merge(base, over[key], here, origins)
    return {key: merged[key] for key in (*under, *(k for k in over if k not in under))}


def _mix(path: KeyPath, under: Any, over: Any) -> bool:
    """Whether two values are merged key by key; otherwise ``over`` replaces ``under``."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return False
    if path in ONE_KEY_SECTIONS:
        return under.keys() == over.keys()
    return path != ("data",) or over.get("source", under.get("source")) == under.get("source")


def _at(tree: Any, path: KeyPath) -> Any:
    for key in path:
        tree = tree[key]
    return tree


VARIABLE = re.compile(r"\$\{(\w+)\}")


def _substitute(whole: Composition, notes: _Notes) -> None:
    """Replace ``${name}`` by its value from ``vars``; ``${i}`` waits for its ``repeat``."""
    variables = whole.tree.pop("vars", {})
    if not isinstance(variables, dict):
        raise whole.error([(("vars",), "must be a mapping of names to values")])
    whole.tree = _filled(whole.tree, variables, (), notes)
    if notes.problems:
        raise whole.error(notes.problems)


def _filled(tree: Any, variables: Mapping[str, Any], path: KeyPath, notes: _Notes) -> Any:
    notes.count(path, 1)
    if isinstance(tree, dict):
        return {k: _filled(v, variables, (*path, k), notes) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_filled(v, variables, (*path, k), notes) for k, v in enumerate(tree)]
    if not isinstance(tree, str):
        return tree
    used = VARIABLE.findall(tree)
    for name in used:
        notes.count(path, sum(1 for _ in _paths(variables.get(name))))
    unknown = [n for n in used if n not in variables and n != "i"]
    if unknown:
        hint = did_you_mean(unknown[0], variables)
        notes.problems.append((path, f"no variable {unknown[0]!r} in 'vars'{hint}"))
        return tree
    if len(tree) + sum(_length(variables.get(name)) for name in used) > LONGEST_TEXT and used:
        longest = f"more than {LONGEST_TEXT:,} characters after substitution; shorten it"
        notes.problems.append((path, longest))
        return tree
    return _with_values(tree, variables)


def _length(value: Any) -> int:
    """Length of a variable in a text; a list or mapping must be the whole value."""
    return len(value) if isinstance(value, str) else 0


def _with_values(text: str, variables: Mapping[str, Any]) -> Any:
    """A text with its variables replaced; a variable that is the whole text keeps its type."""
    alone = VARIABLE.fullmatch(text)
    if alone:
        return copy.deepcopy(variables.get(alone[1], text))
    return VARIABLE.sub(lambda found: str(variables.get(found[1], found[0])), text)


def _repeat(whole: Composition, notes: _Notes) -> None:
    """Expand every ``repeat`` of the network."""
    items = whole.tree.get("network")
    if not isinstance(items, list):
        return
    flat: list[tuple[Any, KeyPath]] = []
    for k, item in enumerate(items):
        _write_out(item, ("network", k), {}, flat, notes)
    if notes.problems:
        raise whole.error(notes.problems)
    origins = {q: o for q, o in whole.origins.items() if q[:1] != ("network",)}
    origins[("network",)] = whole.origin(("network",))
    for k, (_, path) in enumerate(flat):
        for rest, origin in whole.below(path).items():
            origins[("network", k, *rest)] = origin
    whole.tree["network"] = [item for item, _ in flat]
    whole.origins = origins


def _write_out(
    item: Any,
    path: KeyPath,
    variables: Mapping[str, Any],
    flat: list[tuple[Any, KeyPath]],
    notes: _Notes,
) -> None:
    """Append an item, or the layers of a ``repeat`` the given number of times."""
    if not (isinstance(item, dict) and "repeat" in item):
        flat.append((_filled(item, variables, path, notes), path))
        return
    block = item["repeat"]
    keys = {"times", "layers"}
    fits = isinstance(block, dict) and block.keys() == keys and len(item) == 1
    times, layers = (block["times"], block["layers"]) if fits else (0, None)
    if type(times) is not int or times < 1 or not (isinstance(layers, list) and layers):
        notes.problems.append((path, "write it as repeat: {times: 3, layers: [...]}"))
        return
    for i in range(1, times + 1):
        for k, layer in enumerate(layers):
            if len(flat) >= MOST_LAYERS:
                if not notes.problems:  # an inner block may have reported it
                    problem = f"more than {MOST_LAYERS:,} layers; repeat less"
                    notes.problems.append((path, problem))
                return
            place = (*path, "repeat", "layers", k)
            _write_out(layer, place, {**variables, "i": i}, flat, notes)
        if notes.problems:
            return  # further repetitions would report the same
