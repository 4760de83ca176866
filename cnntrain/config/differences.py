"""Differences between two trees of settings, by the path of each key."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cnntrain.config.document import KeyPath
from cnntrain.config.overrides import dotted

ABSENT = object()


class Difference(NamedTuple):
    """The values at one path of two trees, as JSON; None where the path does not exist."""

    path: KeyPath
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.old or 'not there'} -> {self.new or 'not there'}"


def differences(old: Any, new: Any, path: KeyPath = ()) -> Iterator[Difference]:
    """Every path at which two trees differ, as deep as it exists in both."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for k, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from differences(a, b, (*path, k))
    elif _shown(old) != _shown(new):
        yield Difference(path, _shown(old), _shown(new))


def _shown(value: Any) -> str | None:
    return None if value is ABSENT else json.dumps(value, ensure_ascii=False)
