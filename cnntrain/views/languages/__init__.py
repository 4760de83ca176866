"""Texts for learners in several languages: one table per language, the same keys in each.

A command speaks the language that ``using`` sets; ``say("trace.frozen", name="conv1")`` gives the
text of a key with its values in place.

May import: nothing else of the package.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from cnntrain.views.languages.chinese import CHINESE, DESCRIPTIONS
from cnntrain.views.languages.english import ENGLISH

TABLES = {"en": ENGLISH, "zh": CHINESE}
DESCRIBED: dict[str, dict[str, str]] = {"zh": DESCRIPTIONS}  # the docstrings are English
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides
_current: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """The language that is spoken: ``en`` or ``zh``."""
    return _current.get()


@contextmanager
def using(lang: str) -> Iterator[None]:
    """Speak this language until the block ends."""
    before = _current.set(lang)
    try:
        yield
    finally:
        _current.reset(before)


def language_of(environment: Mapping[str, str]) -> str:
    """The language of a locale such as ``zh_CN.UTF-8``; English where there is no table."""
    locale = next((environment[name] for name in LOCALE if environment.get(name)), "")
    lang = locale[:2].lower()
    return lang if lang in TABLES else "en"


def say(key: str, **values: object) -> str:
    """The text of this key in the language that is spoken, with the values in its places."""
    text = TABLES[language()][key]
    return text.format(**values) if values else text


def described(name: str, docstring: str) -> str:
    """What ``layer dense``, ``key train.l2`` or ``option layer bias`` is: in the language that is
    spoken, or, as for kinds of plugins, the docstring."""
    return DESCRIBED.get(language(), {}).get(name, docstring)


def texts_of(prefix: str, lang: str) -> dict[str, str]:
    """All texts whose keys start with this prefix, without it."""
    table = TABLES[lang]
    return {key.removeprefix(prefix): table[key] for key in table if key.startswith(prefix)}
