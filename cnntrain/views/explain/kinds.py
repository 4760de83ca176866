"""Descriptions of kinds from their classes: docstring, fields, formulas, and source location."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from types import FunctionType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

import cnntrain.config.plan  # noqa: F401  # with it, every family is known
from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.native import kernels_of, place_of_kernel
from cnntrain.optimizers import Optimizer
from cnntrain.plugins import load_plugins
from cnntrain.registry import Registered, Spec, did_you_mean, to_tree
from cnntrain.views.explain.snippets import kind_snippet
from cnntrain.views.formula import Formula
from cnntrain.views.languages import described, say

ROOT = Path(__file__).resolve().parents[3]  # the folder of the package
REQUIRED = "required"


@dataclass(frozen=True)
class Option:
    """One option of a kind; ``default`` as written in a config."""

    name: str
    type: str
    default: Any
    text: str
    inherited: bool  # from a class shared by many kinds


@dataclass(frozen=True)
class Code:
    """The location of a function; ``file`` is relative to the folder of the package, if inside."""

    function: str
    file: str
    line: int


@dataclass(frozen=True)
class Kind:
    """The complete description of one member of a family."""

    family: str
    kind: str
    text: str
    formulas: Mapping[str, Formula]
    options: tuple[Option, ...]
    code: tuple[Code, ...]
    snippet: str = ""  # of a config, to paste

    @property
    def line(self) -> str:
        """The first sentence."""
        return first_sentence(self.text)


def families() -> dict[str, type[Registered]]:
    """Every family with its class: layer, loss, optimizer, ..."""
    load_plugins()
    own = (family for family in Registered.__subclasses__() if _is_own(family))
    return {family.family: family for family in own}


def _is_own(family: type[Registered]) -> bool:
    """The families of cnntrain; plug-ins may add members, but their families are not in configs."""
    return family.__module__.partition(".")[0] == "cnntrain"


def find(name: str) -> list[Kind]:
    """The kinds of this name in all families; ``schedule:constant`` in one."""
    prefix, _, kind = name.rpartition(":")
    chosen = families()
    if prefix:
        family = next((f for f in chosen if _is_called(f, prefix)), None)
        if family is None:
            raise ConfigError(f"no family {prefix!r}{did_you_mean(prefix, chosen)}")
        chosen = {family: chosen[family]}
    ordered = (chosen[family] for family in sorted(chosen))  # not as they were imported
    found = [describe(family.kinds[kind]) for family in ordered if kind in family.kinds]
    if not found:
        known = {member for family in chosen.values() for member in family.kinds}
        hint = did_you_mean(kind, known)
        hint = hint if "mean" in hint else "; 'cnntrain explain' lists all kinds"
        raise ConfigError(f"no kind {kind!r}, and no such file{hint}")
    return found


def _is_called(family: str, word: str) -> bool:
    """Whether ``optimiser`` or ``source`` means this family."""
    return word.replace("iser", "izer") in (family, family.rpartition(" ")[2])


def describe(member: type[Registered]) -> Kind:
    """The description of a registered class."""
    return Kind(
        member.family,
        member.kind,
        described(f"{member.family} {member.kind}", inspect.getdoc(member) or ""),
        dict(_formulas(member)),
        options_of(member),
        tuple(_code(member)),
        snippet=kind_snippet(member),
    )


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, on one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<!\bal)(?<!\beq)\.\s(?!\d)|。", paragraph)[0].rstrip(".")


# formulas ----------------------------------------------------------------------------------------


def _formulas(member: type[Registered]) -> Iterator[tuple[str, Formula]]:
    if issubclass(member, Layer):
        yield "forward", Formula(member.formula)
        for letter, formula in member.backward_formulas().items():
            yield f"backward, {letter if letter != 'x' else member.reads}", Formula(formula)
        for name, formula in member.other_forms.items():
            yield name, Formula(formula)
    elif issubclass(member, Loss):
        yield "forward", Formula(member.formula)
        yield "backward", Formula(member.delta_formula)
    elif issubclass(member, Optimizer):
        for k, formula in enumerate(member().rule(), start=1):
            yield f"step {k}", Formula(formula)


# options -----------------------------------------------------------------------------------------


def options_of(spec: type[Spec]) -> tuple[Option, ...]:
    """The options of a kind, or the keys of a section."""
    return tuple(_option(spec, field) for field in fields(spec))  # type: ignore[arg-type]


def _option(member: type[Spec], field: "Field[Any]") -> Option:
    return Option(
        field.name,
        type_in_words(field.type),
        _default(field),
        _clause(member, field.name),
        field.name not in inspect.get_annotations(member),
    )


def _default(field: "Field[Any]") -> Any:
    if field.default is not MISSING:
        return to_tree(field.default)
    return to_tree(field.default_factory()) if field.default_factory is not MISSING else REQUIRED


def _clause(member: type[Spec], name: str) -> str:
    """The clause about an option in the docstring of the class or of its bases."""
    declaring = (c for c in member.__mro__ if name in inspect.get_annotations(c))
    for base in (next(declaring), *member.__mro__):
        text = " ".join((base.__doc__ or "").split())
        place = text.find(f"``{name}``")
        if place < 0 or base is object:
            continue
        stops = [found.start() for found in CLAUSE.finditer(text) if _is_outside(text, found)]
        start = max((at + 1 for at in stops if at < place), default=0)
        clause = text[start : min((at for at in stops if at > place), default=len(text))]
        return clause[max(0, clause.find(f"``{name}``")) :].strip().rstrip(".")
    return ""


CLAUSE = re.compile(r"[.;](?= |$)")


def _is_outside(text: str, found: re.Match[str]) -> bool:
    """Whether a full stop or semicolon is outside brackets."""
    before = text[: found.start()]
    return before.count("(") == before.count(")")


LIMITS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
WORDS = {
    int: "type.whole",
    float: "type.number",
    bool: "type.bool",
    str: "type.text",
    Any: "type.any",
}


def type_in_words(kind: Any) -> str:
    """``whole number ≥ 1, or a list of 2 of them``: the values allowed in a config."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = (f"{LIMITS[type(m)]} {_value(m):g}" for m in parts[1:] if type(m) in LIMITS)
        return " ".join([type_in_words(parts[0]), say("type.and").join(limits)]).strip()
    if origin in (Union, UnionType):
        return say("type.or").join(dict.fromkeys(_alternative(part, parts) for part in parts))
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin is tuple:
        if len(parts) == 2 and parts[1] is ...:
            return say("type.list", inner=type_in_words(parts[0]))
        return f"[{', '.join(map(type_in_words, parts))}]"
    if origin is not None and issubclass(origin, Mapping):
        return say("type.mapping", inner=type_in_words(parts[1]))
    if isinstance(kind, type) and issubclass(kind, Registered):
        return kind.family
    if kind is type(None):
        return "null"
    return say(WORDS[kind]) if kind in WORDS else getattr(kind, "__name__", str(kind))


def _alternative(part: Any, among: tuple[Any, ...]) -> str:
    """``2 of them`` for a tuple of the other allowed type."""
    inner = get_args(part)
    if get_origin(part) is tuple and len(set(inner)) == 1 and inner[0] in among:
        return say("type.so_many", count=len(inner))
    return type_in_words(part)


def _value(limit: Any) -> float:
    """The limit of a ``Ge``, ``Gt``, ``Le`` or ``Lt``, which have a single field."""
    return float(getattr(limit, fields(limit)[0].name))


# code --------------------------------------------------------------------------------------------


def _code(member: type[Registered]) -> Iterator[Code]:
    """The methods of a kind that compute, and the functions of this package that they call."""
    seen = set()
    for name in member.arithmetic:
        method = getattr(member, name)
        for function in (method, *_called(method)):
            if function not in seen:
                seen.add(function)
                yield locate(function)
                yield from compiled_twins(function)


def _called(method: FunctionType) -> Iterator[FunctionType]:
    plain = inspect.unwrap(method)
    for name in plain.__code__.co_names:
        found = plain.__globals__.get(name)
        if isinstance(found, FunctionType) and found.__module__.startswith("cnntrain."):
            yield found


def locate(function: FunctionType) -> Code:
    """Name, file and line of a function of this package, or of a plug-in."""
    plain = inspect.unwrap(function)
    file = Path(plain.__code__.co_filename).resolve()
    file = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file  # else of a plug-in
    lines, first = inspect.getsourcelines(plain)  # with its decorators
    at = next(k for k, line in enumerate(lines) if line.lstrip().startswith("def "))
    return Code(function.__qualname__, file.as_posix(), first + at)


def compiled_twins(function: FunctionType) -> Iterator[Code]:
    """Name, file and line of the compiled kernels that the native engine runs in its place."""
    for kernel in kernels_of(function):
        file, line = place_of_kernel(kernel)
        yield Code(f"{kernel} (compiled)", file.relative_to(ROOT).as_posix(), line)
