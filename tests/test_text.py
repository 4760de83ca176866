"""Events and metrics as text."""

from typing import get_args

import pytest

from cnntrain.metrics import metric_text
from cnntrain.runs.messages import REASONS, epoch_line, stopped_line
from cnntrain.text import (
    columns,
    duration,
    json_text,
    literal,
    padded,
    printable,
    shortened,
    table,
    visible,
    wrapped,
)
from cnntrain.training.events import EpochEnd, Reason, Stopped


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("loss", 0.123456789, "loss 0.12346"),
        ("loss", 1e-9, "loss 1e-09"),
        ("accuracy", 0.98765, "accuracy 98.77%"),
        ("val/accuracy", 1.0, "val/accuracy 100.00%"),
        ("val/accuracy", 0, "val/accuracy 0.00%"),
        ("rmse", 12345.678, "rmse 12346"),
        ("loss", float("nan"), "loss nan"),
    ],
)
def test_a_metric(name, value, expected):
    assert metric_text(name, value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (0.449, "0.4 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (60, "1:00 min"),
        (187, "3:07 min"),
        (3599.4, "59:59 min"),
        (3600, "1:00 h"),
        (7500, "2:05 h"),
        (90_000, "25:00 h"),
    ],
)
def test_a_duration(seconds, expected):
    assert duration(seconds) == expected


@pytest.mark.parametrize("seconds", [9.99, 59.9, 3599.9])
def test_a_duration_is_never_sixty_of_something(seconds):
    assert "60" not in duration(seconds)
    assert duration(seconds) != "10.0 s"


@pytest.mark.parametrize(
    ("epochs", "best", "expected"),
    [
        (10, True, "epoch 3/10  train/loss 0.5  val/accuracy 97.20%  lr 0.05  1,234 samples/s"
                   "  12 s  * best"),
        (None, False, "epoch 3  train/loss 0.5  val/accuracy 97.20%  lr 0.05  1,234 samples/s"
                      "  12 s"),
    ],
)  # fmt: skip
def test_the_line_of_an_epoch(epochs, best, expected):
    metrics = {"train/loss": 0.5, "val/accuracy": 0.972}
    assert epoch_line(EpochEnd(3, 30, metrics, 0.05, 12.0, 1234.4, best), epochs) == expected


def test_the_line_of_the_end():
    event = Stopped("patience", "no better epoch for 5 epochs", 9, 90, {}, 100.0)
    assert stopped_line(event) == (
        "stopped after 1:40 min, step 90: no further improvement (no better epoch for 5 epochs)"
    )


def test_every_reason_has_a_text():
    assert set(REASONS) == set(get_args(Reason))


def test_a_table_is_aligned():
    rows = [["class", "precision", "n"], ["ten", "5.00%", "12"], ["a", "100.00%", ""]]
    assert table(rows).splitlines() == [
        "class  precision   n",
        "--------------------",
        "ten        5.00%  12",
        "a        100.00%",
    ]
    assert table(rows, left=2).splitlines()[2] == "ten    5.00%      12"


def test_chinese_letters_take_two_columns():
    assert [columns(text) for text in ("δ = 1", "误差 δ", "（3）")] == [5, 6, 5]
    assert padded("误差", 6) == "误差  "
    assert table([["类别", "n"], ["a", "1"]]).splitlines() == ["类别  n", "-------", "a     1"]


def test_chinese_is_wrapped_between_letters_but_not_before_a_full_stop():
    text = "前向传播计算输出。反向传播（backpropagation）计算梯度。"
    lines = wrapped(text, 18, indent="  ").splitlines()
    assert lines == ["前向传播计算输出。", "  反向传播", "  （backpropagation）", "  计算梯度。"]
    assert wrapped("so it is in English", 12, "  ") == "so it is in\n  English"


def test_json_has_no_bare_infinity():
    values = {"loss": float("inf"), "r2": float("nan"), "n": 3, "deep": [{"mae": 1.5}, (-0.0,)]}
    assert json_text(values) == '{"loss": null, "r2": null, "n": 3, "deep": [{"mae": 1.5}, [-0.0]]}'


def test_json_needs_no_unicode_but_values_for_a_person_keep_their_letters():
    assert json_text({"class": "größe"}) == '{"class": "gr\\u00f6\\u00dfe"}'
    assert literal({"class": "größe"}) == '{"class": "größe"}'


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("größe 猫✓", "größe 猫✓"),
        ("\x1b[2Jx\x07", r"\x1b[2Jx\x07"),
        ("a\rb\tc\x7f", r"a\rb\tc\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2028\x85\0", r"\u2028\x85\x00"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_characters_that_steer_a_terminal_become_escapes(raw, shown):
    assert printable(f"{raw}\n{raw}") == f"{shown}\n{shown}"
    assert visible(f"{raw}\n{raw}") == rf"{shown}\n{shown}"


def test_a_cell_of_a_table_stays_one_line():
    assert table([["a", "b"], ["x\ny", "\x1b"]]).splitlines()[2:] == [r"x\ny  \x1b"]


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [("abcdef", 6, "abcdef"), ("abcdefg", 6, "abc…fg"), ("abcdefg", 5, "ab…fg"), ("abc", 2, "a…"),
     ("abc", 1, "…"), ("", 1, "")],
)  # fmt: skip
def test_a_long_text_loses_its_middle(text, most, short):
    assert shortened(text, most) == short
    assert len(short) <= most
