"""Chinese labels in pictures: letters where the machine has a font for them, else a note, once."""

import io
import warnings

import pytest

from cnntrain.views.report import fonts
from cnntrain.views.report.fonts import chinese_font, write_letters

pytest.importorskip("matplotlib", reason="the pictures are drawn with matplotlib")

NAME = "Noto Sans CJK SC"


@pytest.fixture
def font_file(tmp_path):
    """A font of that name with the letters 猫 and 狗, each a square of its own size."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    def square(side):
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for corner in ((0, side), (side, side), (side, 0)):
            pen.lineTo(corner)
        pen.closePath()
        return pen.glyph()

    built = FontBuilder(1000, isTTF=True)
    built.setupGlyphOrder([".notdef", "cat", "dog"])
    built.setupCharacterMap({ord("猫"): "cat", ord("狗"): "dog"})
    built.setupGlyf({".notdef": square(100), "cat": square(900), "dog": square(500)})
    built.setupHorizontalMetrics(dict.fromkeys((".notdef", "cat", "dog"), (1000, 0)))
    built.setupHorizontalHeader(ascent=900, descent=-100)
    built.setupNameTable({"familyName": NAME, "styleName": "Regular"})
    built.setupOS2()
    built.setupPost()
    path = tmp_path / "NotoSansCJK-Regular.ttf"
    built.save(path)
    return path


@pytest.fixture
def machine(monkeypatch):
    """``machine(*files)``: what matplotlib knows and finds there are these fonts and its own."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    own = [entry for entry in manager.ttflist if not fonts.CHINESE.match(entry.name)]

    def has(*files):
        monkeypatch.setattr(manager, "ttflist", list(own))
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(map(str, files)))
        forget()

    def forget():
        chinese_font.cache_clear()
        fonts._say_that_there_is_none.cache_clear()

    yield has
    monkeypatch.undo()
    forget()


def picture(*labels):
    from matplotlib.figure import Figure

    made = Figure(figsize=(2, 2))
    axis = made.subplots()
    axis.set_xticks(range(len(labels)), labels)
    write_letters(made)
    return made


def drawn(made, kind="png"):
    """The picture; a letter without a shape is an error."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.savefig(content, format=kind)
    return content.getvalue()


def test_with_a_font_letters_are_letters(machine, font_file, capsys):
    machine(font_file)
    assert chinese_font() == NAME
    assert drawn(picture("猫", "狗")) != drawn(picture("狗", "猫"))
    assert capsys.readouterr().err == ""


def test_without_a_font_a_note_says_so_once(machine, tmp_path, capsys):
    broken = tmp_path / "wqy.ttc"
    broken.write_bytes(b"no font")
    machine(broken)
    assert chinese_font() is None
    for _ in range(2):
        with pytest.raises(UserWarning, match="missing from"):
            drawn(picture("猫"))
    told = capsys.readouterr().err
    assert told.count("Note: ") == 1
    assert "fonts-noto-cjk" in told


def test_pictures_without_chinese_letters_do_not_depend_on_the_machine(machine, font_file, capsys):
    machine()
    without = picture("größe", "δ")
    machine(font_file)
    assert drawn(without) == drawn(picture("größe", "δ"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "name",
    ["Noto Sans CJK SC", "Noto Serif CJK JP", "Noto Sans SC", "WenQuanYi Micro Hei", "SimHei",
     "PingFang SC", "Microsoft YaHei", "Source Han Sans CN", "Droid Sans Fallback"],
)  # fmt: skip
def test_usual_fonts_are_recognised(name):
    assert fonts.CHINESE.match(name)


@pytest.mark.parametrize("name", ["DejaVu Sans", "Noto Sans", "Noto Mono", "Liberation Sans"])
def test_others_are_not(name):
    assert not fonts.CHINESE.match(name)
