"""Kinds as text: one in detail, or a list of all."""

import textwrap
from collections.abc import Iterable, Iterator

from cnntrain.text import literal, table
from cnntrain.views.explain.kinds import REQUIRED, Code, Kind, Option, describe, families

WIDTH = 96


def list_text(chosen: Iterable[str] | None = None) -> str:
    """All kinds by family, or those of the chosen families, with one line each."""
    names = families() if chosen is None else chosen
    return "\n".join(line for family in names for line in (*_family(family), "")).rstrip()


def _family(name: str) -> Iterator[str]:
    members = families()[name].kinds
    width = max(map(len, members))
    yield f"{name}:"
    for kind in sorted(members):
        line = describe(members[kind]).line.replace("``", "")
        package = members[kind].__module__.partition(".")[0]
        line = line if package == "cnntrain" else f"({package}) {line}"
        yield f"  {kind:<{width}}  {textwrap.shorten(line, WIDTH - width - 4, placeholder=' ...')}"


def kind_text(found: Kind) -> str:
    """Everything about one kind."""
    parts = [f"{found.family} {found.kind}", found.text.replace("``", "")]
    if found.formulas:
        width = max(map(len, found.formulas))
        parts.append("\n".join(f"{k:<{width}}  {f}" for k, f in found.formulas.items()))
    if found.options:
        parts.append(_options(found.options))
    if found.snippet:
        parts.append(found.snippet)
    parts.append("\n".join(map(_code, found.code)))
    return "\n\n".join(parts)


def _options(options: tuple[Option, ...]) -> str:
    rows = [[o.name, o.type, _default(o)] for o in sorted(options, key=_required_first)]
    shared = [
        textwrap.fill(o.text.replace("``", ""), WIDTH, subsequent_indent="  ")
        for o in options
        if o.inherited
    ]
    text = table([["option", "type", "default"], *rows], left=3)
    return "\n".join([text, *(["", *shared] if shared else [])])


def _required_first(option: Option) -> bool:
    return option.default != REQUIRED


def _default(option: Option) -> str:
    if isinstance(option.default, str):
        return option.default
    if option.default in ({}, []):
        return "-"
    return literal(option.default)


def _code(code: Code) -> str:
    return f"{code.file}:{code.line}  {code.function}"
