"""Random numbers with the same bits on every CPU, from the exact uniform ones of a generator.

NumPy draws normal numbers by the ziggurat (Marsaglia & Tsang 2000), which in one of 90 draws asks
the C library for an exponential, and in one of 3,900 returns a logarithm of it; beta-distributed
ones take a power each; and where a compiler fuses a product with a sum, even ``uniform`` differs in
its last digit. Besides, NumPy may change these methods with any version, but not the bits of
``random``, out of which all numbers here are made.
"""

import math
from typing import Any

import numpy as np

from cnntrain.ops import exact
from cnntrain.types import Array

AT_ONCE = 1 << 14  # numbers that are looked at together, in the cache
LEAST = 1 / (1 << 54)  # stands for a uniform number of 0, of which multiples of 2⁻⁵³ are drawn
MIDDLE, FAR = 0.425, 5.0

# Wichura 1988, "The percentage points of the normal distribution", AS 241 (PPND16).
_MIDDLE_P = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_MIDDLE_Q = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1.0,
)  # fmt: skip
_OUTER_P = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
    4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_OUTER_Q = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
    2.05319162663775882187e0, 1.0,
)  # fmt: skip
_FAR_P = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
    5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_FAR_Q = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
)  # fmt: skip


def uniform(rng: np.random.Generator, low: float, high: float, shape: Any) -> Array:
    """Numbers between ``low`` and ``high``."""
    drawn: Array = low + (high - low) * rng.random(shape)
    return drawn


def normal(rng: np.random.Generator, shape: Any) -> Array:
    """N(0, 1), one for each uniform number: where the normal distribution function reaches it."""
    drawn = rng.random(shape)
    flat = drawn.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        flat[part] = normal_quantile(flat[part])
    return drawn


def normal_quantile(share: Array) -> Array:
    """x with Φ(x) = share, 0 <= share < 1."""
    from_middle = share - 0.5
    r = MIDDLE * MIDDLE - from_middle * from_middle
    x: Array = from_middle * (exact.polynomial(_MIDDLE_P, r) / exact.polynomial(_MIDDLE_Q, r))
    is_outer = np.abs(from_middle) > MIDDLE
    outer, side = share[is_outer], np.sign(from_middle[is_outer])
    x[is_outer] = side * _outer(np.maximum(np.minimum(outer, 1 - outer), LEAST))
    return x


def _outer(tail: Array) -> Array:
    """|x| with as little as ``tail`` beyond it."""
    r = np.sqrt(-exact.log(tail))
    near, far = r - 1.6, r - FAR
    outer: Array = exact.polynomial(_OUTER_P, near) / exact.polynomial(_OUTER_Q, near)
    farther = exact.polynomial(_FAR_P, far) / exact.polynomial(_FAR_Q, far)
    return np.where(r <= FAR, outer, farther)


def beta(rng: np.random.Generator, a: float, n: int) -> Array:
    """n numbers from Beta(a, a): X/(X + Y) for X and Y from Gamma(a), by their logarithms."""
    less = log_gamma_draws(rng, a, n) - log_gamma_draws(rng, a, n)
    e = exact.exp(-np.abs(less))
    share: Array = np.where(less > 0, 1.0, e) / (1 + e)
    return share


def log_gamma_draws(rng: np.random.Generator, a: float, n: int) -> Array:
    """Logarithms of n numbers from Gamma(a): Marsaglia & Tsang 2000 for a + 1, times U^(1/a)."""
    d = a + 2 / 3
    c = 1 / math.sqrt(9 * d)
    drawn = np.zeros(n)
    missing = np.arange(n)
    while missing.size:
        x = normal(rng, missing.size)
        root = np.maximum(1 + c * x, LEAST)
        v = root * root * root
        bound = 0.5 * x * x + d - d * v + d * exact.log(v)
        is_taken = (root > LEAST) & (exact.log(1 - rng.random(missing.size)) < bound)
        drawn[missing[is_taken]] = exact.log(d * v[is_taken])
        missing = missing[~is_taken]
    return drawn + exact.log(1 - rng.random(n)) / a
