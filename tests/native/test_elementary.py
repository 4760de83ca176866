"""exp, log, tanh, ... of the compiled engine: the largest error over dense grids, and the bits."""

import math

import numpy as np
import pytest

from cnntrain.native import available
from cnntrain.native.engine import native

DTYPES = [np.float32, np.float64]
RANGE = {np.float32: 88.0, np.float64: 709.0}  # of exp


def values(name, x, isa):
    out = np.empty_like(x)
    native(isa).kernels[x.dtype.char][f"{name}_values"](out, x, x.size, 1.0, 1.0)
    return out


def near(rng, scale):
    return rng.standard_normal(20_000) * scale


def grid(name, dtype):
    rng, limit = np.random.default_rng(0), RANGE[dtype]
    if name in ("exp", "expm1"):
        return np.concatenate(
            [np.linspace(-1.2 * limit, limit, 100_001), near(rng, 1), near(rng, 1e-4)]
        )
    if name == "log":
        whole = np.exp(np.linspace(-limit, limit, 100_001))
        return np.concatenate([whole, np.exp(near(rng, 0.1)), np.exp(near(rng, 1e-4))])
    if name == "log1p":
        return np.concatenate(
            [rng.random(50_000) * 1.9 - 0.95, np.exp(np.linspace(-80, 80, 50_001))]
        )
    return np.concatenate([np.linspace(-12, 12, 100_001), near(rng, 1), near(rng, 1e-4)])


EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": lambda x: np.array([math.erf(value) for value in x], np.longdouble),
}
# of the last place; erf's reference is itself only good to about one of float64
LARGEST = {
    "exp": 1.1, "expm1": 1.5, "log": 0.85, "log1p": 1.45, "tanh": 1.4, "sigmoid": 1.5, "erf": 2.0,
}  # fmt: skip


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a longer double to compare")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_the_largest_error(name, dtype):
    x = grid(name, dtype).astype(dtype)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.longdouble))
    normal = np.abs(exact) >= np.finfo(dtype).tiny
    found = values(name, x, None)
    error = np.abs(found.astype(np.longdouble) - exact) / np.spacing(np.abs(exact).astype(dtype))
    assert error[normal].max() <= LARGEST[name]
    assert error[~normal].max(initial=0) <= 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_every_instruction_set_gives_the_same_bits(name, dtype):
    x = grid(name, dtype).astype(dtype)[:30_001]
    expected = values(name, x, "plain")
    for isa in available():
        np.testing.assert_array_equal(values(name, x, isa), expected)


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, -1.0, 1.0]


@pytest.mark.parametrize("isa", available())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_special_values(name, dtype, isa):
    x = np.array(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        exact = np.array([EXACT[name](value[None])[0] for value in x.astype(np.float64)])
        expected = exact.astype(dtype)
    found = values(name, x, isa)
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-44)
    zeros = expected == 0
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))
