"""What is said of kinds, keys and shared options in Chinese: nothing missing, nothing stale."""

import re

import pytest

from cnntrain.registry import Registered
from cnntrain.runs.messages import REASONS
from cnntrain.text import columns
from cnntrain.views.explain.kinds import describe, families, options_of
from cnntrain.views.explain.kinds_text import kind_text, list_text
from cnntrain.views.explain.sections import config_keys
from cnntrain.views.languages import DESCRIBED, TABLES, described, using

CHINESE = DESCRIBED["zh"]
LETTER = re.compile(r"[\u4e00-\u9fff]")
KINDS = {
    f"{family} {kind}": member
    for family, base in families().items()
    for kind, member in base.kinds.items()
    if member.__module__.startswith("cnntrain.")
}
KEYS = {f"key {path}" for path in config_keys()}
ENDINGS = {f"end {reason}" for reason in REASONS}
SHARED = {
    f"option {member.family} {option.name}"
    for member in KINDS.values()
    for option in options_of(member)
    if option.inherited
}


def test_every_kind_key_shared_option_and_ending_is_described_and_nothing_else():
    assert CHINESE.keys() == {*KINDS, *KEYS, *SHARED, *ENDINGS}


@pytest.mark.parametrize("name", CHINESE)
def test_it_is_one_paragraph_in_chinese(name):
    text = CHINESE[name]
    assert LETTER.search(text)
    assert text == " ".join(text.split())
    assert text.count("``") % 2 == 0


@pytest.mark.parametrize("name", KINDS)
def test_it_names_the_kinds_own_options(name):
    """As far as the docstring does, which may refer to another kind."""
    quoted = re.compile(r"``(\w+)``")
    own = {option.name for option in options_of(KINDS[name]) if not option.inherited}
    told = set(quoted.findall(describe(KINDS[name]).text)) & own
    assert told <= set(re.findall(r"\w+", CHINESE[name]))


def test_every_family_has_a_name():
    for table in TABLES.values():
        assert {key for key in table if key.startswith("family.")} == {
            f"family.{family}" for family in families()
        }


def test_texts_fit_the_terminal():
    with using("zh"):
        texts = [list_text(), *(kind_text(describe(member)) for member in KINDS.values())]
    for line in "\n".join(texts).splitlines():
        assert columns(line) <= 100 or not LETTER.search(line)


def test_a_kind_of_a_plugin_keeps_its_docstring():
    class Plain(Registered):
        """Does nothing."""

    with using("zh"):
        assert described("layer of_a_plugin", Plain.__doc__) == "Does nothing."
