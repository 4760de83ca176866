"""Elementary functions of float64 numbers and arrays with the same bits on every CPU.

The exp and log of NumPy differ between instruction sets, those of ``math`` between C libraries.
These are made of + - * / and of scaling by powers of two, each of which IEEE 754 defines to the
last bit. What decides about a training outside the layers (schedules, first weights, augmentation,
synthetic data) takes them from here; ``tests/ops/test_exact.py`` finds whoever does not.

Largest errors over dense grids, in units of the last place: exp 1, log 1, log1p 2, sin and cos
1.2 (for |x| < 10⁵), tan 3; power(x, y) 2 + 2 |y log x|. The polynomials are those of FreeBSD's libm
(Sun Microsystems 1993: e_exp.c, e_log.c, k_sin.c, k_cos.c), in a plain arrangement.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # 33 bits, the rest
INV_LN2 = 1.44269504088896338700
LEAST_EXP, LARGEST_EXP = -746.0, 709.782712893384  # beyond them e^x is 0 or infinite
ROOT_HALF = 0.70710678118654752440
HALF_PI = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
TWO_OVER_PI = 6.36619772367581382433e-01
FEW = 64  # whole exponents up to which products are as good as logarithms

# Highest power first.
_EXP = (
    4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
    -2.77777777770155933842e-03, 1.66666666666666019037e-01,
)  # fmt: skip
_LOG = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
    2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
    6.666666666666735130e-01,
)  # fmt: skip
_SIN = (
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
)  # fmt: skip
_COS = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip


def polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Σ c xᵏ by Horner's rule, the highest power first."""
    total = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        total = total * x + c
    return total


def exp(x: Any) -> Any:
    """e^x = 2ⁿ e^r, |r| <= ½ log 2."""
    x = np.minimum(np.maximum(x, LEAST_EXP), LARGEST_EXP + 1)
    n = np.rint(x * INV_LN2)
    high, low = x - n * LN2_HIGH, n * LN2_LOW
    r = high - low
    square = r * r
    c = r - square * polynomial(_EXP, square)
    value = 1 - ((low - r * c / (2 - c)) - high)
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(value, n.astype(np.int64))


def log(x: Any) -> Any:
    """log x = n log 2 + log(1 + f), √½ <= 1 + f < √2, for finite x >= 0."""
    fraction, n = np.frexp(x)
    is_low = fraction < ROOT_HALF
    f, n = np.where(is_low, 2 * fraction, fraction) - 1, n - is_low
    s = f / (2 + f)
    square, half = s * s, 0.5 * f * f
    rest = s * (half + square * polynomial(_LOG, square)) + n * LN2_LOW
    return np.where(np.equal(x, 0), -np.inf, n * LN2_HIGH - ((half - rest) - f))[()]


def log1p(x: Any) -> Any:
    """log(1 + x) for finite x > -1, with what the sum has lost."""
    whole = 1 + x
    return log(whole) + (x - (whole - 1)) / whole


def sin(x: Any) -> Any:
    """The sine of an angle in radians."""
    return _wave(x, 0)


def cos(x: Any) -> Any:
    """The cosine of an angle in radians."""
    return _wave(x, 1)


def tan(x: Any) -> Any:
    """The tangent of an angle in radians."""
    return sin(x) / cos(x)


def _wave(x: Any, quarters: int) -> Any:
    """sin(x + quarters · ½π): by quarters of a turn, the sine or the cosine of what is left."""
    n = np.rint(x * TWO_OVER_PI)
    near, step = x - n * HALF_PI[0], n * HALF_PI[1]  # both exact
    r = near - step
    rest = ((near - r) - step) - n * HALF_PI[2]
    square = r * r
    sine = r + (r * square * polynomial(_SIN, square) + rest)
    cosine = 1 - (0.5 * square - (square * square * polynomial(_COS, square) - r * rest))
    quarter = (n.astype(np.int64) + quarters) % 4
    value = np.where(quarter % 2 == 1, cosine, sine)
    return np.where(quarter >= 2, -value, value)[()]


@lru_cache(maxsize=256)
def power(base: float, exponent: float) -> float:
    """base^exponent for base >= 0."""
    if exponent == int(exponent) and abs(exponent) <= FEW:
        whole = math.prod([base] * abs(int(exponent)), start=1.0)
        return whole if exponent >= 0 else 1 / whole
    return float(exp(exponent * log(base))) if base else 0.0
