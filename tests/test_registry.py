"""Kinds by name: registering, reading, writing, and suggestions for misspelt names."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cnntrain.data import Source
from cnntrain.layers import Layer
from cnntrain.layers.initializers import Initializer
from cnntrain.losses import Loss
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Schedule
from cnntrain.registry import Registered, Spec, did_you_mean, to_tree

FAMILIES = [Initializer, Layer, Loss, Optimizer, Schedule, Source]


class Shape(Registered, family="shape"):
    """A family used only in these tests."""


@dataclass(frozen=True, kw_only=True)
class Point(Shape, kind="point"):
    """No options."""


@dataclass(frozen=True, kw_only=True)
class Circle(Shape, kind="circle"):
    """One option with a default, one without."""

    radius: float
    center: tuple[int, ...] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class Group(Shape, kind="group"):
    """A member that contains members."""

    first: Shape
    named: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page(Spec):
    """A spec that is not a member, with a short form."""

    title: str
    shape: Shape = field(default_factory=Point)

    @classmethod
    def expand(cls, options: Any) -> Any:
        return {"title": options} if isinstance(options, str) else options

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        return options["title"] if options["shape"] == "point" else options


def read(tree, spec=Shape):
    return TypeAdapter(spec).validate_python(tree)


def complaint(tree, spec=Shape):
    with pytest.raises(ValidationError) as caught:
        read(tree, spec)
    return [(error["loc"], error["type"], error["msg"]) for error in caught.value.errors()]


# --- registering -----------------------------------------------------------------------------


def test_the_class_line_registers():
    assert Shape.kinds == {"point": Point, "circle": Circle, "group": Group}
    assert (Circle.kind, Circle.family, Shape.kind) == ("circle", "shape", "")


def test_a_base_without_kind_is_not_a_member():
    class Round(Shape):
        """An intermediate base."""

    assert Round not in Shape.kinds.values()
    assert Round.kind == ""


def test_a_kind_is_registered_once():
    with pytest.raises(TypeError, match=r"^shape 'circle' is registered twice$"):

        class Other(Shape, kind="circle"):
            """A duplicate."""

    assert Shape.kinds["circle"] is Circle


def test_families_do_not_share_their_kinds():
    kinds = [id(family.kinds) for family in FAMILIES]
    assert len(set(kinds)) == len(FAMILIES)
    assert len({family.family for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_members_know_their_name_and_family(family):
    assert family.kinds
    for kind, member in family.kinds.items():
        assert (member.kind, member.family) == (kind, family.family)
        assert issubclass(member, family)
        assert kind.isidentifier()
        assert kind == kind.lower()


@pytest.mark.parametrize(
    "member", [member for family in FAMILIES for member in family.kinds.values()]
)
def test_members_are_documented_frozen_dataclasses_with_named_options(member):
    assert vars(member)["__dataclass_params__"].frozen
    assert all(option.kw_only for option in fields(member))
    doc = vars(member).get("__doc__") or ""
    assert doc
    assert not doc.startswith(f"{member.__name__}("), "the docstring is the default of dataclass"


# --- reading and writing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("point", Point()),
        ({"point": {}}, Point()),
        ({"circle": {"radius": 2.0}}, Circle(radius=2.0)),
        ({"circle": {"radius": 2, "center": (1, 2)}}, Circle(radius=2.0, center=(1, 2))),
        ({"group": {"first": "point"}}, Group(first=Point())),
        (
            {"group": {"first": {"circle": {"radius": 1.0}}, "named": {"a": "point"}}},
            Group(first=Circle(radius=1.0), named={"a": Point()}),
        ),
    ],
    ids=str,
)
def test_reading(tree, expected):
    found = read(tree)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        (Point(), "point"),
        (Circle(radius=2.0), {"circle": {"radius": 2.0, "center": [0, 0]}}),
        (
            Group(first=Point(), named={"a": Circle(radius=1.0)}),
            {
                "group": {
                    "first": "point",
                    "named": {"a": {"circle": {"radius": 1.0, "center": [0, 0]}}},
                }
            },
        ),
        (Page(title="a"), "a"),
        (
            Page(title="a", shape=Group(first=Point())),
            {"title": "a", "shape": {"group": {"first": "point", "named": {}}}},
        ),
        ({"b": (1, 2), "a": None}, {"b": [1, 2], "a": None}),
        ([Point(), 1.5, "text"], ["point", 1.5, "text"]),
    ],
    ids=str,
)
def test_writing(value, tree):
    assert to_tree(value) == tree


def test_short_forms_of_a_spec():
    assert read("a", Page) == Page(title="a")
    assert read({"title": "a", "shape": "point"}, Page) == Page(title="a")


def test_an_unknown_kind():
    assert complaint("circel") == [
        (("circel",), "extra_forbidden", "Extra inputs are not permitted")
    ]


def test_an_unknown_option():
    ((place, kind, _),) = complaint({"circle": {"radius": 1.0, "raduis": 1.0}})
    assert (place, kind) == (("circle", "raduis"), "unexpected_keyword_argument")


def test_a_missing_option():
    ((place, kind, _),) = complaint("circle")
    assert (place[:2], kind) == (("circle", "radius"), "missing")


@pytest.mark.parametrize(
    ("tree", "names"), [({}, "none"), ({"point": {}, "circle": {"radius": 1.0}}, "point, circle")]
)
def test_exactly_one_member(tree, names):
    ((_, _, message),) = complaint(tree)
    assert message == f"Value error, expected exactly one shape; found: {names}"


@pytest.mark.parametrize("radius", ["2.0", True, None, float("nan"), float("inf")])
def test_nothing_is_coerced(radius):
    assert complaint({"circle": {"radius": radius}})


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize("tree", [1, None, (), Color.RED, ("point",)])
def test_invalid_choices(tree):
    assert complaint(tree)


# --- did you mean ----------------------------------------------------------------------------

KNOWN = ["conv2d", "max_pool2d", "avg_pool2d", "dense", "W", "mini-batch"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("conv2", "; did you mean 'conv2d'?"),
        ("Conv2D", "; did you mean 'conv2d'?"),
        ("maxpool2d", "; did you mean 'max_pool2d'?"),
        ("max-pool", "; did you mean 'max_pool2d'?"),
        ("AvgPool2D", "; did you mean 'avg_pool2d'?"),
        ("dence", "; did you mean 'dense'?"),
        ("w", "; did you mean 'W'?"),
        ("minibatch", "; did you mean 'mini-batch'?"),
        ("xyzzy", "; known: W, avg_pool2d, conv2d, dense, max_pool2d, mini-batch"),
        (7, "; known: W, avg_pool2d, conv2d, dense, max_pool2d, mini-batch"),
        ("", "; known: W, avg_pool2d, conv2d, dense, max_pool2d, mini-batch"),
    ],
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, KNOWN) == hint


def test_did_you_mean_with_nothing_known():
    assert did_you_mean("dense", []) == ""
