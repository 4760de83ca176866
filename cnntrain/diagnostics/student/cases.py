"""The functions that a learner may write: their signatures, random cases, and what is right.

``<kind>_forward(x, ...)`` gives y; ``<kind>_backward(dy, x, ...)`` gives ∂C/∂x, or a tuple of ∂C/∂x
and the derivatives of the parameters in the order of the arguments. The batch is the last axis.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.layers import Layer
from cnntrain.losses import Loss
from cnntrain.network.network import Pass
from cnntrain.types import Array, Params

Draw = np.random.Generator
CASES_EACH = 6  # random geometries of every function
KERNELS = ((2, 3), (3, 2), (1, 2), (3, 3))
WINDOWS = ((2, 1), (3, 2), (2, 3), (2, 2), (3, 1), (3, 3))  # (size, stride)


@dataclass(frozen=True)
class Case:
    """One call: arrays by the name of their argument, options, and the right output of them."""

    arrays: dict[str, Array]  # x first; those that have a derivative
    options: dict[str, Any]  # further arguments: stride, labels
    right: Callable[[dict[str, Array]], Array]  # the right output of such arrays

    def told(self) -> str:
        """``x (2, 5, 5, 3), W (3, 2, 2, 2), stride=1``."""
        shapes = [f"{name} {array.shape}" for name, array in self.arrays.items()]
        return ", ".join(shapes + [f"{k}={_short(v)}" for k, v in self.options.items()])


def _short(value: Any) -> str:
    return str(value.tolist()) if isinstance(value, np.ndarray) else str(value)


@dataclass(frozen=True)
class Kind:
    """``signature``: the arguments after x (of a loss, after z); ``draw``: random case k."""

    signature: str
    draw: Callable[[Draw, int], Case]
    is_loss: bool = False


def _layer_case(layer: Layer, x: Array, params: Params, options: dict[str, Any]) -> Case:
    def right(arrays: dict[str, Array]) -> Array:
        given = {name: arrays[name] for name in params}
        y, _ = layer.forward(given, arrays["x"], Pass(training=True).context(0))
        return np.asarray(y)

    return Case({"x": x, **params}, options, right)


def _dense(rng: Draw, k: int) -> Case:
    inputs, units, n = (int(k) for k in rng.permutation([2, 3, 4, 5])[:3])
    params = {"W": rng.normal(size=(units, inputs)), "b": rng.normal(size=(units, 1))}
    layer = Layer.kinds["dense"](units=units)
    return _layer_case(layer, rng.normal(size=(inputs, n)), params, {})


def _conv2d(rng: Draw, k: int) -> Case:
    """Kernels that are not square, strides that differ from them, padding."""
    channels, filters, n = (int(k) for k in rng.permutation([1, 2, 3])[:3])
    kernel, stride = KERNELS[k % len(KERNELS)], 1 + k % 3
    padding = int(rng.integers(0, 2))
    x = rng.normal(size=(channels, 5 + int(rng.integers(3)), 6, n))
    params = {
        "W": rng.normal(size=(filters, channels, *kernel)),
        "b": rng.normal(size=(filters, 1)),
    }
    layer = Layer.kinds["conv2d"](filters=filters, kernel=kernel, stride=stride, padding=padding)
    return _layer_case(layer, x, params, {"stride": stride, "padding": padding})


def _pool(kind: str) -> Callable[[Draw, int], Case]:
    def draw(rng: Draw, k: int) -> Case:
        size, stride = WINDOWS[k % len(WINDOWS)]
        shape = (2, 5 + int(rng.integers(3)), 7, int(rng.integers(1, 4)))
        x = rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape) / 10  # no ties
        layer = Layer.kinds[kind](size=size, stride=stride)
        return _layer_case(layer, x, {}, {"size": size, "stride": stride})

    return draw


def _elementwise(kind: str) -> Callable[[Draw, int], Case]:
    def draw(rng: Draw, k: int) -> Case:
        shape = [(4, 3), (2, 3, 4, 2)][k % 2]
        x = rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)  # not at a kink
        return _layer_case(Layer.kinds[kind](), x, {}, {})

    return draw


def _softmax(rng: Draw, k: int) -> Case:
    x = rng.normal(size=(int(rng.integers(2, 6)), int(rng.integers(1, 5))))
    return _layer_case(Layer.kinds["softmax"](), x, {}, {})


def _norm(kind: str) -> Callable[[Draw, int], Case]:
    def draw(rng: Draw, k: int) -> Case:
        units, n = int(rng.integers(2, 5)), int(rng.integers(3, 6))
        shape = (units, 1) if kind == "batch_norm" else (units,)
        params = {"gamma": rng.normal(size=shape) + 2, "beta": rng.normal(size=shape)}
        layer, x = Layer.kinds[kind](epsilon=1e-5), rng.normal(size=(units, n)) * 2 + 1
        if kind == "batch_norm":
            return _layer_case(layer, x, params, {"epsilon": 1e-5})
        columns = {name: array[:, None] for name, array in params.items()}

        def right(arrays: dict[str, Array]) -> Array:
            flat = {name: arrays[name][:, 0] for name in columns}
            return np.asarray(layer.forward(flat, arrays["x"], Pass().context(0))[0])

        return Case({"x": x, **columns}, {"epsilon": 1e-5}, right)

    return draw


def _loss(kind: str, with_labels: bool) -> Callable[[Draw, int], Case]:
    def draw(rng: Draw, k: int) -> Case:
        outputs, n = int(rng.integers(2, 5)), int(rng.integers(2, 6))
        z = rng.normal(size=(outputs, n))
        target = rng.integers(0, outputs, n) if with_labels else rng.normal(size=(outputs, n))
        target = (target > 0).astype(float) if kind == "binary_cross_entropy" else target
        loss = Loss.kinds[kind]()

        def right(arrays: dict[str, Array]) -> Array:
            return np.array(loss.forward(arrays["z"], target)[0] / n)

        return Case({"z": z}, {"labels" if with_labels else "t": target}, right)

    return draw


KINDS: dict[str, Kind] = {
    "dense": Kind("W, b", _dense),
    "conv2d": Kind("W, b, stride, padding", _conv2d),
    "max_pool2d": Kind("size, stride", _pool("max_pool2d")),
    "avg_pool2d": Kind("size, stride", _pool("avg_pool2d")),
    "relu": Kind("", _elementwise("relu")),
    "sigmoid": Kind("", _elementwise("sigmoid")),
    "tanh": Kind("", _elementwise("tanh")),
    "softmax": Kind("", _softmax),
    "batch_norm": Kind("gamma, beta, epsilon", _norm("batch_norm")),
    "layer_norm": Kind("gamma, beta, epsilon", _norm("layer_norm")),
    "cross_entropy": Kind("labels", _loss("cross_entropy", True), is_loss=True),
    "squared_error": Kind("t", _loss("squared_error", False), is_loss=True),
    "binary_cross_entropy": Kind("t", _loss("binary_cross_entropy", False), is_loss=True),
}


def cases(kind: str, seed: int) -> Iterator[Case]:
    """The cases of a kind, the same for the same seed."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    for k in range(CASES_EACH):
        yield KINDS[kind].draw(rng, k)
