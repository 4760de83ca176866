"""Worksheets: the same for the same seed, solved out of the trace, and every mistake recognised."""

import numpy as np
import pytest
import yaml

from cnntrain.views.languages import TABLES, using
from cnntrain.views.worksheet.grading import marked
from cnntrain.views.worksheet.sheet import answer_form, exercises_of, markdown, rows_of
from cnntrain.views.worksheet.topics import TOPICS

SEEDS = range(4)


def answers_of(exercises):
    return {
        k: {part.name: np.round(part.answer, part.decimals).tolist() for part in exercise.parts}
        for k, exercise in enumerate(exercises, 1)
    }


@pytest.mark.parametrize("topic", TOPICS)
def test_the_key_is_right_and_the_same_for_the_same_seed(topic):
    exercises = exercises_of(topic, 7, 3)
    assert markdown(topic, 7, exercises, True) == markdown(
        topic, 7, exercises_of(topic, 7, 3), True
    )
    assert markdown(topic, 7, exercises, False) != markdown(
        topic, 8, exercises_of(topic, 8, 3), False
    )
    marks = list(marked(exercises, answers_of(exercises)))
    assert all(mark.right == mark.total for mark in marks)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("topic", TOPICS)
def test_every_common_mistake_is_recognised(topic, seed):
    (exercise,) = exercises_of(topic, seed, 1)
    for part in exercise.parts:
        for words, wrong in part.mistakes.items():
            answers = answers_of([exercise])
            answers[1][part.name] = np.asarray(wrong).tolist()
            mark = next(m for m in marked([exercise], answers) if m.part == part.name)
            if mark.right == mark.total:  # the numbers do not show this mistake
                continue
            others = [w for w, other in part.mistakes.items() if np.allclose(other, wrong)]
            assert mark.remarks[0] in others
            assert words in others


@pytest.mark.parametrize("topic", TOPICS)
def test_numbers_are_clean(topic):
    for exercise in exercises_of(topic, 3, 4):
        for _, array in exercise.given:
            assert np.array_equal(array, np.round(array, 1))
        if topic in ("conv", "mlp", "pool"):
            assert all(part.decimals <= 2 for part in exercise.parts)


def test_a_wrong_number_is_traced_to_its_term():
    exercises = exercises_of("conv", 7, 1)
    part = exercises[0].parts[1]
    term = next(t for t in part.explained[0].terms if t.value)
    for change, words in ((-term.value, "is missing"), (-2 * term.value, "has the wrong sign"),
                          (term.value, "is there twice")):  # fmt: skip
        answers = answers_of(exercises)
        answers[1]["dW"][0][0] += change
        mark = next(m for m in marked(exercises, answers) if m.part == "dW")
        assert mark.right == 3
        assert words in mark.remarks[0] or "sign" in mark.remarks[0]


@pytest.mark.parametrize(
    ("given", "remark"),
    [
        (None, "no answer"),
        ("?", "not numbers, but '?'"),
        ([[1, 2]], "2×2 numbers are asked for"),
        ([[1, "x"], [2, 3]], "not numbers"),
    ],
)
def test_answers_that_are_none(given, remark):
    exercises = exercises_of("conv", 7, 1)
    answers = {1: {"z": given}}
    mark = next(iter(marked(exercises, answers)))
    assert mark.right == 0
    assert remark in mark.remarks[0]


def test_the_form_is_yaml_with_a_place_for_every_number():
    exercises = exercises_of("mlp", 7, 2)
    form = answer_form("mlp", 7, exercises).replace("?", "0")
    found = yaml.safe_load(form)
    assert found["topic"] == "mlp"
    for mark in marked(exercises, found):
        assert not any("asked for" in remark for remark in mark.remarks)


def test_rows_are_aligned():
    assert rows_of(np.array([[1.0, -20.0], [3.5, 4.0]]), 0) == ["  1.0  -20.0", "  3.5    4.0"]


@pytest.mark.parametrize("lang", TABLES)
def test_no_two_mistakes_of_a_part_are_called_the_same(lang):
    """In another language, too, each has a text of its own."""
    with using(lang):
        kinds = [exercises_of(topic, seed, 1)[0] for topic in TOPICS for seed in SEEDS]
    counts = [[len(part.mistakes) for part in exercise.parts] for exercise in kinds]
    english = [exercises_of(topic, seed, 1)[0] for topic in TOPICS for seed in SEEDS]
    assert counts == [[len(part.mistakes) for part in exercise.parts] for exercise in english]
