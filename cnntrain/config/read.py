"""From a document to a plan: every problem of the config in one report."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cnntrain.config.compose import Composition, Problem, compose
from cnntrain.config.document import KeyPath
from cnntrain.config.overrides import dotted
from cnntrain.config.plan import Plan
from cnntrain.config.validation_errors import problems_of
from cnntrain.errors import ConfigError, ConfigErrors, DataError, MissingFile
from cnntrain.plugins import load_plugins
from cnntrain.registry import to_tree


@dataclass(frozen=True)
class Config:
    """A plan with the positions of its keys, for errors that are found later."""

    plan: Plan
    source: Composition

    def located(self, error: ConfigError) -> ConfigError:
        """An error found after reading, with the line and column of its cause."""
        errors = error.errors if isinstance(error, ConfigErrors) else (error,)
        return self.source.error([(each.path, str(each)) for each in errors])

    @contextmanager
    def places(self) -> Iterator[None]:
        """Add the line and column of their cause to errors raised inside."""
        try:
            yield
        except ConfigError as error:
            raise self.located(error) from None
        except MissingFile as error:
            place = _path_of(error.name, self.source.tree["data"], ("data",))
            raise DataError(str(self.source.error([(place, str(error))]))) from None


def read_config(path: Path, settings: Sequence[str] = (), seed: int | None = None) -> Config:
    """Read a config file, with ``--set`` overrides such as ``train.epochs=3``."""
    source = compose(path, settings, seed)
    source.tree.setdefault("name", default_name(path))
    plan, problems = _validated(source.tree)
    if plan is None:
        raise source.error(problems)
    return Config(plan, source)


def _path_of(value: str, tree: Any, path: KeyPath) -> KeyPath:
    """The path of a text in the tree; ``path`` if it does not occur."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, found in entries:
        below = (*path, key)
        if found == value:
            return below
        if isinstance(found, dict | list):
            inside = _path_of(value, found, below)
            if inside != below:
                return inside
    return path


def plan_from_tree(tree: object) -> Plan:
    """The plan of a resolved config, as stored in a checkpoint."""
    plan, problems = _validated(tree)
    if plan is None:
        raise ConfigError("; ".join(_placed(path, message) for path, message in problems))
    return plan


def _placed(path: KeyPath, message: str) -> str:
    return f"{dotted(path)}: {message}" if path else message


PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")  # texts that need no quotes


class _QuotingDumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.2 would read as another type, such as 1e-3."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN.fullmatch(text) and text.lower() not in ("null", "true", "false")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_QuotingDumper.add_representer(str, _quoted)


def dump_plan(plan: Plan) -> str:
    """The resolved config as YAML text, from which ``read_config`` gives the same plan."""
    return yaml.dump(plan_to_tree(plan), Dumper=_QuotingDumper, sort_keys=False, allow_unicode=True)


def inline(value: Any) -> str:
    """A value as YAML text on one line."""
    options: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "width": 10_000}
    text: str = yaml.dump(value, Dumper=_QuotingDumper, allow_unicode=True, **options)
    return text.removesuffix("...\n").strip()


def plan_to_tree(plan: Plan) -> dict[str, Any]:
    """The resolved config with all defaults; ``plan_from_tree`` turns it back into the plan."""
    tree: dict[str, Any] = to_tree(plan)
    return tree


@cache
def _adapter() -> TypeAdapter[Plan]:
    load_plugins()
    return TypeAdapter(Plan)


def _validated(tree: object) -> tuple[Plan | None, list[Problem]]:
    try:
        return _adapter().validate_python(frozen(tree)), []
    except ValidationError as error:
        return None, problems_of(error, tree)


def frozen(tree: Any) -> Any:
    """The tree with tuples instead of lists, as required by frozen dataclasses."""
    if isinstance(tree, Mapping):
        return {key: frozen(value) for key, value in tree.items()}
    return tuple(frozen(item) for item in tree) if isinstance(tree, list | tuple) else tree


def default_name(path: Path) -> str:
    """The name of a config that does not give one: that of its file, as far as it is allowed."""
    letters = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
    return letters.lstrip(".-")[:100] or "run"
