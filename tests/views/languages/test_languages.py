"""Which language is spoken, and what is said in it."""

import pytest

from cnntrain.views.languages import language, language_of, say, using


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "ZH-Hans"}, "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.GB18030", "LC_MESSAGES": "C"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_locale_decides(environment, lang):
    assert language_of(environment) == lang


def test_english_unless_another_language_is_used():
    assert language() == "en"
    with using("zh"):
        assert (language(), say("trace.frozen", name="conv1")) == ("zh", "conv1：已冻结，不更新")
        with using("en"):
            assert say("trace.frozen", name="conv1") == "conv1: frozen"
        assert language() == "zh"
    assert language() == "en"


def test_the_language_ends_with_its_block_after_an_error_too():
    with pytest.raises(ZeroDivisionError), using("zh"):
        raise ZeroDivisionError
    assert language() == "en"
