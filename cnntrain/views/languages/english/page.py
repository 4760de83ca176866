"""The texts of the page of a trace."""

PAGE = {
    "page.recipe": "line by line, from the numbers that it depends on",
    "page.fromOutput": "from the output of the network to its δ = ∂C/∂z",
    "page.formulaAbove": "from the formula above",
    "page.change": "from the gradient, and what the optimizer remembers, to the change",
    "page.oldPlusChange": "the old value plus its change",
    "page.value": "value",
    "page.pickOne": "click a number of the input or of a weight",
    "page.nudge": "nudge",
    "page.repeat": "repeat the update",
    "page.reset": "reset",
    "page.playTitle": "Play: change a number, and everything follows",
    "page.gamma": "δ times x̂, over all that share this γ",
    "page.beta": "the sum of δ over all that share this β",
}
