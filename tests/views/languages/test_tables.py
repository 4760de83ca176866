"""The tables of texts: complete in every language, translated, with the same places for values."""

import re
from collections import Counter
from pathlib import Path

import pytest

from cnntrain.views import languages
from cnntrain.views.languages import TABLES, texts_of
from cnntrain.views.trace.page import FOLDER

PACKAGE = Path(languages.__file__).parents[2]
SAID_BY_PAGE = re.compile(r'(?:\bsay|\bsayWith)\((?:[^"()]+\? )?"(\w+)"(?: : "(\w+)")?')
SAID_IN_HTML = re.compile(r'{{ say\["(\w+)"\] }}')
SAID = re.compile(r'\bsay\(\s*"([a-z]+\.[\w.]+)"')
PLACE = re.compile(r"{(\w+)}")
LETTER = re.compile(r"[\u4e00-\u9fff]")


def missing(tables):
    """Keys that some language lacks."""
    return set().union(*tables.values()) - set.intersection(*map(set, tables.values()))


def uneven(tables):
    """Keys whose texts have other places for values than the English ones."""
    return {
        key
        for table in tables.values()
        for key, text in table.items()
        if Counter(PLACE.findall(text)) != Counter(PLACE.findall(tables["en"][key]))
    }


def untranslated(tables):
    """Keys whose Chinese text has no Chinese letter."""
    return {key for key, text in tables["zh"].items() if not LETTER.search(text)}


@pytest.mark.parametrize("fault", [missing, uneven, untranslated])
def test_the_tables_have_no_fault(fault):
    assert fault(TABLES) == set()


@pytest.mark.parametrize("fault", [missing, uneven, untranslated])
def test_a_fault_would_be_seen(fault):
    tables = {"en": {"a": "{n} of {m}", "b": "two"}, "zh": {"a": "{n} 个", "c": "three"}}
    assert fault({"en": {**tables["en"], "c": ""}, "zh": {**tables["zh"]}})


def test_every_text_that_a_view_says_is_in_the_table():
    said = {
        key
        for path in (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html"))
        if path.parent.parent.name != "languages"
        for key in SAID.findall(path.read_text("utf-8"))
    }
    assert said <= TABLES["en"].keys()


def test_every_text_that_the_page_says_is_in_the_table():
    parts = "\n".join(part.read_text("utf-8") for part in FOLDER.glob("*.js"))
    said = {key for keys in SAID_BY_PAGE.findall(parts) for key in keys if key}
    said |= set(SAID_IN_HTML.findall((FOLDER / "page.html").read_text("utf-8")))
    assert said <= texts_of("page.", "en").keys()
