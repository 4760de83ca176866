"""The texts of the page of a trace."""

PAGE = {
    "page.recipe": "line by line, from the numbers that it depends on",
    "page.fromOutput": "from the output of the network to its δ = ∂C/∂z",
    "page.formulaAbove": "from the formula above",
    "page.changeFrom": "from the gradient, and what the optimizer remembers, to the change",
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
    "page.title": ": one update step by step",
    "page.update": "update",
    "page.sample": "sample",
    "page.light": "light",
    "page.dark": "dark",
    "page.lightOrDark": "Light or dark",
    "page.network": "The network, from input to loss",
    "page.steps": "Steps of the update",
    "page.first": "First step",
    "page.back": "Step back",
    "page.next": "Next step",
    "page.play": "play",
    "page.pause": "pause",
    "page.playKey": "Play or pause (space)",
    "page.help": (
        "step through the update. To see how a number is computed, point at it, tap it, or "
        "select a picture with Tab and move with the arrow keys."
    ),
    "page.noScript": "This page needs JavaScript, which is disabled in this browser.",
    "page.notIncluded": "not included",
    "page.range": "scale: minimum {low}, maximum {high}",
    "page.input": "input",
    "page.loss": "loss",
    "page.forwardOf": "{name} forward",
    "page.backwardOf": "{name} backward",
    "page.progress": "step {step} of {of}: {words}",
    "page.oneSample": "training sample {sample}",
    "page.samples": "{n} training samples",
    "page.about": "update {update}, {samples}, η = {lr}",
    "page.augmented": "{told} (as read: training would augment them)",
    "page.selectNumber": "{name}, {sizes}: select a number with the arrow keys",
    "page.firstMaps": "the first {shown} of {maps} maps",
    "page.firstRows": "the first {rows} of {all} rows",
    "page.smallerTerms": "{n} smaller terms",
    "page.missingTerms": "{n} terms not included in the page, in total",
    "page.noTerms": "no terms: 0",
    "page.moreMaps": "and {n} more maps in the same way",
    "page.howComputed": "How a number is computed",
    "page.readSample": "Training sample {sample}, as read by the network.",
    "page.readSampleOfClass": "Training sample {sample}, of class {label}, as read by the network.",
    "page.inputs": "inputs",
    "page.inputLetter": "input {letter}",
    "page.with": "with",
    "page.outputLetter": "output {letter}",
    "page.kindForward": "{kind}, forward",
    "page.kindBackward": "{kind}, backward",
    "page.incoming": "incoming {name}",
    "page.uses": "uses",
    "page.mask": "mask M",
    "page.slope": "slope f′(z)",
    "page.parameterGradients": "parameter gradients",
    "page.passedBack": "passed back",
    "page.theLoss": "the loss",
    "page.sumFrom": "the sum of the contributions from {senders}",
    "page.and": " and ",
    "page.ofClass": "class {label}",
    "page.lossOf": "{kind} of {output}",
    "page.times": " (times {weight})",
    "page.target": "target t",
    "page.overSamples": " (over {n} samples)",
    "page.howWrong": "how wrong is the output?",
    "page.costIs": "The cost C{samples} is {cost}",
    "page.penaltyIs": ", including a penalty on large weights of {penalty}",
    "page.deltaTells": (
        ". Its derivative δ gives, for every output, how fast C grows with it. It is passed back "
        "through the network."
    ),
    "page.frozen": "{name}: frozen",
    "page.downhill": "every weight takes a step downhill",
    "page.costGoes": (
        "Every array W becomes W + ΔW; g is its gradient, ∂C/∂W. With the learning rate η = {lr} "
        "the cost of the same samples goes from {before} to {after} ({change})."
    ),
    "page.gradient": "gradient g",
    "page.changedGradient": "gradient g, with penalty or clipping",
    "page.before": "before",
    "page.change": "change",
    "page.after": "after",
    "page.moved": "the same value at another position",
    "page.movedBack": "the same value at its original position",
    "page.sumOfInputs": "the sum of all inputs",
    "page.sumPassesBack": "a sum passes δ back to each of its inputs",
    "page.sumNotShown": "from the formula above; this page does not show its sum",
    "page.maximum": "the maximum of the window",
    "page.wasMaximum": "it was the maximum of its window, whose δ it receives",
    "page.wasNotMaximum": "it was not the maximum of its window, so its gradient is 0",
    "page.mean": "the mean of the window",
    "page.shareOfWindows": "its share of the δ of every window that contains it",
    "page.meanOfMap": "the mean of the whole map",
    "page.shareOfMap": "its share of the δ of its map",
    "page.rowTimesInputs": "row of W times the inputs, plus the bias",
    "page.columnTimesDelta": "column of W times δ: what each unit passes back through its weight",
    "page.deltaTimesInput": "δ of the unit times the input of the weight",
    "page.deltaOfUnit": "δ of the unit: the input of the bias is 1",
    "page.kernel": "kernel",
    "page.patch": "patch under it",
    "page.kernelTimesPatch": "kernel times the patch under it, plus the bias",
    "page.rotatedKernel": "kernel, rotated by 180°",
    "page.deltaUnder": "δ under it",
    "page.rotatedOverDelta": (
        "the rotated kernel over δ: every output that read this value passes its δ back through "
        "the weight it used"
    ),
    "page.deltaTimesRead": "δ of every output times the input that it read through this weight",
    "page.sumOfMap": "the sum of the whole δ map: the input of the bias is 1 everywhere",
    "page.speed": "speed",
    "page.close": "close",
    "page.dependents": (
        "The outputs that depend on it ({n}) are marked. By the chain rule, each passes its "
        "gradient back times this local derivative."
    ),
    "page.noDependents": "no output depends on it",
    "page.moreDependents": "and {n} more outputs",
    "page.photo": "the image",
    "page.glossary": "Symbols and words",
    "page.glossary_cost": (
        "cost, also loss: one number that says how wrong the output is; training makes it smaller"
    ),
    "page.glossary_input": (
        "activation: what a layer gives to the next one; of the first layer, the input"
    ),
    "page.glossary_z": "weighted sum, also pre-activation: inputs times weights plus bias",
    "page.glossary_weights": (
        "weights and biases: the parameters that are learned; of a convolution, its kernels"
    ),
    "page.glossary_delta": "error of a unit: how fast the cost grows with its weighted sum",
    "page.glossary_byInput": (
        "upstream gradient: how fast the cost grows with an activation; what a layer passes "
        "back to the one before"
    ),
    "page.glossary_byWeight": (
        "gradient of the weights: the direction in which the cost grows fastest"
    ),
    "page.glossary_slope": "local derivative of the activation function at z",
    "page.glossary_chain": (
        "chain rule: upstream gradient times local derivative, layer by layer from the loss "
        "back to the input"
    ),
    "page.glossary_rate": "learning rate: how long the step against the gradient is",
    "page.glossary_step": (
        "gradient that the optimizer uses, and the change of the weights that it makes of it"
    ),
    "page.glossary_products": (
        "product entry by entry, and cross-correlation: the kernel slides over the map"
    ),
    "page.neurons": "The neurons and the weights between them, coloured by their values",
    "page.boundary": "The decision boundary over the training samples",
    "page.rightPoints": "decision boundary: {right} of {n} training samples are on the right side",
    "page.playWithPictures": (
        "Play: change a number, and everything follows; see its neurons and what it decides"
    ),
}
