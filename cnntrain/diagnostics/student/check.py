"""Checking functions: the output beside the right one, derivatives beside numerical ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cnntrain.diagnostics.finding import Finding
from cnntrain.diagnostics.student.cases import KINDS, Case, cases
from cnntrain.types import Array

STEP = 1e-5
TOLERANCE = 1e-6  # relative to the largest right entry
Function = Callable[..., Any]


def check_functions(found: Mapping[str, Function], seed: int) -> Iterator[Finding]:
    """A finding for every function whose name is known, in the order of the kinds."""
    for kind in KINDS:
        for side, check in (("forward", check_forward), ("backward", check_backward)):
            name = f"{kind}_{side}"
            if name in found:
                yield check(name, kind, found[name], seed)


def check_forward(name: str, kind: str, function: Function, seed: int) -> Finding:
    """Whether the outputs of all cases are right; else the first wrong entry."""
    for k, case in enumerate(cases(kind, seed), 1):
        got, trouble = _called(function, [*case.arrays.values()], case.options)
        trouble = trouble or _difference("y", got, case.right(case.arrays))
        if trouble:
            return _wrong(name, k, case, trouble)
    return Finding(name, True, "all outputs are right")


def check_backward(name: str, kind: str, function: Function, seed: int) -> Finding:
    """Whether the derivatives of all cases are those of the right output, by differences."""
    is_loss = KINDS[kind].is_loss
    for k, case in enumerate(cases(kind, seed), 1):
        rng = np.random.default_rng([seed, k])
        dy = np.array(1.0) if is_loss else rng.normal(size=case.right(case.arrays).shape)
        before = [] if is_loss else [dy.copy()]
        got, trouble = _called(function, [*before, *case.arrays.values()], case.options)
        trouble = trouble or _derivatives(case, dy, got)
        if trouble:
            return _wrong(name, k, case, trouble)
    return Finding(name, True, "all derivatives are right")


def _wrong(name: str, k: int, case: Case, trouble: str) -> Finding:
    return Finding(name, False, f"case {k}, {case.told()}: {trouble}")


def _called(
    function: Function, arrays: Sequence[Array], options: Mapping[str, Any]
) -> tuple[Any, str]:
    """(what the function gives, why it failed): called with copies, which it must not change."""
    given = [array.copy() for array in arrays]
    try:
        with np.errstate(all="ignore"):
            got = function(*given, *options.values())
    except Exception as error:  # whatever a learner's function does
        return None, f"{type(error).__name__}: {error}"
    for before, after in zip(arrays, given, strict=True):
        if not np.array_equal(before, after):
            return None, "it changes one of its arguments; work on a copy"
    return got, ""


def _derivatives(case: Case, dy: Array, got: Any) -> str:
    """What is wrong with (∂C/∂x, ∂C/∂W, ...), the first thing; nothing if all are right."""
    parts = got if isinstance(got, tuple | list) else (got,)
    if len(parts) != len(case.arrays):
        wanted = ", ".join(f"d{name}" for name in case.arrays)
        return f"it gives {len(parts)} arrays, but ({wanted}) are {len(case.arrays)}"
    for name, part in zip(case.arrays, parts, strict=True):
        trouble = _difference(f"d{name}", part, numerical(case, name, dy))
        if trouble:
            return trouble
    return ""


def numerical(case: Case, name: str, dy: Array) -> Array:
    """∂(Σ dy · y)/∂ the array of this name, by central differences of the right output."""
    gradient = np.empty_like(case.arrays[name])
    for at in range(gradient.size):
        sides = []
        for step in (STEP, -STEP):
            moved = case.arrays[name].copy()
            moved.flat[at] += step
            sides.append(case.right({**case.arrays, name: moved}))
        gradient.flat[at] = float(np.sum(dy * (sides[0] - sides[1]))) / (2 * STEP)
    return gradient


def _difference(name: str, got: Any, right: Array) -> str:
    """The shape, or the first entry, in which an array differs from the right one."""
    if got is None:
        return f"{name} is missing: the function returns nothing"
    try:
        array = np.asarray(got, dtype=np.float64)
    except (TypeError, ValueError):
        return f"{name} is not an array of numbers, but {type(got).__name__}"
    if array.shape != right.shape:
        return f"{name} has the shape {array.shape}, not {right.shape}"
    slack = TOLERANCE * max(1.0, float(np.abs(right).max()))
    wrong = ~(np.abs(array - right) <= slack)
    if not wrong.any():
        return ""
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    place = f"[{','.join(map(str, at))}]" if at else ""
    told = f"{int(wrong.sum())} of {wrong.size} entries are wrong"
    return f"{name}{place} is {array[at]:.6g}, right is {right[at]:.6g} ({told})"
