"""The JSON Schema (draft 7) of a config, with which editors complete, check and explain it.

It follows from the fields and docstrings of the plan and of all registered kinds. What a config may
leave to composition (``extends``, ``vars``, ``repeat``) is allowed; what depends on the data or on
other layers is for cnntrain itself to check.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from cnntrain.config.plan import SECTIONS, Data, Plan
from cnntrain.data import Source
from cnntrain.layers import Layer
from cnntrain.network.graph import Item
from cnntrain.network.objective import LossTerm
from cnntrain.registry import Registered, Spec
from cnntrain.views.explain.kinds import REQUIRED, Option, describe, families, options_of

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
VARIABLE: Schema = {"$ref": "#/definitions/variable"}
OPTIONAL_KINDS = ("initializer",)  # which may be written as numbers
NUMBERS: Schema = {"type": ["number", "array"], "description": "the values themselves"}
COMPOSED: Schema = {
    "extends": {"type": "string", "description": "a config whose keys this one overrides"},
    "vars": {"type": "object", "description": "values that ${name} stands for"},
}


def config_schema() -> Schema:
    """The schema of a whole config."""
    definitions = {_key(family): _family(base) for family, base in families().items()}
    definitions |= {
        _key(f"{family}.{kind}"): _member(member)
        for family, base in families().items()
        if base is not Source
        for kind, member in base.kinds.items()
    }
    definitions["variable"] = {
        "type": "string", "pattern": r"^\$\{\w+\}$", "description": "a value from 'vars'",
    }  # fmt: skip
    definitions |= {_key(section.__name__): _section(section) for section in SECTIONS.values()}
    definitions |= {"item": _item(), "lossterm": _loss_term(), "data": _data()}
    plan = _section(Plan)
    plan["properties"] = COMPOSED | plan["properties"] | {"loss": _one_or_more(_ref("lossterm"))}
    complete = {"required": [name for name in plan.pop("required") if name != "name"]}
    return {
        "$schema": DRAFT,
        "title": "cnntrain config",
        **plan,
        "anyOf": [{"required": ["extends"]}, complete],
        "definitions": {name: definitions[name] for name in sorted(definitions) if name != "plan"},
    }


def _key(name: str) -> str:
    return name.lower().replace(" ", "_")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{_key(name)}"}


def _any_of(*schemas: Schema) -> Schema:
    flat = [part for s in schemas for part in (s["anyOf"] if s.keys() == {"anyOf"} else [s])]
    unique = [part for k, part in enumerate(flat) if part not in flat[:k]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _one_or_more(one: Schema) -> Schema:
    return _any_of(one, {"type": "array", "items": one, "minItems": 1})


# kinds -------------------------------------------------------------------------------------------


def _family(base: type[Registered]) -> Schema:
    """A member of a family: its name alone, or the name with options."""
    described = {kind: describe(base.kinds[kind]) for kind in sorted(base.kinds)}
    plain = [
        {"const": kind, "description": found.line}
        for kind, found in described.items()
        if not any(option.default == REQUIRED for option in found.options)
    ]
    with_options = {
        "type": "object",
        "properties": {kind: _ref(f"{base.family}.{kind}") for kind in described},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    numbers = [NUMBERS] if base.family in OPTIONAL_KINDS else []
    return _any_of(*plain, with_options, *numbers)


def _member(kind: type[Registered]) -> Schema:
    found = describe(kind)
    properties = _properties(kind, found.options)
    if issubclass(kind, Layer):
        properties["activation"] = _ref("layer") | {"description": "the layer that follows"}
        if "init" in properties:
            properties["init"] = _any_of(_ref("initializer"), properties["init"])
    return _object(properties, found.options, found.text)


def _section(section: type[Spec]) -> Schema:
    options = options_of(section)
    return _object(_properties(section, options), options, (section.__doc__ or "").split("\n")[0])


def _object(properties: Schema, options: Iterable[Option], text: str) -> Schema:
    required = [option.name for option in options if option.default == REQUIRED]
    return {
        "type": "object" if required else ["object", "null"],
        "description": text.replace("``", ""),
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _properties(spec: type[Any], options: Iterable[Option]) -> Schema:
    hints = get_type_hints(spec, include_extras=True)
    return {option.name: _option(hints[option.name], option) for option in options}


def _option(hint: Any, option: Option) -> Schema:
    about = {"description": option.text.replace("``", "")} if option.text else {}
    default = {} if option.default in (REQUIRED, None) else {"default": option.default}
    found = _of_type(hint)
    return {**({"allOf": [found]} if "$ref" in found else found), **about, **default}


# places with short forms -------------------------------------------------------------------------


def _item() -> Schema:
    """An entry of ``network``: a layer, its name and what it reads; or a repetition."""
    layers = _family(Layer)["anyOf"]
    *plain, with_options = layers
    properties = with_options["properties"] | {
        "name": {"type": "string", "description": "by which other items refer to its output"},
        "from": _one_or_more({"type": "string"}) | {"description": "the items that it reads"},
        "repeat": {
            "type": "object",
            "description": "the same layers several times; ${i} counts from 1",
            "properties": {
                "times": _any_of({"type": "integer", "minimum": 1}, VARIABLE),
                "layers": {"type": "array", "items": _ref("item"), "minItems": 1},
            },
            "required": ["times", "layers"],
            "additionalProperties": False,
        },
    }
    rest = {key: value for key, value in with_options.items() if key != "maxProperties"}
    return _any_of(*plain, {**rest, "properties": properties, "maxProperties": 3})


def _loss_term() -> Schema:
    *plain, with_options = _family(families()["loss"])["anyOf"]
    beside = _properties(LossTerm, [o for o in options_of(LossTerm) if o.name != "loss"])
    properties = with_options["properties"] | beside
    return _any_of(*plain, {**with_options, "properties": properties, "maxProperties": 3})


def _data() -> Schema:
    """The source by name, with its options beside the keys of every source."""
    own = _properties(Data, [option for option in options_of(Data) if option.name != "source"])
    names = [{"const": k, "description": describe(Source.kinds[k]).line} for k in Source.kinds]
    return {
        "type": "object",
        "description": (Data.__doc__ or "").split("\n")[0].replace("``", ""),
        "properties": {"source": {"anyOf": names}},
        "allOf": [
            {
                "if": {"properties": {"source": {"const": kind}}, "required": ["source"]},
                "then": _with_source(member, own),
            }
            for kind, member in Source.kinds.items()
        ],
    }


def _with_source(member: type[Registered], own: Schema) -> Schema:
    found = _member(member)
    targets = found["properties"].get("targets", {"const": "standardize"})
    short = _any_of({"const": "standardize", "description": "normalize_targets"}, targets)
    properties = {"source": True, **own, **found["properties"], "targets": short}
    return {**found, "type": "object", "properties": properties}


# types -------------------------------------------------------------------------------------------


def _of_type(hint: Any) -> Schema:
    """The schema of a type; pydantic knows those that hold no kinds of ours."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Spec):
        is_section = hint in SECTIONS.values() or issubclass(hint, Item | LossTerm)
        return _ref(hint.family) if issubclass(hint, Registered) else (
            _ref(hint.__name__) if is_section else _section(hint)
        )  # fmt: skip
    if not _holds_spec(hint):
        return _any_of(_plain(hint), VARIABLE) if _has_numbers(hint) else _plain(hint)
    if origin is Annotated:  # a list that must not be empty is all that there is
        return {**_of_type(parts[0]), "minItems": 1}
    if origin in (Union, UnionType):
        return _any_of(*map(_of_type, parts))
    if origin is tuple:
        return {"type": "array", "items": _of_type(parts[0])}
    return {"type": "object", "additionalProperties": _of_type(parts[1])}


@cache
def _plain(hint: Any) -> Schema:
    found = _as_draft_7(TypeAdapter(hint).json_schema())
    assert isinstance(found, dict)
    return found


def _as_draft_7(schema: Any) -> Any:
    """Lists of fixed length as that draft writes them."""
    if isinstance(schema, list):
        return [_as_draft_7(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    renamed = {("items" if key == "prefixItems" else key): value for key, value in schema.items()}
    return {key: _as_draft_7(value) for key, value in renamed.items()}


def _holds_spec(hint: Any) -> bool:
    if isinstance(hint, type) and not get_args(hint):
        return issubclass(hint, Spec)
    return any(_holds_spec(part) for part in get_args(hint))


def _has_numbers(hint: Any) -> bool:
    """Whether a variable may stand in the place of this value."""
    return hint in (int, float, bool) or any(_has_numbers(part) for part in get_args(hint))
