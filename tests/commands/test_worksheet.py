"""``cnntrain worksheet`` and ``cnntrain grade``."""

import json
import re

import pytest

from cnntrain.cli.worksheet import TOPICS as OFFERED
from cnntrain.commands.grade import run_grade
from cnntrain.commands.worksheet import run_worksheet
from cnntrain.errors import ConfigError, DataError
from cnntrain.views.languages import using
from cnntrain.views.worksheet.topics import TOPICS


def test_all_topics_are_offered():
    assert tuple(TOPICS) == OFFERED


def test_sheet_and_key_as_markdown_and_page(tmp_path, capsys):
    assert run_worksheet("conv", 7, 2, False, None) == 0
    sheet = capsys.readouterr().out
    assert sheet.startswith("# Worksheet: conv, seed 7")
    assert "conv1.W[0,0,0,0]" not in sheet
    for name in ("key.md", "key.html"):
        assert run_worksheet("conv", 7, 2, True, tmp_path / name) == 0
        assert "conv1.W[0,0,0,0]" in (tmp_path / name).read_text("utf-8")
    with pytest.raises(ConfigError, match=r"ends in \.html or \.md"):
        run_worksheet("conv", 7, 2, True, tmp_path / "key.pdf")


def test_answers_are_marked(tmp_path, capsys):
    path = tmp_path / "answers.yaml"
    path.write_text(
        "topic: conv\nseed: 7\ncount: 1\n1:\n  z: [[6, -1], [-2, -14]]\n"
        "  dW: [[4, 6], [4, 2]]\n  db: [-1]\n"
    )
    assert run_grade(path, None, False) == 1
    text = capsys.readouterr().out
    assert "   z   right\n" in text
    assert "3 of 4 right: [0,0] is -4, not 4: the sign is wrong" in text
    assert "no answer" in text
    assert run_grade(path, 7, True) == 1
    assert json.loads(capsys.readouterr().out)["right"] is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("topic: conf", "did you mean 'conv'?"),
        ("- 1", "as printed at the end of the worksheet"),
        ("topic: [", "not a YAML file of answers"),
        ("topic: conv\nseed: x", "seed: 'x' is not the number of a sheet"),
        ("topic: conv\ncount: 1000", "count: 1000 is not a number of exercises"),
        ("topic: [conv]", "is none"),
    ],
)
def test_files_that_are_no_answers(tmp_path, content, message):
    path = tmp_path / "answers.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError) as caught:
        run_grade(path, None, False)
    assert message in str(caught.value)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_same_sheet_in_chinese(topic, capsys):
    assert run_worksheet(topic, 7, 2, True, None) == 0
    english = capsys.readouterr().out
    with using("zh"):
        assert run_worksheet(topic, 7, 2, True, None) == 0
    sheet = capsys.readouterr().out
    assert sheet.startswith(f"# 解答：{topic}，种子 7")
    prose = [line for line in sheet.splitlines() if not line.startswith("    ")]
    assert not [line for line in prose[:-2] if re.search(r"[a-z]{3,} [a-z]{2,} ", line)]
    blocks = [re.findall(r"^    [\d .-]+$", text, re.MULTILINE) for text in (english, sheet)]
    assert blocks[0] == blocks[1]


def test_answers_are_marked_in_chinese(tmp_path, capsys):
    path = tmp_path / "answers.yaml"
    path.write_text(
        "topic: conv\nseed: 7\ncount: 1\n1:\n  z: [[6, -1], [-2, -14]]\n"
        "  dW: [[4, 6], [4, 2]]\n  da: [[1, 2], [3]]\n"
    )
    with using("zh"):
        assert run_grade(path, None, False) == 1
    text = capsys.readouterr().out
    assert "1. 卷积\n   z   正确\n" in text
    assert "4 个数中 3 个正确: [0,0] 应为 -4，不是 4: 符号错了" in text
    assert "没有作答" in text
    assert text.endswith("个正确\n")


def test_the_page_says_its_language(tmp_path):
    with using("zh"):
        assert run_worksheet("mlp", 7, 1, False, tmp_path / "sheet.html") == 0
    page = (tmp_path / "sheet.html").read_text("utf-8")
    assert '<html lang="zh">' in page
    assert "练习：mlp，种子 7" in page
