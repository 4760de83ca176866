"""The texts of the page: complete in every language, with the same places for values."""

import re

import pytest

from cnntrain.views.languages import TABLES, texts_of
from cnntrain.views.trace.page import FOLDER

SAID = re.compile(r'say\("(\w+)"')


@pytest.mark.parametrize("lang", TABLES)
def test_no_text_is_missing(lang):
    assert TABLES[lang].keys() == TABLES["en"].keys()
    for key, text in TABLES[lang].items():
        assert text
        assert sorted(re.findall(r"{(\w+)}", text)) == sorted(
            re.findall(r"{(\w+)}", TABLES["en"][key])
        )


def test_every_text_that_the_page_says_is_in_the_table():
    said = {key for part in FOLDER.glob("*.js") for key in SAID.findall(part.read_text("utf-8"))}
    assert said <= texts_of("page.", "en").keys()
