"""Activations, and their slopes f', written out for one z."""

import math
from typing import Any

from cnntrain.layers.activations import Activation, Gelu, Selu

Lines = tuple[tuple[str, str], ...]

SIGMOID: Lines = (("s", "1 / (1 + exp(-z))"),)
SOFTPLUS = "log1p(exp(-abs(z))) + max(z, 0)"
BELOW = "exp(min(z, 0))"

# kind: (lines to a, lines to f'), over z and the options of the activation
CATALOGUE: dict[str, tuple[Lines, Lines]] = {
    "identity": ((("a", "z"),), (("f'", "1"),)),
    "sigmoid": ((("a", "1 / (1 + exp(-z))"),), (*SIGMOID, ("f'", "s * (1 - s)"))),
    "tanh": ((("a", "tanh(z)"),), (("f'", "1 - tanh(z) ** 2"),)),
    "relu": ((("a", "max(z, 0)"),), (("f'", "0 < z"),)),
    "relu6": ((("a", "min(max(z, 0), 6)"),), (("f'", "(0 < z) * (z < 6)"),)),
    "leaky_relu": (
        (("a", "max(z, 0) + slope * min(z, 0)"),),
        (("f'", "(0 < z) + slope * (1 - (0 < z))"),),
    ),
    "elu": (
        (("a", f"max(z, 0) + alpha * ({BELOW} - 1)"),),
        (("f'", f"(0 < z) + (1 - (0 < z)) * alpha * {BELOW}"),),
    ),
    "selu": (
        (("a", f"scale * (max(z, 0) + alpha * ({BELOW} - 1))"),),
        (("f'", f"scale * ((0 < z) + (1 - (0 < z)) * alpha * {BELOW})"),),
    ),
    "celu": (
        (("a", "max(z, 0) + alpha * (exp(min(z, 0) / alpha) - 1)"),),
        (("f'", "exp(min(z, 0) / alpha)"),),
    ),
    "silu": ((*SIGMOID, ("a", "z * s")), (*SIGMOID, ("f'", "s * (1 + z * (1 - s))"))),
    "mish": (
        (("s", SOFTPLUS), ("a", "z * tanh(s)")),
        (("t", f"tanh({SOFTPLUS})"), *SIGMOID, ("f'", "t + z * (1 - t ** 2) * s")),
    ),
    "softplus": ((("a", SOFTPLUS),), (("f'", "1 / (1 + exp(-z))"),)),
    "softsign": ((("a", "z / (1 + abs(z))"),), (("f'", "1 / (1 + abs(z)) ** 2"),)),
    "hard_sigmoid": (
        (("a", "min(max(slope * z + shift, 0), 1)"),),
        (("a", "slope * z + shift"), ("f'", "slope * (0 < a) * (a < 1)")),
    ),
    "hard_tanh": ((("a", "min(max(z, low), high)"),), (("f'", "(low < z) * (z < high)"),)),
    "thresholded_relu": ((("a", "z * (threshold < z)"),), (("f'", "threshold < z"),)),
    "hard_swish": (
        (("a", "z * min(max(z / 6 + 0.5, 0), 1)"),),
        (
            ("inside", "(-3 < z) * (z < 3)"),
            ("f'", "inside * (z / 3 + 0.5) + (1 - inside) * (0 < z)"),
        ),
    ),
    "gelu": (
        (("Φ", "(1 + erf(z / sqrt(2))) / 2"), ("a", "z * Φ")),
        (
            ("Φ", "(1 + erf(z / sqrt(2))) / 2"),
            ("φ", "exp(-(z ** 2) / 2) / sqrt(2 * π)"),
            ("f'", "Φ + z * φ"),
        ),
    ),
}
GELU_TANH: tuple[Lines, Lines] = (
    (("t", "tanh(c * (z + 0.044715 * z ** 3))"), ("a", "z * (1 + t) / 2")),
    (
        ("t", "tanh(c * (z + 0.044715 * z ** 3))"),
        ("slope", "c * (1 + 0.134145 * z ** 2)"),
        ("f'", "(1 + t) / 2 + z * (1 - t ** 2) * slope / 2"),
    ),
)


def activation_lines(layer: Activation) -> tuple[Lines, Lines, dict[str, Any]] | None:
    """(lines from z to a, lines from z to f', constants); None for an activation of a plugin."""
    if isinstance(layer, Gelu) and layer.approximation == "tanh":
        return *GELU_TANH, {"c": math.sqrt(2 / math.pi)}
    if layer.kind not in CATALOGUE:
        return None
    constants = dict(vars(layer))  # its options
    if isinstance(layer, Selu):
        constants = {"alpha": layer.ALPHA, "scale": layer.SCALE}
    elif isinstance(layer, Gelu):
        constants = {"π": math.pi}
    return *CATALOGUE[layer.kind], constants
