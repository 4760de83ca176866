"""Kinds by name: ``class Dense(Layer, kind="dense")`` is all it takes to add one.

A *spec* is a frozen dataclass that a config can fill in. A *family* (Layer, Loss, ...) is a class
that derives from ``Registered``; its members are written in YAML as ``{kind: {option: value}}``,
or just ``kind`` if no option is given. Reading and writing follow from the fields alone.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MOST_COMPARED = 1000  # names searched for a similar one
MOST_SHOWN = 50  # names listed in a message,
LONGEST_SHOWN = 100  # and characters shown of each
KIND_KEYS = ("type", "kind", "name")  # of ``{type: dense, units: 3}``, as other tools write it


class Spec:
    """Base of frozen dataclasses that pydantic checks strictly: no unknown key, no coercion."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
        "title": "",
    }

    @classmethod
    def expand(cls, options: Any) -> Any:
        """Expand a short form of the options into the full one; by default there is none."""
        return options

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``: the shortest form of the options; by default unchanged."""
        return options

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        schema = handler(source)
        dataclass_schema: Any = schema
        while dataclass_schema["type"] != "dataclass":
            dataclass_schema = dataclass_schema["schema"]
        dataclass_schema["strict"] = False  # strict fields, but a mapping is accepted as the object
        return core_schema.no_info_before_validator_function(cls.expand, schema)


class Registered(Spec):
    """Base of families. A direct subclass is a family; a subclass with ``kind=`` joins it."""

    kinds: ClassVar[dict[str, type[Any]]]
    kind: ClassVar[str] = ""
    family: ClassVar[str] = ""
    arithmetic: ClassVar[tuple[str, ...]] = ()  # methods that implement the formulas

    def __init_subclass__(cls, *, kind: str = "", family: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if family:
            cls.kinds, cls.family = {}, family
        cls.kind = kind
        if kind:
            if kind in cls.kinds:
                raise TypeError(f"{cls.family} {kind!r} is registered twice")
            cls.kinds[kind] = cls

    @classmethod
    def expand_choice(cls, value: Any) -> Any:
        """Expand a short form of a member into ``{kind: options}``: a bare kind, or a kind given as
        ``type`` or ``name`` beside its options, as in other tools."""
        if isinstance(value, str):
            return {cls.spelled(value): {}}
        if isinstance(value, Mapping):
            return with_kind_as_key(value, KIND_KEYS, cls)
        return value

    @classmethod
    def spelled(cls, word: str) -> str:
        """The kind, also if written with other capitals, hyphens or without underscores."""
        if word in cls.kinds:
            return word
        return next((kind for kind in cls.kinds if bare(kind) == bare(word)), word)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        if cls.kind:
            return super().__get_pydantic_core_schema__(source, handler)
        members = {
            kind: core_schema.typed_dict_field(handler.generate_schema(member), required=False)
            for kind, member in cls.kinds.items()
        }
        choice = core_schema.typed_dict_schema(members, extra_behavior="forbid")
        return core_schema.no_info_before_validator_function(
            cls.expand_choice,
            core_schema.no_info_after_validator_function(cls._only_member, choice),
        )

    @classmethod
    def _only_member(cls, found: dict[str, Self]) -> Self:
        if len(found) != 1:
            names = ", ".join(found) or "none"
            raise ValueError(f"expected exactly one {cls.family}; found: {names}")
        return next(iter(found.values()))


def with_kind_as_key(
    options: Mapping[str, Any], words: Sequence[str], family: type[Registered]
) -> Mapping[str, Any]:
    """``{type: dense, units: 3}`` as ``{dense: {units: 3}}``; other mappings with kinds as ours."""
    if not options.keys() & family.kinds.keys():
        word = next((word for word in words if isinstance(options.get(word), str)), None)
        if word is not None:
            inner = {key: value for key, value in options.items() if key != word}
            return {family.spelled(options[word]): inner}
    if len(options) == 1:
        return {family.spelled(key): inner for key, inner in options.items()}
    return options


def to_tree(value: Any) -> Any:
    """The plain tree (as loaded from YAML or JSON) from which ``value`` can be read back."""
    if isinstance(value, Registered):
        options = _options(value)
        return {value.kind: options} if options else value.kind
    if isinstance(value, Spec):
        return value.collapse(_options(value))
    if isinstance(value, Mapping):
        return {key: to_tree(item) for key, item in value.items()}
    if isinstance(value, tuple | MutableSequence):
        return [to_tree(item) for item in value]
    return value


def _options(spec: Any) -> dict[str, Any]:
    return {field.name: to_tree(getattr(spec, field.name)) for field in fields(spec)}


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or the list of known names if none is similar."""
    names = sorted(known)
    by_bare = {bare(name): name for name in names[:MOST_COMPARED]}
    near = difflib.get_close_matches(bare(word), by_bare, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {by_bare[near[0]]!r}?"
    return f"; known: {listed(names)}" if names else ""


def listed(names: Sequence[str]) -> str:
    """The names as text for a message, truncated if there are very many."""
    shown = ", ".join(name[:LONGEST_SHOWN] for name in names[:MOST_SHOWN])
    return shown if len(names) <= MOST_SHOWN else f"{shown} and {len(names) - MOST_SHOWN:,} more"


def bare(word: object) -> str:
    """A word without what is most often mistyped: capitals, underscores, hyphens."""
    return str(word).lower().replace("_", "").replace("-", "")


def import_members(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that its classes register themselves."""
    for module in sorted(pkgutil.iter_modules(path), key=lambda found: found.name):
        importlib.import_module(f"{package}.{module.name}")
