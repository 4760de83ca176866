"""What differs between trees of settings, by the path of each key."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cnntrain.config.document import KeyPath
from cnntrain.config.overrides import dotted
from cnntrain.text import literal

ABSENT = object()


class Difference(NamedTuple):
    """The values found at one place, as JSON, one for each tree; None where a tree has nothing."""

    path: KeyPath
    values: tuple[str | None, ...]

    def __str__(self) -> str:
        return f"{dotted(self.path)}: " + " -> ".join(value or "absent" for value in self.values)


def differences(*trees: Any, path: KeyPath = ()) -> Iterator[Difference]:
    """Every place where the trees differ, as deep as all of them have it."""
    if all(isinstance(tree, dict) for tree in trees):
        for key in dict.fromkeys(key for tree in trees for key in tree):
            yield from differences(*(tree.get(key, ABSENT) for tree in trees), path=(*path, key))
    elif all(isinstance(tree, list) for tree in trees) and len({len(tree) for tree in trees}) == 1:
        for k, below in enumerate(zip(*trees, strict=True)):
            yield from differences(*below, path=(*path, k))
    elif len({_shown(tree) for tree in trees}) > 1:
        yield Difference(path, tuple(map(_shown, trees)))


def _shown(value: Any) -> str | None:
    return None if value is ABSENT else literal(value)
