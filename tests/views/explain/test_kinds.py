"""Every registered kind is explained: formulas, options, and source location."""

import re
from pathlib import Path

import pytest

import cnntrain.config.plan  # imports the members of all families
from cnntrain.errors import ConfigError
from cnntrain.layers import Layer
from cnntrain.layers.conv2d import Conv2d
from cnntrain.types import CountPair
from cnntrain.views.explain.kinds import (
    ROOT,
    describe,
    families,
    find,
    first_sentence,
    type_in_words,
)
from cnntrain.views.explain.kinds_text import kind_text, list_text

KINDS = [
    pytest.param(member, id=f"{family}-{kind}".replace(" ", "-"))
    for family, base in families().items()
    for kind, member in base.kinds.items()
]


def test_all_families_are_listed():
    assert {"layer", "loss", "optimizer", "schedule", "initializer"} <= families().keys()
    assert {"augmentation", "metric", "data source"} <= families().keys()
    assert len(KINDS) > 100


@pytest.mark.parametrize("member", KINDS)
def test_every_kind_has_a_description(member):
    found = describe(member)
    assert len(found.line) > 0
    assert not found.line.startswith("Option")
    if found.family in ("layer", "loss", "optimizer"):
        assert found.formulas
    for formula in found.formulas.values():
        assert "=" in formula.text or "←" in formula.text
    assert max(map(len, kind_text(found).splitlines())) <= 100


@pytest.mark.parametrize("member", KINDS)
def test_every_option_is_documented(member):
    for option in describe(member).options:
        assert option.text.startswith(f"``{option.name}``")
        assert option.type
        assert "typing" not in option.type


@pytest.mark.parametrize("member", KINDS)
def test_every_source_location_is_correct(member):
    code = describe(member).code
    names = [place.function.rpartition(".")[2] for place in code]
    assert names[0] == member.arithmetic[0]
    assert set(member.arithmetic) <= set(names)
    for place in code:
        lines = (Path(cnntrain.__file__).parents[1] / place.file).read_text("utf-8").splitlines()
        name = place.function.rpartition(".")[2]
        kernel = name.removesuffix(" (compiled)")
        pattern = rf"static int {kernel}\(|[A-Z_0-9]+\({kernel}\b"
        is_c = place.file.endswith((".c", ".h"))
        assert re.match(pattern if is_c else rf"\s*def {name}\(", lines[place.line - 1])
    assert (ROOT / code[0].file).is_file()


@pytest.mark.parametrize("kind", Layer.kinds)
def test_layers_show_forward_and_backward(kind):
    formulas = describe(Layer.kinds[kind]).formulas
    assert next(iter(formulas)) == "forward"
    assert any(label.startswith("backward") for label in formulas)


def test_kernels_are_listed_with_their_methods():
    names = {place.function for place in describe(Conv2d).code}
    assert {"Conv2d.forward", "conv2d_forward", "conv2d_dW", "conv2d_db", "conv2d_da"} <= names
    assert {"conv2d_forward (compiled)", "conv2d_dW (compiled)"} <= names


def test_one_name_in_several_families():
    assert sorted(found.family for found in find("constant")) == ["initializer", "schedule"]
    assert [found.family for found in find("schedule:constant")] == ["schedule"]
    assert [found.family for found in find("optimizer:adam")] == ["optimizer"]
    assert [found.family for found in find("source:digits")] == ["data source"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cov2d", "no kind 'cov2d', and no such file; did you mean 'conv2d'?"),
        ("loss:conv2d", "no kind 'conv2d', and no such file; 'cnntrain explain' lists all kinds"),
        ("layers:conv2d", "no family 'layers'; did you mean 'layer'?"),
    ],
)
def test_unknown_names_get_a_hint(name, message):
    with pytest.raises(ConfigError) as caught:
        find(name)
    assert str(caught.value) == message


def test_types_as_text():
    assert type_in_words(CountPair) == "whole number ≥ 1 or 2 of them"
    assert type_in_words(bool | None) == "true or false or null"
    assert type_in_words(tuple[float, ...]) == "list of number"


def test_first_sentences():
    assert first_sentence("a = z, as He et al. 2015 and eq. 3 say. More.") == (
        "a = z, as He et al. 2015 and eq. 3 say"
    )


def test_the_list_fits_the_width():
    text = list_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "\n  conv2d " in text
    assert text.count("\n\n") == len(families()) - 1


def test_a_convolution_shows_all_of_its_algorithms():
    formulas = {name: str(formula) for name, formula in describe(Conv2d).formulas.items()}
    assert formulas["forward"] == "z_f = Σ_c W[f,c] ⋆ a_c + b_f"
    assert formulas["winograd, forward"] == "z_f = Aᵀ [Σ_c (G W[f,c] Gᵀ) ⊙ (Bᵀ a_c B)] A + b_f"
    assert formulas["fourier, forward"] == ("z_f = idft [Σ_c dft(a_c) ⊙ conj(dft(W[f,c]))] + b_f")
