"""``--set key.path=value``: overriding one value in the tree of a config."""

import itertools
from typing import Any

from cnntrain.config.document import KeyPath, parse_value
from cnntrain.errors import ConfigError


def override(tree: dict[str, Any], setting: str) -> KeyPath:
    """Apply one ``key.path=value`` to the tree and return its path."""
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


def dotted(path: KeyPath) -> str:
    """A path in the notation of ``--set``."""
    return ".".join(str(key) for key in path)


def _below(place: Any, key: str | int, following: str) -> Any:
    """The value at ``key``, or None; a missing key or a bare kind becomes a mapping."""
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
