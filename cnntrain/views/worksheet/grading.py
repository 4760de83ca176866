"""Marking answers: every number, and where a wrong one departs from the solution."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnntrain.types import Array
from cnntrain.views.arrays import number
from cnntrain.views.languages import say
from cnntrain.views.trace.terms import Explanation, Factor, Term
from cnntrain.views.worksheet.exercise import Exercise, Part, small


@dataclass(frozen=True)
class Mark:
    """The verdict on one part: how many of its numbers are right, and what went wrong."""

    exercise: int
    part: str
    right: int
    total: int
    remarks: tuple[str, ...] = ()


def marked(exercises: Sequence[Exercise], answers: Mapping[Any, Any]) -> Iterator[Mark]:
    """A mark for every part; ``answers``: {number of the exercise: {part: numbers}}."""
    for place, exercise in enumerate(exercises, 1):
        given = answers.get(place, answers.get(str(place)))
        given = given if isinstance(given, Mapping) else {}
        for part in exercise.parts:
            yield _mark(place, part, given.get(part.name))


def _mark(place: int, part: Part, given: Any) -> Mark:
    total = part.answer.size
    if given is None:
        return Mark(place, part.name, 0, total, (say("grade.no_answer"),))
    try:
        values = small(np.array(given, dtype=np.float64))
    except (TypeError, ValueError):
        return Mark(
            place, part.name, 0, total, (say("grade.not_numbers", given=repr(str(given)[:40])),)
        )
    if values.shape != small(part.answer).shape:
        wanted = "×".join(map(str, part.answer.shape))
        return Mark(place, part.name, 0, total, (say("grade.wrong_shape", shape=wanted),))
    values = values.reshape(part.answer.shape)
    right = same(values, part.answer, part.decimals)
    remarks = () if right.all() else tuple(_remarks(part, values, right))
    return Mark(place, part.name, int(right.sum()), total, remarks)


def same(values: Array, answer: Array, decimals: int) -> Array:
    """Which numbers are equal up to one unit of the last decimal that is asked for."""
    tolerance = 1.001 * 10.0**-decimals if decimals else 1e-6
    equal: Array = np.abs(values - answer) <= tolerance
    return equal


def _remarks(part: Part, values: Array, right: Array) -> Iterator[str]:
    """The mistake that gives exactly these numbers; else where the first wrong one departs."""
    for words, result in part.mistakes.items():
        if same(values, result.reshape(values.shape), part.decimals).all():
            yield words
            return
    at = int(np.argmin(right.ravel()))
    place = ",".join(map(str, np.unravel_index(at, values.shape)))
    found, value, wanted = part.explained, values.flat[at], part.answer.flat[at]
    head = say("grade.wrong", place=place, wanted=number(float(wanted)), value=number(float(value)))
    departs = _departure(found[at], float(value), part.decimals) if at < len(found) else ""
    yield f"{head}: {departs}" if departs else head


def _departure(found: Explanation, value: float, decimals: int) -> str:
    """The term of the sum that is missing, counted twice, or has the wrong sign."""
    off, slack = value - found.value, 1.5 * 10.0**-decimals if decimals else 1e-6
    if found.links:
        return _departure_of_lines(found, value, slack)
    if abs(value + found.value) <= slack:
        return say("mistake.sign")
    for key, share in (
        ("grade.term_missing", -1.0), ("grade.term_sign", -2.0), ("grade.term_twice", 1.0),
    ):  # fmt: skip
        for term in found.terms:
            if abs(term.value) > slack and abs(off - share * term.value) <= slack:
                return say(key, term=_told(term))
    for term in found.terms:
        for factor in term.factors if len(term.factors) > 1 else ():
            if abs(off + term.value - factor.value) <= slack:
                return say("grade.only_factor", term=_told(term), factor=_name(factor))
    return ""


def _departure_of_lines(found: Explanation, value: float, slack: float) -> str:
    """The line of a recipe that the number equals, if it is not the last one."""
    for link in found.links[:-1]:
        if abs(link.value - value) <= slack:
            return say("grade.line", name=link.name, expression=link.expression)
    last = found.links[-1]
    return f"{last.name} = {last.expression} = {last.written}"


def _told(term: Term) -> str:
    numbers = " · ".join(number(factor.value) for factor in term.factors)
    return f"{' · '.join(map(_name, term.factors))} = {numbers}"


def _name(factor: Factor) -> str:
    return factor.name.strip("<>")
