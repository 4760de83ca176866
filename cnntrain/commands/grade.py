"""``cnntrain grade``: answers to a worksheet, marked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from cnntrain.errors import DataError, ExitCode
from cnntrain.registry import did_you_mean
from cnntrain.text import json_text, printable
from cnntrain.views.languages import say
from cnntrain.views.worksheet.grading import Mark, marked
from cnntrain.views.worksheet.sheet import exercises_of
from cnntrain.views.worksheet.topics import TOPICS

MOST_BYTES = 1_000_000
MOST_EXERCISES = 100


def run_grade(path: Path, seed: int | None, as_json: bool) -> ExitCode:
    """Mark the answers; exit code 1 unless every number is right."""
    answers = read_answers(path)
    exercises = exercises_of(*_sheet(path, answers, seed))
    marks = list(marked(exercises, answers))
    done = all(mark.right == mark.total for mark in marks)
    if as_json:
        print(json_text({"right": done, "marks": [asdict(mark) for mark in marks]}))
    else:
        print(printable(report([exercise.title for exercise in exercises], marks)))
    return ExitCode.DONE if done else ExitCode.FAILED


def read_answers(path: Path) -> Mapping[Any, Any]:
    """The answers of a YAML file; ``DataError`` if it is not such a file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: too large for a file of answers")
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        told = " ".join(str(error).split())
        raise DataError(f"{path}: not a YAML file of answers: {told}") from None
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: write answers as printed at the end of the worksheet")
    return found


def _sheet(path: Path, answers: Mapping[Any, Any], seed: int | None) -> tuple[str, int, int]:
    """(topic, seed, count) of the sheet that is answered."""
    topic = answers.get("topic")
    if not isinstance(topic, str) or topic not in TOPICS:
        raise DataError(f"{path}: topic: {topic!r} is none{did_you_mean(str(topic), TOPICS)}")
    numbers = [key for key in answers if isinstance(key, int)]
    chosen = answers.get("seed", 0) if seed is None else seed
    count = answers.get("count", max(numbers, default=1))
    if not isinstance(chosen, int) or not 0 <= chosen < 2**63:
        raise DataError(f"{path}: seed: {chosen!r} is not the number of a sheet")
    if not isinstance(count, int) or not 1 <= count <= MOST_EXERCISES:
        raise DataError(f"{path}: count: {count!r} is not a number of exercises")
    return topic, chosen, count


def report(titles: Sequence[str], marks: Sequence[Mark]) -> str:
    """The marks exercise by exercise, and their sum."""
    lines: list[str] = []
    for place, title in enumerate(titles, 1):
        own = [mark for mark in marks if mark.exercise == place]
        lines.append(f"{place}. {title}")
        width = max(len(mark.part) for mark in own)
        for mark in own:
            done = mark.right == mark.total
            partly = say("grade.partly", right=mark.right, total=mark.total)
            word = say("grade.right") if done else partly
            told = f": {'; '.join(mark.remarks)}" if mark.remarks else ""
            lines.append(f"   {mark.part:<{width}}  {word}{told}")
    right, total = sum(mark.right for mark in marks), sum(mark.total for mark in marks)
    return "\n".join([*lines, say("grade.sum", right=right, total=total)])
