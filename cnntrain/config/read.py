"""From a document to a plan: every problem of the config in one report."""

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.document import Document, KeyPath, parse_value, read_document
from cnntrain.config.mistakes import Problem, dotted, problems_of
from cnntrain.config.plan import Plan
from cnntrain.errors import ConfigError
from cnntrain.registry import to_tree


@dataclass(frozen=True)
class Config:
    """A plan with the place of each of its words, for errors that show later."""

    plan: Plan
    document: Document
    overrides: Mapping[KeyPath, str] = field(default_factory=dict)

    def located(self, error: ConfigError) -> ConfigError:
        """An error that showed after reading, with the line and column of what it is about."""
        return _report(self.document, [(error.path, str(error))], self.overrides)


def read_config(path: Path, settings: Sequence[str] = (), seed: int | None = None) -> Config:
    """Read a config file, with ``--set`` overrides such as ``train.epochs=3``."""
    document = read_document(path)
    tree: Any = copy.deepcopy(document.tree)
    overrides = {_override(tree, setting): f"--set {setting}" for setting in settings}
    if seed is not None:
        overrides[_override(tree, f"seed={seed}")] = f"--seed {seed}"
    tree.setdefault("name", _default_name(path))
    plan, problems = _validated(tree)
    if plan is None:
        raise _report(document, problems, overrides)
    return Config(plan, document, overrides)


def plan_from_tree(tree: object) -> Plan:
    """The plan of a resolved config, as a checkpoint carries it."""
    plan, problems = _validated(tree)
    if plan is None:
        raise ConfigError("; ".join(message for _, message in problems))
    return plan


class _QuotingDumper(yaml.SafeDumper):
    """Quotes every text that a reader of YAML 1.2 would take for something else, such as 1e-3."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text.replace("_", "").replace("-", "").isalpha()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_QuotingDumper.add_representer(str, _quoted)


def dump_plan(plan: Plan) -> str:
    """The resolved config as YAML text that ``read_config`` reads back to the same plan."""
    return yaml.dump(plan_to_tree(plan), Dumper=_QuotingDumper, sort_keys=False, allow_unicode=True)


def plan_to_tree(plan: Plan) -> dict[str, Any]:
    """The resolved config, defaults filled in; ``plan_from_tree`` gives the plan back."""
    tree: dict[str, Any] = to_tree(plan)
    return tree


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def _validated(tree: object) -> tuple[Plan | None, list[Problem]]:
    try:
        return _adapter().validate_python(_frozen(tree)), []
    except ValidationError as error:
        return None, problems_of(error, tree)


def _frozen(tree: Any) -> Any:
    """The tree with tuples for lists, which is what frozen dataclasses hold."""
    if isinstance(tree, Mapping):
        return {key: _frozen(value) for key, value in tree.items()}
    return tuple(_frozen(item) for item in tree) if isinstance(tree, list | tuple) else tree


def _override(tree: dict[str, Any], setting: str) -> KeyPath:
    """Put one ``key.path=value`` into the tree; returns its path."""
    words, equals, text = setting.partition("=")
    if not equals or not words:
        raise ConfigError(f"--set {setting}: write it as key=value, such as train.epochs=3")
    names = words.split(".")
    place: Any = tree
    path: KeyPath = ()
    for name, following in itertools.pairwise(names):
        key = _key(place, name)
        path = (*path, key)
        place = _below(place, key, following)
        if place is None:
            raise ConfigError(f"--set {setting}: {dotted(path)} is not in the config")
    key = _key(place, names[-1])
    if not isinstance(place, dict) and not _has_item(place, key):
        raise ConfigError(f"--set {setting}: {dotted((*path, key))} is not in the config")
    place[key] = parse_value(text, f"--set {words}")
    return (*path, key)


def _below(place: Any, key: str | int, following: str) -> Any:
    """What stands at ``key``, or None; made a mapping if it is missing or a bare kind."""
    if isinstance(place, dict):
        place.setdefault(key, {})
    elif not _has_item(place, key):
        return None
    if place[key] == following:
        place[key] = {following: {}}
    return place[key]


def _key(place: Any, word: str) -> str | int:
    return int(word) if isinstance(place, list) and word.isdecimal() else word


def _has_item(place: Any, key: str | int) -> bool:
    return isinstance(place, list) and isinstance(key, int) and key < len(place)


def _default_name(path: Path) -> str:
    letters = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
    return letters.lstrip(".-")[:100] or "run"


def _report(
    document: Document, problems: Iterable[Problem], overrides: Mapping[KeyPath, str]
) -> ConfigError:
    """One error for all problems; those of an override name it instead of a line."""
    in_file, in_settings = [], []
    for path, message in problems:
        option = _option_of(path, document, overrides)
        if option is None:
            in_file.append((path, message))
        else:
            in_settings.append(f"{option}: {message}")
    lines = in_settings + ([str(document.error(in_file))] if in_file else [])
    return ConfigError("\n".join(lines))


def _option_of(path: KeyPath, document: Document, overrides: Mapping[KeyPath, str]) -> str | None:
    """The option that put ``path``, or what stands around it, into the tree."""
    for place, option in overrides.items():
        made_on_the_way = path == place[: len(path)] and path not in document.positions
        if path[: len(place)] == place or made_on_the_way:
            return option
    return None
