"""Activations and their derivatives against PyTorch in float64."""

import numpy as np
import pytest

from cnntrain.layers import Layer
from cnntrain.layers.activations import (
    Activation,
    Celu,
    Elu,
    Gelu,
    HardTanh,
    LeakyRelu,
    Softmax,
    ThresholdedRelu,
)

SAME_NAME = ["relu", "relu6", "selu", "silu", "mish", "softplus", "softsign", "sigmoid", "tanh"]
OTHER_NAMES = {"hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish"}
CASES = {
    **{kind: (Layer.kinds[kind](), kind, {}) for kind in SAME_NAME},
    **{kind: (Layer.kinds[kind](), name, {}) for kind, name in OTHER_NAMES.items()},
    "leaky_relu": (LeakyRelu(slope=0.3), "leaky_relu", {"negative_slope": 0.3}),
    "elu": (Elu(), "elu", {}),
    "elu 0.3": (Elu(alpha=0.3), "elu", {"alpha": 0.3}),
    "celu": (Celu(), "celu", {}),
    "celu 2.5": (Celu(alpha=2.5), "celu", {"alpha": 2.5}),
    "gelu": (Gelu(), "gelu", {}),
    "gelu tanh": (Gelu(approximation="tanh"), "gelu", {"approximate": "tanh"}),
    "hard_tanh": (HardTanh(), "hardtanh", {}),
    "hard_tanh 2": (HardTanh(low=-2.0, high=0.5), "hardtanh", {"min_val": -2.0, "max_val": 0.5}),
    "thresholded_relu": (ThresholdedRelu(), "threshold", {"threshold": 1.0, "value": 0.0}),
    "softmax": (Softmax(), "softmax", {"dim": 0}),
    "log_softmax": (Layer.kinds["log_softmax"](), "log_softmax", {"dim": 0}),
}
KINKS = [-3.0, 0.0, 3.0, 6.0]
NARROW = np.random.default_rng(0).uniform(-8, 8, (5, 40))
WIDE = np.array([[-1e4, -700.0, -50.0, -20.0], [20.0, 50.0, 700.0, 1e4], [0.1, -0.1, 2.0, -2.0]])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("z", [NARROW, WIDE], ids=["narrow", "wide"])
def test_equals_pytorch(torch, evaluation, case, z):
    layer, name, options = CASES[case]
    dy = np.random.default_rng(1).standard_normal(z.shape)
    z_theirs = torch.tensor(z, requires_grad=True)
    expected = getattr(torch.nn.functional, name)(z_theirs, **options)
    expected.backward(torch.tensor(dy))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, cache = layer.forward({}, z, evaluation)
        dz, _ = layer.backward({}, cache, dy)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dz, z_theirs.grad.numpy(), rtol=1e-7, atol=2e-9)


def test_every_activation_is_compared():
    kinds = {kind for kind, layer in Layer.kinds.items() if issubclass(layer, Activation)}
    assert {layer.kind for layer, _, _ in CASES.values()} | {"identity"} == kinds


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_values_and_kinks_are_finite(evaluation, case, dtype):
    layer = CASES[case][0]
    z = np.array([[-1e4, 1e4, *KINKS]], dtype).repeat(2, axis=0)
    with np.errstate(all="raise", under="ignore"):
        y, cache = layer.forward({}, z, evaluation)
        dz, _ = layer.backward({}, cache, np.ones_like(z))
    assert np.isfinite(y).all()
    assert np.isfinite(dz).all()
    assert y.dtype == dz.dtype == dtype


def test_slope_and_shift_of_the_hard_sigmoid(torch, evaluation):
    layer = Layer.kinds["hard_sigmoid"](slope=0.2, shift=0.4)
    z = torch.tensor(NARROW, requires_grad=True)
    expected = torch.nn.functional.hardtanh(0.2 * z + 0.4, 0.0, 1.0)
    expected.sum().backward()
    y, cache = layer.forward({}, NARROW, evaluation)
    dz, _ = layer.backward({}, cache, np.ones_like(NARROW))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(dz, z.grad.numpy(), rtol=1e-14)


def test_limits_in_the_wrong_order():
    with pytest.raises(ValueError, match="low 1 must be less than high 1"):
        HardTanh(low=1.0)
