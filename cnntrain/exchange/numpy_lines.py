"""What each kind of layer is in an exported ``model.py``: a call of one function.

A layer of a new kind needs one entry here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnntrain.network.graph import Node
from cnntrain.ops.windows import Axis
from cnntrain.types import Array, Params, Shape, as_pair


@dataclass
class Line:
    """A layer to be written: its node and arrays, and the constants of the file beside it."""

    node: Node
    params: Params
    constants: Params = field(default_factory=dict)

    @property
    def layer(self) -> Any:
        """The layer with its options."""
        return self.node.layer

    def own(self, name: str, array: Array) -> str:
        """The expression for an array, which the file beside holds."""
        full = f"{self.node.name}.{name}"
        self.constants[full] = np.ascontiguousarray(array, np.float32)
        return f'P["{full}"]'

    def array(self, letter: str, shape: Shape | None = None) -> str:
        """One of its arrays, in another shape if that is given."""
        values = self.params[letter]
        return self.own(letter, values if shape is None else values.reshape(shape))

    def weights(self) -> list[str]:
        """W and, if it has one, b as a vector."""
        return [self.array("W"), *([self.array("b", (-1,))] if "b" in self.params else [])]


Call = tuple[str, Sequence[str]]  # a function of ``functions.py`` and what follows its inputs
Writer = Callable[[Line], Call]


def windows_of(axes: Sequence[Axis]) -> dict[str, Any]:
    """Size, stride, padding and dilation of windows, as options of the functions."""
    down, across = axes
    return {
        "size": (down.size, across.size),
        "stride": (down.stride, across.stride),
        "pads": (down.before, down.after, across.before, across.after),
        "dilation": (down.dilation, across.dilation),
    }


def options(**values: Any) -> list[str]:
    """``name=value`` for every option."""
    return [f"{name}={value!r}" for name, value in values.items()]


def plain(function: str, *names: str) -> Writer:
    """A function that takes these options of the layer, as numbers."""
    return lambda line: (function, [repr(getattr(line.layer, name)) for name in names])


def with_numbers(function: str, *numbers: float) -> Writer:
    """A function that takes these numbers."""
    return lambda line: (function, [repr(number) for number in numbers])


def unchanged(line: Line) -> Call:
    """Layers that do nothing outside training."""
    return "", ()


def in_shape(line: Line) -> Call:
    """Layers that only give the numbers another shape."""
    return "in_shape", [repr(line.node.out_shape)]


def conv2d(line: Line) -> Call:
    window = windows_of(line.layer.axes(line.node.in_shape))
    del window["size"]
    return "conv2d", [*line.weights(), *options(**window, groups=line.layer.groups)]


def conv_transpose2d(line: Line) -> Call:
    axes = line.layer.axes(line.node.in_shape)
    window = windows_of(axes)
    out = tuple(axis.length for axis in axes)
    chosen = options(stride=window["stride"], pads=window["pads"], out=out)
    return "conv_transpose2d", [*line.weights(), *chosen]


def max_pool2d(line: Line) -> Call:
    return "max_pool2d", options(**windows_of(line.layer.axes(line.node.in_shape)))


def avg_pool2d(line: Line) -> Call:
    axes = line.layer.axes(line.node.in_shape)
    counts = line.layer.counts(*axes, like=np.zeros(0, np.float32))[..., 0]
    return "avg_pool2d", [line.own("counts", counts), *options(**windows_of(axes))]


def global_pool2d(function: str) -> Writer:
    """A function of NumPy along height and width."""
    return lambda line: (function, ["axis=(2, 3)"])


def by_matrices(line: Line) -> Call:
    down, across = line.layer.matrices(line.node.in_shape, np.dtype(np.float32))
    return "by_matrices", [line.own("vertical", down), line.own("horizontal", across)]


def adaptive_max_pool2d(line: Line) -> Call:
    return "adaptive_max_pool2d", options(size=as_pair(line.layer.size))


def zero_pad2d(line: Line) -> Call:
    return "padded", [repr(line.layer.sides())]


def pad2d(line: Line) -> Call:
    layer = line.layer
    if layer.mode == "constant":
        return "padded", [repr(layer.sides()), repr(layer.value)]
    return "mirrored", [repr(layer.sides()), repr(layer.mode)]


def batch_norm(line: Line) -> Call:
    exact = {letter: array.astype(np.float64) for letter, array in line.params.items()}
    scale = exact["gamma"] / np.sqrt(exact["variance"] + line.layer.epsilon)
    shift = exact["beta"] - exact["mean"] * scale
    arrays = {"scale": scale, "shift": shift}
    flat = {name: array.ravel().astype(np.float32) for name, array in arrays.items()}
    return "batch_norm", [line.own(name, array) for name, array in flat.items()]


def sample_norm(line: Line) -> Call:
    groups = 1 if line.layer.kind == "layer_norm" else line.layer.groups
    arrays = [line.array("gamma"), line.array("beta")]
    return "group_norm", [*arrays, *options(groups=groups, epsilon=line.layer.epsilon)]


def lrn(line: Line) -> Call:
    names = ("size", "across", "alpha", "beta", "k")
    return "lrn", options(**{name: getattr(line.layer, name) for name in names})


def gelu(line: Line) -> Call:
    return "gelu_tanh" if line.layer.approximation == "tanh" else "gelu", ()


LINES: dict[str, Writer] = {
    "dense": lambda line: ("dense", line.weights()),
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "batch_norm": batch_norm,
    "layer_norm": sample_norm,
    "group_norm": sample_norm,
    "lrn": lrn,
    "prelu": lambda line: ("prelu", [line.array("slope")]),
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "global_avg_pool2d": global_pool2d("np.mean"),
    "global_max_pool2d": global_pool2d("np.max"),
    "upsample2d": by_matrices,
    "adaptive_avg_pool2d": by_matrices,
    "adaptive_max_pool2d": adaptive_max_pool2d,
    "zero_pad2d": zero_pad2d,
    "pad2d": pad2d,
    "flatten": in_shape,
    "reshape": in_shape,
    "add": plain("add"),
    "concat": plain("concat"),
    "dropout": unchanged,
    "spatial_dropout": unchanged,
    "gaussian_noise": unchanged,
    "identity": unchanged,
    "sigmoid": plain("sigmoid"),
    "tanh": plain("np.tanh"),
    "relu": plain("relu"),
    "relu6": with_numbers("clip", 0.0, 6.0),
    "leaky_relu": plain("leaky_relu", "slope"),
    "elu": plain("elu", "alpha"),
    "selu": plain("selu", "ALPHA", "SCALE"),
    "celu": plain("celu", "alpha"),
    "gelu": gelu,
    "silu": plain("silu"),
    "mish": plain("mish"),
    "softplus": plain("softplus"),
    "softsign": plain("softsign"),
    "hard_sigmoid": plain("hard_sigmoid", "slope", "shift"),
    "hard_tanh": plain("clip", "low", "high"),
    "thresholded_relu": plain("thresholded_relu", "threshold"),
    "hard_swish": plain("hard_swish"),
    "softmax": plain("softmax"),
    "log_softmax": plain("log_softmax"),
}
