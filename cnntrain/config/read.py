"""From a document to a plan: every problem of the config in one report."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cnntrain.config.document import Document, KeyPath, parse_value, read_document
from cnntrain.config.plan import SECTIONS, Data, Plan
from cnntrain.data import Source
from cnntrain.errors import ConfigError, ShapeError
from cnntrain.init import Initializer
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.optimizers import Optimizer
from cnntrain.registry import Registered, did_you_mean, to_tree
from cnntrain.schedules import Schedule

FAMILIES: tuple[type[Registered], ...] = (Source, Layer, Loss, Optimizer, Schedule, Initializer)
Problem = tuple[KeyPath, str]


@dataclass(frozen=True)
class Config:
    """A plan with the place of each of its words, for errors that show later."""

    plan: Plan
    document: Document
    overrides: Mapping[KeyPath, str] = field(default_factory=dict)

    def located(self, error: ShapeError) -> ConfigError:
        """A shape error with the line and column of the layer it is about."""
        return _report(self.document, [(error.path, str(error))], self.overrides)


def read_config(path: Path, settings: Sequence[str] = (), seed: int | None = None) -> Config:
    """Read a config file, with ``--set`` overrides such as ``train.epochs=3``."""
    document = read_document(path)
    tree: Any = copy.deepcopy(document.tree)
    if seed is not None:
        settings = [*settings, f"seed={seed}"]
    overrides = {_override(tree, setting): setting for setting in settings}
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
        return None, _merged(_problem(details, tree) for details in error.errors())


def _frozen(tree: Any) -> Any:
    """The tree with tuples for lists, which is what frozen dataclasses hold."""
    if isinstance(tree, Mapping):
        return {key: _frozen(value) for key, value in tree.items()}
    return tuple(_frozen(item) for item in tree) if isinstance(tree, list | tuple) else tree


def _override(tree: dict[str, Any], setting: str) -> KeyPath:
    """Put one ``key.path=value`` into the tree; returns its path."""
    dotted, equals, text = setting.partition("=")
    if not equals or not dotted:
        raise ConfigError(f"--set {setting}: write it as key=value, such as train.epochs=3")
    path: KeyPath = tuple(int(key) if key.isdigit() else key for key in dotted.split("."))
    place: Any = tree
    for depth, key in enumerate(path[:-1]):
        if isinstance(place, dict) and isinstance(key, str):
            place = place.setdefault(key, {})
        elif _contains(place, (key,)):
            place = place[key]
        else:
            raise ConfigError(f"--set {setting}: {_dotted(path[: depth + 1])} is not in the config")
    last: Any = path[-1]
    if not isinstance(place, dict) and not _contains(place, (last,)):
        raise ConfigError(f"--set {setting}: {_dotted(path)} is not in the config")
    place[last] = parse_value(text, f"--set {dotted}")
    return path


def _dotted(path: KeyPath) -> str:
    return ".".join(str(key) for key in path)


def _default_name(path: Path) -> str:
    letters = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
    return letters.lstrip(".-")[:100] or "run"


def _report(
    document: Document, problems: Iterable[Problem], overrides: Mapping[KeyPath, str]
) -> ConfigError:
    """One error for all problems; those of an override name it instead of a line."""
    in_file, in_settings = [], []
    for path, message in problems:
        setting = next((s for o, s in overrides.items() if path[: len(o)] == o), None)
        if setting is None:
            in_file.append((path, message))
        else:
            in_settings.append(f"--set {setting}: {message}")
    lines = in_settings + ([str(document.error(in_file))] if in_file else [])
    return ConfigError("\n".join(lines))


def _merged(problems: Iterable[Problem]) -> list[Problem]:
    """One problem per place: the branches of a choice are joined by "or"."""
    joined: dict[KeyPath, list[str]] = {}
    for path, message in problems:
        found = joined.setdefault(path, [])
        if message not in found:
            found.append(message)
    return [(path, _either(messages)) for path, messages in joined.items()]


def _either(messages: list[str]) -> str:
    rules = [m.removeprefix("must be ").partition(", not ") for m in messages]
    if len(messages) > 1 and all(m.startswith("must be ") for m in messages):
        return f"must be {' or '.join(rule for rule, _, _ in rules)}, not {rules[0][2]}"
    return "; ".join(messages)


def _problem(details: ErrorDetails, tree: Any) -> Problem:
    loc, kind, value = details["loc"], details["type"], details["input"]
    path = _source_path(loc, tree)
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return path, _unknown(loc, path)
    if kind == "missing" and isinstance(loc[-1], str):
        return path, f"{loc[-1]!r} is missing"
    if kind in ("missing", "too_long", "too_short"):
        return path, f"must be a list of another length, not {_shown(_value_at(tree, path))}"
    if kind == "value_error":
        return path, details["msg"].removeprefix("Value error, ")
    if value is None:
        return path, "is empty; give it a value or remove the key"
    return path, f"{_plain(details['msg'])}, not {_shown(value)}"


PLAIN = {
    "Input should be a valid integer": "must be an integer",
    "Input should be a valid number": "must be a number",
    "Input should be a valid boolean": "must be true or false",
    "Input should be a valid string": "must be a string",
    "Input should be a valid tuple": "must be a list",
    "Input should be a valid dictionary": "must be a mapping",
}


def _plain(message: str) -> str:
    if message.startswith("Input should be a dictionary or an instance of"):
        return "must be a mapping of options"
    return PLAIN.get(message, message.replace("Input should be", "must be"))


def _shown(value: Any) -> str:
    text = repr(_thawed(value))
    return text if len(text) <= 40 else f"{text[:37]}..."


def _thawed(value: Any) -> Any:
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def _unknown(loc: KeyPath, path: KeyPath) -> str:
    """Why a key is not known where it stands, and where it may be meant."""
    key = str(loc[-1])
    family = _family_at(loc[:-1])
    if family is not None:
        return f"unknown {family.family} {key!r}{did_you_mean(key, family.kinds)}"
    hint = did_you_mean(key, _options_at(loc[:-1]))
    homes = [home for home in _homes_of(key) if home != _dotted(path[:-1])]
    if homes and "did you mean" not in hint:
        return f"unknown key here; it belongs under {' or '.join(homes)}"
    return f"unknown key{hint}"


def _homes_of(key: str) -> list[str]:
    """Sections of the config in which ``key`` is at home."""
    members: dict[str, type[Registered]] = {"optimizer": Optimizer, "schedule": Schedule}
    specs = {section or "the top level": [spec] for section, spec in SECTIONS.items()}
    specs |= {section: list(family.kinds.values()) for section, family in members.items()}
    return [section for section, found in specs.items() if any(key in _names(s) for s in found)]


def _names(spec: type[Any]) -> set[str]:
    return {field.name for field in fields(spec)}


def _options_at(place: KeyPath) -> set[str]:
    """The keys that may stand at ``place``, a location in pydantic's terms."""
    section = SECTIONS.get(_dotted(place))
    family = _family_at(place[:-1])
    spec = section or (family and family.kinds.get(str(place[-1])))
    if not spec:
        return set()
    names = _names(spec)
    beside = {Source: Data.own_keys(), Layer: {"activation"}}
    return names | (beside.get(family, set()) if family else set())


CHOICES: dict[str, type[Registered]] = {
    "source": Source,
    "layer": Layer,
    "activation": Layer,
    "loss": Loss,
    "optimizer": Optimizer,
    "schedule": Schedule,
}


def _family_at(place: KeyPath) -> type[Registered] | None:
    """The family of which a member is chosen at ``place``, if one is."""
    if len(place) >= 2 and place[-2] == "init":
        return Initializer
    return CHOICES.get(str(place[-1])) if place else None


def _source_path(loc: KeyPath, tree: Any) -> KeyPath:
    """Pydantic's location as a path of the document: undo what the specs' ``expand`` rewrote."""
    path = list(loc)
    if path[:2] == ["data", "source"] and len(path) > 3:
        path[1:3] = []
    if path[:1] == ["network"] and path[2:3] == ["layer"]:
        path[2:3] = []
    if path[:1] == ["network"] and path[2:3] == ["activation"]:
        path[2:2] = _kind_with_activation(tree["network"][path[1]])
    if path[4:5] == ["W"] and path[3] == "init" and not _contains(tree, path[:5]):
        path[4:5] = []
    while not _contains(tree, path):
        path.pop()
    return tuple(path)


def _kind_with_activation(item: dict[str, Any]) -> list[str]:
    return [k for k, inner in item.items() if isinstance(inner, dict) and "activation" in inner][:1]


def _value_at(tree: Any, path: KeyPath) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _contains(tree: Any, path: Sequence[str | int]) -> bool:
    for key in path:
        known = tree if isinstance(tree, Mapping) else range(len(tree)) if _is_list(tree) else ()
        if key not in known:
            return False
        tree = tree[key]
    return True


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list | tuple)
