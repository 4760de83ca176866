"""Activations in operators of ONNX."""

import numpy as np

from cnntrain.exchange.onnx_out.mapping import Place, maps

SAME = {
    "identity": "Identity", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu",
    "softplus": "Softplus", "softsign": "Softsign", "hard_swish": "HardSwish",
}  # fmt: skip


@maps(*SAME)
def of_one_operator(p: Place) -> str:
    """Activations without options."""
    return p.op(SAME[p.layer.kind])


@maps("softmax", "log_softmax")
def softmax(p: Place) -> str:
    return p.op("Softmax" if p.layer.kind == "softmax" else "LogSoftmax", axis=1)


@maps("leaky_relu")
def leaky_relu(p: Place) -> str:
    return p.op("LeakyRelu", alpha=p.layer.slope)


@maps("elu", "celu")
def elu(p: Place) -> str:
    return p.op("Elu" if p.layer.kind == "elu" else "Celu", alpha=p.layer.alpha)


@maps("selu")
def selu(p: Place) -> str:
    return p.op("Selu", alpha=p.layer.ALPHA, gamma=p.layer.SCALE)


@maps("relu6")
def relu6(p: Place) -> str:
    return p.op("Clip", p.x, p.to.constant("low", 0.0), p.to.constant("high", 6.0))


@maps("hard_sigmoid")
def hard_sigmoid(p: Place) -> str:
    return p.op("HardSigmoid", alpha=p.layer.slope, beta=p.layer.shift)


@maps("hard_tanh")
def hard_tanh(p: Place) -> str:
    return p.op("Clip", p.x, *(p.to.constant(k, getattr(p.layer, k)) for k in ("low", "high")))


@maps("thresholded_relu")
def thresholded_relu(p: Place) -> str:
    return p.op("ThresholdedRelu", alpha=p.layer.threshold)


@maps("silu")
def silu(p: Place) -> str:
    return p.op("Mul", p.x, p.op("Sigmoid"))


@maps("mish")
def mish(p: Place) -> str:
    return p.op("Mul", p.x, p.op("Tanh", p.op("Softplus")))


@maps("gelu")
def gelu(p: Place) -> str:
    """x/2 · (1 + erf(x/√2)), or with the tanh that is near it; one operator from opset 20 on."""
    if p.to.opset >= 20:
        return p.op("Gelu", approximate=p.layer.approximation)
    one, half = p.to.constant("one", 1.0), p.to.constant("half", 0.5)
    if p.layer.approximation == "tanh":
        cube = p.op("Mul", p.x, p.op("Mul", p.x, p.x))
        inner = p.op("Add", p.x, p.op("Mul", cube, p.to.constant("cubic", p.layer.CUBIC)))
        root = p.to.constant("root", p.layer.ROOT_2_OVER_PI)
        share = p.op("Tanh", p.op("Mul", inner, root))
    else:
        share = p.op("Erf", p.op("Mul", p.x, p.to.constant("root", np.sqrt(0.5))))
    return p.op("Mul", p.op("Mul", p.x, half), p.op("Add", share, one))
