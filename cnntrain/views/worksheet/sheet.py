"""A worksheet as Markdown or as a page to print, without or with the worked solutions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnntrain.rng import Purpose, stream
from cnntrain.types import Array
from cnntrain.views.languages import language, say
from cnntrain.views.trace.text import explanation_text, link_lines
from cnntrain.views.worksheet.exercise import Exercise, Part
from cnntrain.views.worksheet.topics import TOPICS


def exercises_of(topic: str, seed: int, count: int) -> list[Exercise]:
    """The exercises of a sheet: the same for the same topic, seed and place."""
    place = list(TOPICS).index(topic)
    return [TOPICS[topic](stream(seed, Purpose.WORKSHEET, place, k)) for k in range(count)]


def markdown(topic: str, seed: int, exercises: Sequence[Exercise], key: bool) -> str:
    """The sheet as Markdown, which reads as plain text too."""
    return "\n".join(_lines(topic, seed, exercises, key)) + "\n"


def _lines(topic: str, seed: int, exercises: Sequence[Exercise], key: bool) -> Iterator[str]:
    yield f"# {_title(topic, seed, key)}"
    for place, exercise in enumerate(exercises, 1):
        yield f"\n## {place}. {exercise.title}\n"
        yield exercise.task
        for symbol, array in exercise.given:
            yield f"\n{symbol} =\n"
            yield from (f"    {row}" for row in rows_of(array, 0))
        for part in exercise.parts:
            yield from _part_lines(part, key)
    yield f"\n{_how_to_grade(topic, seed)}\n"
    yield from (f"    {line}" for line in answer_form(topic, seed, exercises).splitlines())


def _part_lines(part: Part, key: bool) -> Iterator[str]:
    shape = "×".join(map(str, part.answer.shape))
    told = "sheet.numbers_decimals" if part.decimals else "sheet.numbers"
    size = say(told, shape=shape, decimals=part.decimals)
    yield f"\n**{part.symbol}** ({size})" + (" =\n" if key else " = ?")
    if not key:
        return
    yield from (f"    {row}" for row in rows_of(part.answer, part.decimals))
    yield ""
    yield from (f"    {line}" for line in working(part))


def working(part: Part) -> Iterator[str]:
    """How the numbers come about, out of the trace."""
    for found in part.explained:
        if found.links and not found.terms:
            yield f"{found.entry}:"
            yield from link_lines(found.links)
        else:
            yield from explanation_text(found).splitlines()


def rows_of(array: Array, least: int) -> list[str]:
    """The rows of a small array, aligned, with at least so many decimals if it is not whole."""
    decimals = Part("", "", array).decimals
    cells = np.atleast_2d(array)
    texts = [[f"{value:z.{max(decimals, least if decimals else 0)}f}" for value in row]
             for row in cells.tolist()]  # fmt: skip
    width = max(len(text) for row in texts for text in row)
    return ["  ".join(text.rjust(width) for text in row) for row in texts]


def answer_form(topic: str, seed: int, exercises: Sequence[Exercise]) -> str:
    """The file of answers with question marks in place of numbers."""
    lines = [f"topic: {topic}", f"seed: {seed}", f"count: {len(exercises)}"]
    for place, exercise in enumerate(exercises, 1):
        lines.append(f"{place}:")
        lines += [f"  {part.name}: {_form(part.answer)}" for part in exercise.parts]
    return "\n".join(lines)


def _form(answer: Array) -> str:
    row = f"[{', '.join('?' * answer.shape[-1])}]"
    return row if answer.ndim == 1 else f"[{', '.join([row] * len(answer))}]"


def _title(topic: str, seed: int, key: bool) -> str:
    return say("sheet.solutions" if key else "sheet.worksheet", topic=topic, seed=seed)


def _how_to_grade(topic: str, seed: int) -> str:
    return say("sheet.how_to_grade", seed=seed)


def page(topic: str, seed: int, exercises: Sequence[Exercise], key: bool) -> str:
    """The sheet as a page to print (needs Jinja2)."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("sheet.html").render(
        lang=language(),
        title=_title(topic, seed, key),
        exercises=[_shown(exercise, key) for exercise in exercises],
        grade=_how_to_grade(topic, seed).replace("`", ""),
        form=answer_form(topic, seed, exercises),
        key=key,
    )


def _shown(exercise: Exercise, key: bool) -> dict[str, Any]:
    return {
        "title": exercise.title,
        "task": exercise.task,
        "given": [(symbol, _cells(array)) for symbol, array in exercise.given],
        "parts": [
            {
                "symbol": part.symbol,
                "decimals": say("sheet.decimals", decimals=part.decimals) if part.decimals else "",
                "cells": _cells(part.answer),
                "working": "\n".join(working(part)) if key else "",
            }
            for part in exercise.parts
        ],
    }


def _cells(array: Array) -> list[list[str]]:
    return [row.split() for row in rows_of(array, 0)]
