"""The texts in English."""

ENGLISH = {
    "page.recipe": "line by line, from the numbers that it depends on",
    "page.fromOutput": "from the output of the network to its δ = ∂C/∂z",
    "page.formulaAbove": "from the formula above",
    "page.change": "from the gradient, and what the optimizer remembers, to the change",
    "page.oldPlusChange": "the old value plus its change",
}
