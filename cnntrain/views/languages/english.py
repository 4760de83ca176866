"""The texts in English."""

ENGLISH = {
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
    "page.valueOf": "f(z) at {name} = {z}",
    "page.functionOf": "the function f, evaluated at {name}",
    "page.timesSlope": "chain rule: the incoming gradient times the local derivative f′(z)",
    "page.kept": "kept, and scaled up to compensate for the dropped units",
    "page.dropped": "dropped in this update",
    "page.sameMask": "the incoming gradient times the same mask",
    "page.notAllLayers": (
        "This page holds only some of the layers, so nothing can be changed on it."
    ),
    "page.notThisLayer": (
        "This page cannot compute {name} ({kind}), so nothing can be changed on it."
    ),
    "page.tooManyWeights": (
        "This network has {weights} weights; up to {most} can be played with on a page."
    ),
    "page.tooLarge": (
        "The arrays of this network are too large to be computed on a page "
        "(more than {most} numbers)."
    ),
    "page.notMaxNorm": (
        "This page cannot compute the limit train.max_norm, so nothing can be changed on it."
    ),
    "page.notThisOptimizer": (
        "This page cannot compute the rule of this optimizer, so nothing can be changed on it."
    ),
    "page.notThisLoss": "This page cannot compute this loss, so nothing can be changed on it.",
}
