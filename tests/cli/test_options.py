"""Options that several commands share."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cnntrain.cli import main
from cnntrain.views.languages import language

WORKED = str(Path(__file__).parents[2] / "configs" / "worked-conv.yaml")


def said(*words, **env):
    done = CliRunner().invoke(main, ["trace", WORKED, *words], env=env)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", ["explain", "grade", "report", "trace", "worksheet"])
def test_commands_for_learners_speak_two_languages(name):
    options = {option for parameter in main.commands[name].params for option in parameter.opts}
    assert "--lang" in options


@pytest.mark.parametrize(
    ("words", "locale", "word"),
    [
        ((), "C.UTF-8", "forward"),
        ((), "zh_CN.UTF-8", "前向传播"),
        (("--lang", "en"), "zh_CN.UTF-8", "forward"),
        (("--lang", "zh"), "de_DE.UTF-8", "前向传播"),
    ],
)
def test_the_option_wins_over_the_locale(words, locale, word):
    assert f"--- {word} ---" in said(*words, LC_ALL=locale)
    assert language() == "en"
