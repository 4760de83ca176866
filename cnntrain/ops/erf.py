"""The error function, which NumPy does not provide."""

import numpy as np

from cnntrain.types import Array

# W. J. Cody 1969, "Rational Chebyshev approximations for the error function", as coded in CALERF.
_NEAR_P = (
    1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
    3.77485237685302021e2, 3.20937758913846947e3,
)  # fmt: skip
_NEAR_Q = (
    1.0, 2.36012909523441209e1, 2.44024637934444173e2,
    1.28261652607737228e3, 2.84423683343917062e3,
)  # fmt: skip
_MIDDLE_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
    6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
    1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_MIDDLE_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2,
    5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
    4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
_FAR_P = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
    1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_FAR_Q = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0,
    5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
)  # fmt: skip
NEAR, FAR = 0.46875, 4.0
LARGEST = 26.0  # erf is 1 to float64 precision from 6 on
INVERSE_ROOT_PI = 0.564189583547756287


def erf(x: Array) -> Array:
    """erf(x) = 2/√π ∫₀ˣ e^-t² dt, elementwise, to the precision of float64."""
    exact = np.minimum(np.abs(x.astype(np.float64)), LARGEST)
    near, far = exact <= NEAR, exact > FAR
    result = np.empty_like(exact)
    result[near] = _near(exact[near])
    result[far] = 1 - _far_complement(exact[far])
    middle = ~(near | far)
    result[middle] = 1 - _middle_complement(exact[middle])
    return np.copysign(result, x).astype(x.dtype)


def _near(x: Array) -> Array:
    return x * np.polyval(_NEAR_P, x * x) / np.polyval(_NEAR_Q, x * x)


def _middle_complement(x: Array) -> Array:
    return np.exp(-x * x) * np.polyval(_MIDDLE_P, x) / np.polyval(_MIDDLE_Q, x)


def _far_complement(x: Array) -> Array:
    y = 1 / (x * x)
    tail = y * np.polyval(_FAR_P, y) / np.polyval(_FAR_Q, y)
    return np.exp(-x * x) / x * (INVERSE_ROOT_PI - tail)
