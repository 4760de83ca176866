"""``--set lr=0.1``: a key by its last word, where the config leaves no doubt what is meant."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from cnntrain.config.plan import SECTIONS
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Schedule
from cnntrain.registry import KIND_KEYS, Registered

CHOICES: dict[str, type[Registered]] = {"optimizer": Optimizer, "schedule": Schedule}
USUAL = {"optimizer": "sgd", "schedule": "constant"}  # where the config names none


def with_full_key(tree: Mapping[str, Any], setting: str) -> str:
    """``lr=0.1`` as ``optimizer.sgd.lr=0.1``, if the optimizer of the config is SGD.

    A word that is a key at the top level, that several sections have, or that none has, stays.
    """
    word, equals, value = setting.partition("=")
    if "." in word or word in tree or word in _names(SECTIONS[""]):
        return setting
    homes = [*_sections_with(word), *_kinds_with(tree, word)]
    return f"{homes[0]}.{word}{equals}{value}" if len(homes) == 1 else setting


def _sections_with(word: str) -> Iterator[str]:
    for section, spec in SECTIONS.items():
        if section and word in _names(spec):
            yield section


def _kinds_with(tree: Mapping[str, Any], word: str) -> Iterator[str]:
    """Optimizer and schedule of this config, if they have such an option."""
    for section, family in CHOICES.items():
        given = tree.get(section, USUAL[section])
        if isinstance(given, Mapping) and given.keys() & set(KIND_KEYS):
            name, place = next(given[key] for key in KIND_KEYS if key in given), section
        else:
            name = next(iter(given), "") if isinstance(given, Mapping) else given
            place = f"{section}.{name}"
        kind = family.kinds.get(family.spelled(str(name)))
        if kind is not None and word in _names(kind):
            yield place


def _names(spec: type[Any]) -> set[str]:
    return {field.name for field in fields(spec)}
