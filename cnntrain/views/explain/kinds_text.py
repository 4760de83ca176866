"""Kinds as text: one in detail, or a list of all."""

import textwrap
from collections.abc import Iterable, Iterator

from cnntrain.text import columns, literal, padded, table, wrapped
from cnntrain.views.explain.kinds import REQUIRED, Code, Kind, Option, describe, families
from cnntrain.views.languages import described, say

WIDTH = 96


def list_text(chosen: Iterable[str] | None = None) -> str:
    """All kinds by family, or those of the chosen families, with one line each."""
    names = families() if chosen is None else chosen
    return "\n".join(line for family in names for line in (*_family(family), "")).rstrip()


def _family(name: str) -> Iterator[str]:
    members = families()[name].kinds
    width = max(map(len, members))
    yield f"{say(f'family.{name}')}:"
    for kind in sorted(members):
        line = describe(members[kind]).line.replace("``", "")
        package = members[kind].__module__.partition(".")[0]
        line = line if package == "cnntrain" else f"({package}) {line}"
        yield f"  {kind:<{width}}  {textwrap.shorten(line, WIDTH - width - 4, placeholder=' ...')}"


def kind_text(found: Kind) -> str:
    """Everything about one kind."""
    text = found.text.replace("``", "").splitlines()
    parts = [f"{say(f'family.{found.family}')} {found.kind}"]
    parts.append("\n".join(wrapped(line, WIDTH) for line in text))
    if found.formulas:
        labels = {_label(name): formula for name, formula in found.formulas.items()}
        width = max(map(columns, labels))
        parts.append("\n".join(f"{padded(k, width)}  {f}" for k, f in labels.items()))
    if found.options:
        parts.append(_options(found))
    if found.snippet:
        parts.append(found.snippet)
    parts.append("\n".join(map(_code, found.code)))
    return "\n\n".join(parts)


def _label(name: str) -> str:
    """``forward``, ``backward, W`` or ``step 2`` in words; the name of another form as it is."""
    word, comma, letter = name.partition(", ")
    if word in ("forward", "backward"):
        return f"{say(f'explain.{word}')}{comma}{letter}"
    return say("explain.step", count=name[5:]) if name.startswith("step ") else name


def _options(found: Kind) -> str:
    options = found.options
    rows = [[o.name, o.type, _default(o)] for o in sorted(options, key=_required_first)]
    shared = [
        wrapped(described(f"option {found.family} {o.name}", o.text).replace("``", ""), WIDTH, "  ")
        for o in options
        if o.inherited
    ]
    head = [say(f"explain.{word}") for word in ("option", "type", "default")]
    text = table([head, *rows], left=3)
    return "\n".join([text, *(["", *shared] if shared else [])])


def _required_first(option: Option) -> bool:
    return option.default != REQUIRED


def _default(option: Option) -> str:
    if option.default == REQUIRED:
        return say("explain.required")
    if isinstance(option.default, str):
        return option.default
    if option.default in ({}, []):
        return "-"
    return literal(option.default)


def _code(code: Code) -> str:
    return f"{code.file}:{code.line}  {code.function}"
