"""Write cnntrain/native/c/polynomials.h: the polynomials of the elementary functions.

    python -m scripts.polynomials > cnntrain/native/c/polynomials.h     # needs mpmath

Each has the least largest error on its interval (Remez 1934), found in 240 bits, and is then
rounded to float32 or float64; its error, relative to the function that it helps to compute, is
written beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np

Function = Callable[[mp.mpf], mp.mpf]
mp.mp.prec = 240
NEARLY_0 = mp.mpf(10) ** -25  # stands for 0, at which the quotients are not defined
ROUNDS, POINTS = 12, 60


@dataclass(frozen=True)
class Fit:
    """``weight`` · |f - polynomial| is to be small between ``low`` and ``high``."""

    name: str
    f: Function
    weight: Function
    low: float
    high: float
    terms: int

    def coefficients(self) -> tuple[list[mp.mpf], mp.mpf]:
        """(those of x⁰, x¹, ..., the largest weighted error)."""
        low, high = mp.mpf(self.low), mp.mpf(self.high)
        floor = self.weight(high) / 1000

        def weight(x: mp.mpf) -> mp.mpf:
            return max(self.weight(x), floor)

        def error(x: mp.mpf) -> mp.mpf:
            return weight(x) * (self.f(x) - mp.polyval(found[::-1], x))

        points = spread(low, high, self.terms)
        for _ in range(ROUNDS):
            found = equalized(self.f, weight, points, self.terms)
            points = extrema(error, spread(low, high, POINTS * self.terms))[: self.terms + 1]
        return found, max(abs(error(x)) for x in points)


def spread(low: mp.mpf, high: mp.mpf, n: int) -> list[mp.mpf]:
    """n + 1 points of an interval, closer near its ends."""
    angles = [mp.pi * k / n for k in range(n + 1)]
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(angle) for angle in angles]
    return [x if abs(x) > NEARLY_0 else NEARLY_0 for x in points]


def equalized(f: Function, weight: Function, points: list[mp.mpf], terms: int) -> list[mp.mpf]:
    """The polynomial whose weighted error at the points has one size and alternating signs."""
    system = mp.matrix(terms + 1, terms + 1)
    for i, x in enumerate(points):
        for k in range(terms):
            system[i, k] = x**k
        system[i, terms] = (-1) ** i / weight(x)
    return list(mp.lu_solve(system, mp.matrix([f(x) for x in points])))[:terms]


def extrema(error: Function, points: list[mp.mpf]) -> list[mp.mpf]:
    """Where the error is largest, between one change of its sign and the next."""
    runs: list[list[tuple[mp.mpf, mp.mpf]]] = [[]]
    for x in points:
        e = error(x)
        if runs[-1] and mp.sign(e) != mp.sign(runs[-1][-1][0]):
            runs.append([])
        runs[-1].append((e, x))
    return [max(run, key=lambda pair: abs(pair[0]))[1] for run in runs]


def exp_rest(r: mp.mpf) -> mp.mpf:
    return (mp.expm1(r) - r) / r**2


def log_rest(z: mp.mpf) -> mp.mpf:
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) / s - 2) / z


def log1p_rest(y: mp.mpf) -> mp.mpf:
    return (mp.log1p(y) / y - 1) / y


def tanh_rest(z: mp.mpf) -> mp.mpf:
    return (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z


def erf_rest(z: mp.mpf) -> mp.mpf:
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1


def log_erfc_beyond_1(t: mp.mpf) -> mp.mpf:
    return mp.log(mp.erfc(1 + t))


def fits(double: bool) -> list[Fit]:
    """All polynomials of one precision."""
    return [
        Fit("EXP_REST", exp_rest, lambda r: r * r, -0.347, 0.347, 10 if double else 5),
        Fit("LOG_REST", log_rest, lambda z: z / 2, 0, 0.0295, 7 if double else 3),
        Fit("LOG1P_REST", log1p_rest, lambda y: y * y / mp.log1p(y), 0, 1, 20 if double else 10),
        Fit("TANH_REST", tanh_rest, lambda z: z, 0, 0.3907, 11 if double else 5),
        Fit("ERF_REST", erf_rest, lambda z: mp.mpf(1), 0, 1, 12 if double else 7),
        Fit("LOG_ERFC", log_erfc_beyond_1, lambda t: mp.erfc(1 + t), 0, 5 if double else 3,
            18 if double else 7),
    ]  # fmt: skip


def written(fit: Fit, double: bool) -> str:
    """One polynomial in C."""
    found, error = fit.coefficients()
    numbers = [repr(float(c)) if double else f"{np.float32(float(c))!s}f" for c in found]
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(number) > 100:
            lines, line = [*lines, line], "   "
        line += f" {number},"
    body = "\n".join([*lines, line]).rstrip(",")
    about = f"/* error 2^{float(mp.log(error, 2)):.1f} */"
    return f"static const real {fit.name}[] = {{ {about}\n{body}}};\n"


def main() -> None:
    """Print the header."""
    print(
        "/* Polynomials of elementary.h, lowest power first; written by scripts/polynomials.py. */"
    )
    print("#ifndef CNNTRAIN_POLYNOMIALS_H\n#define CNNTRAIN_POLYNOMIALS_H\n\n#ifdef REAL_IS_DOUBLE")
    for double in (True, False):
        print("".join(written(fit, double) for fit in fits(double)), end="")
        print("#else" if double else "#endif\n\n#endif")


if __name__ == "__main__":
    main()
