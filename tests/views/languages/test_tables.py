"""The texts of the page: complete, translated, with the same places for values."""

import re
from collections import Counter

import pytest

from cnntrain.views.languages import TABLES, texts_of
from cnntrain.views.trace.page import FOLDER

SAID = re.compile(r'(?:\bsay|\bsayWith)\((?:[^"()]+\? )?"(\w+)"(?: : "(\w+)")?')
SAID_IN_HTML = re.compile(r'{{ say\["(\w+)"\] }}')
PLACE = re.compile(r"{(\w+)}")


@pytest.mark.parametrize("lang", TABLES)
def test_no_text_is_missing(lang):
    assert TABLES[lang].keys() == TABLES["en"].keys()
    for key, text in TABLES[lang].items():
        assert text
        assert Counter(PLACE.findall(text)) == Counter(PLACE.findall(TABLES["en"][key]))


def test_chinese_texts_have_chinese_letters():
    assert [k for k, text in TABLES["zh"].items() if not re.search(r"[\u4e00-\u9fff]", text)] == []


def test_every_text_that_the_page_says_is_in_the_table():
    found = [key for part in FOLDER.glob("*.js") for key in SAID.findall(part.read_text("utf-8"))]
    said = {key for keys in found for key in keys if key}
    said |= set(SAID_IN_HTML.findall((FOLDER / "page.html").read_text("utf-8")))
    assert said <= texts_of("page.", "en").keys()
    assert len(said) > 90
