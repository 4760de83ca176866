"""Pydantic's errors about a config -> the path in the document and how to correct it."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cnntrain.config.compose import Problem
from cnntrain.config.document import KeyPath
from cnntrain.config.habits import key_here, kind_here
from cnntrain.config.overrides import dotted
from cnntrain.config.plan import SECTIONS, Data
from cnntrain.data import Source
from cnntrain.data.augment import Augmentation
from cnntrain.layers import Layer
from cnntrain.layers.initializers import Initializer
from cnntrain.losses import Loss
from cnntrain.metrics import Metric
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Schedule
from cnntrain.registry import KIND_KEYS, Registered, Spec, did_you_mean


def problems_of(error: ValidationError, tree: Any) -> list[Problem]:
    """Every problem of a config, once, with its path in ``tree``."""
    found = error.errors()
    return _merged(_problem(details, tree) for details in found if not _is_echo(details, found))


def _is_echo(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Whether a list only appears too short because all of its items are invalid."""
    loc, others = details["loc"], (other["loc"] for other in found)
    return details["type"] == "too_short" and any(
        len(other) > len(loc) and other[: len(loc)] == loc for other in others
    )


def _merged(problems: Iterable[Problem]) -> list[Problem]:
    """One problem per path: the alternatives of a choice are joined by "or"."""
    joined: dict[KeyPath, list[str]] = {}
    for path, message in problems:
        found = joined.setdefault(path, [])
        if message not in found:
            found.append(message)
    return [(path, _either(messages)) for path, messages in joined.items()]


def _either(messages: list[str]) -> str:
    if len(messages) == 1 or not all(m.startswith("must be ") for m in messages):
        return "; ".join(messages)
    rules = [m.removeprefix("must be ").partition(", not ") for m in messages]
    different = dict.fromkeys(rule for rule, _, _ in rules)
    return f"must be {' or '.join(different)}, not {rules[0][2]}"


def _problem(details: ErrorDetails, tree: Any) -> Problem:
    loc, kind, value = details["loc"], details["type"], details["input"]
    path = _source_path(loc, tree)
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return path, _split_decimal(tree, path) or _unknown(loc, path)
    if kind == "missing" and isinstance(loc[-1], str):
        return path, f"{loc[-1]!r} is missing"
    if kind == "too_short":
        return path, "must not be empty"
    if kind in ("missing", "too_long"):  # every list of fixed length is a pair
        return path, f"must be a list of two, not {_shown(_value_at(tree, path))}"
    if kind == "value_error":
        return path, details["msg"].removeprefix("Value error, ")
    if value is None:
        return path, "is empty; give it a value or remove the key"
    return path, f"{_plain(details['msg'])}, not {_shown(value)}{_notation(value)}"


def _notation(value: Any) -> str:
    """How a value that was meant otherwise is written."""
    if not isinstance(value, str):
        return ""
    if re.fullmatch(r"[+-]?\d+,\d+", value):
        return f"; write {value.replace(',', '.')}"
    if entry := re.fullmatch(r"([A-Za-z_]\w*):(\S+)", value):
        return f"; a space is missing: write '{entry[1]}: {entry[2]}'"
    return ""


def _split_decimal(tree: Any, path: KeyPath) -> str:
    """What to write if ``{lr: 0,1}`` became two entries."""
    around = _value_at(tree, path[:-1]) if path else None
    entries = list(around.items()) if isinstance(around, Mapping) else []
    for (key, value), (follower, _) in itertools.pairwise(entries):
        if follower == path[-1] and str(follower).isdecimal() and type(value) is int:
            return f"unknown key; write decimals with a point: '{key}: {value}.{follower}'"
    return ""


PLAIN = {
    r"String should match pattern '^\w[\w.-]*$'": "must consist of letters, digits, '_', '-' "
    "and '.', starting with a letter, a digit or '_'",
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
    """Why a key is unknown in its section, and where it may belong."""
    key = str(loc[-1])
    family = _family_at(loc[:-1])
    if family is not None:
        return _unknown_kind(key, family, loc[-2:-1] == ("activation",))
    options = _options_at(loc[:-1])
    if (here := key_here(key)) in options:
        return f"unknown key; did you mean {here!r}?"
    homes = [home for home in _homes_of(key) if home != dotted(path[:-1])]
    if homes:
        places = (f"under {home}" if home else "at the top level" for home in homes)
        return f"unknown key here; it belongs {' or '.join(places)}"
    return f"unknown key{did_you_mean(key, options)}"


def _unknown_kind(key: str, family: type[Registered], at_activation: bool) -> str:
    owners = [kind for kind, spec in family.kinds.items() if key in _names(spec)]
    if owners:
        return f"{key!r} is an option; write it as {owners[0]}: {{{key}: ...}}"
    here = kind_here(key, family, at_activation)
    hint = f"; did you mean {here!r}?" if here else did_you_mean(key, family.kinds)
    return f"unknown {family.family} {key!r}{hint}"


def _homes_of(key: str) -> list[str]:
    """Sections of the config to which ``key`` belongs; "" is the top level."""
    members: dict[str, type[Registered]] = {"optimizer": Optimizer, "schedule": Schedule}
    specs = {section: [spec] for section, spec in SECTIONS.items()}
    specs |= {section: list(family.kinds.values()) for section, family in members.items()}
    return [section for section, found in specs.items() if any(key in _names(s) for s in found)]


def _names(spec: type[Any]) -> set[str]:
    return {field.name for field in fields(spec)}


def _options_at(place: KeyPath) -> set[str]:
    """The keys allowed at ``place``, a location in pydantic's terms."""
    family, spec = _family_at(place[:-1]), _spec_at(place)
    names = _names(spec) if spec else set()
    beside = {Source: Data.own_keys(), Layer: {"activation"}}
    return names | (beside.get(family, set()) if family else set())


def _spec_at(place: KeyPath) -> type[Any] | None:
    """The class whose options are given at ``place``."""
    if dotted(place) in SECTIONS:
        return SECTIONS[dotted(place)]
    name = str(place[-1])
    if family := _family_at(place[:-1]):
        return family.kinds.get(name)
    around = _spec_at(place[:-1])
    hint = get_type_hints(around).get(name) if around else None
    specs = (t for t in (hint, *get_args(hint)) if isinstance(t, type) and issubclass(t, Spec))
    return next(specs, None)


CHOICES: dict[str, type[Registered]] = {
    "source": Source,
    "layer": Layer,
    "activation": Layer,
    "loss": Loss,
    "optimizer": Optimizer,
    "schedule": Schedule,
}


def _family_at(place: KeyPath) -> type[Registered] | None:
    """The family from which a member is chosen at ``place``, if any."""
    if len(place) >= 2 and place[-2] == "init":
        return Initializer
    if len(place) == 2 and place[0] == "metrics":
        return Metric
    if len(place) == 3 and place[:2] == ("data", "augment"):
        return Augmentation
    return CHOICES.get(str(place[-1])) if place else None


def _source_path(loc: KeyPath, tree: Any) -> KeyPath:
    """Pydantic's location as a path in the document, undoing the ``expand`` of the specs."""
    path = list(loc)
    if path[:2] == ["data", "source"] and len(path) > 3:
        path[1:3] = []
    if path[:1] == ["network"] and path[2:3] == ["layer"]:
        path[2:3] = []
    if path[:1] == ["network"] and path[2:3] == ["source"]:
        path[2] = "from"
    if path[:1] == ["loss"]:
        path[2:3] = []  # the term's loss
        path[1:2] = [] if not _is_list(tree.get("loss")) else path[1:2]
    if path[:1] == ["network"] and path[2:3] == ["activation"]:
        path[2:2] = _kind_with_activation(tree["network"][path[1]])
    if path[4:5] == ["W"] and path[3] == "init" and not _contains(tree, path[:5]):
        path[4:5] = []
    path = _without_kinds(path, tree)
    while not _contains(tree, path):
        path.pop()
    return tuple(path)


def _without_kinds(path: list[str | int], tree: Any) -> list[str | int]:
    """The path without the kinds that the document names as ``{name: adam, lr: 0.1}``."""
    kept: list[str | int] = []
    for key in path:
        around = _value_at(tree, kept) if _contains(tree, kept) else None
        named = isinstance(around, Mapping) and key not in around and {*KIND_KEYS} & {*around}
        kept += [] if named else [key]
    return kept


def _kind_with_activation(item: dict[str, Any]) -> list[str]:
    return [k for k, inner in item.items() if isinstance(inner, dict) and "activation" in inner][:1]


def _value_at(tree: Any, path: Sequence[str | int]) -> Any:
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
