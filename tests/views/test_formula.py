"""Every forward and backward has a formula, which is legible as plain text."""

import pytest

from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.views.formula import Formula, plain


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{\partial C}{\partial W} = \delta\, a^T", "∂C/∂W = δ aᵀ"),
        (r"a = \frac{1}{1 + e^{-z}}", "a = 1/(1 + e^(-z))"),
        (r"z_f = \sum_c W_{f,c} \star a_c + b_f", "z_f = Σ_c W[f,c] ⋆ a_c + b_f"),
        (r"\Delta W = -\eta \frac{g}{\sqrt{G} + 1}", "ΔW = -η g/(√G + 1)"),
        (r"\hat{x} = x^2", "x̂ = x²"),
    ],
)
def test_latex_as_plain_text(latex, text):
    assert plain(latex) == text
    assert str(Formula(latex)) == text


@pytest.mark.parametrize("kind", Layer.kinds)
def test_every_layer_has_formulas(kind):
    """One for the output, one for ∂C/∂x, and one for every trained array."""
    member = Layer.kinds[kind]
    assert plain(member.formula).startswith(f"{member.gives}")
    for example in member.examples():
        letters = {k for k, p in example.layer.params(example.in_shape).items() if not p.is_buffer}
        assert letters | {"x"} <= member.backward_formulas().keys()
    for formula in (member.formula, *member.backward_formulas().values()):
        assert "\\" not in plain(formula)
        assert "{" not in plain(formula)
        assert " = " in plain(formula)


@pytest.mark.parametrize("kind", Loss.kinds)
def test_every_loss_has_formulas(kind):
    member = Loss.kinds[kind]
    assert plain(member.formula).startswith("C = ")
    assert plain(member.delta_formula).startswith("δ = ")
