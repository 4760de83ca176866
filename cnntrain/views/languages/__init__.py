"""Texts for learners in several languages: one table per language, the same keys in each.

May import: nothing else of the package.
"""

import locale
import os

from cnntrain.views.languages.chinese import CHINESE
from cnntrain.views.languages.english import ENGLISH

TABLES = {"en": ENGLISH, "zh": CHINESE}
LANGUAGES = tuple(TABLES)


def say(key: str, lang: str = "en", **values: object) -> str:
    """The text of this key, with ``{name}`` replaced by the value of that name."""
    return TABLES[lang][key].format(**values)


def usual_language() -> str:
    """That of the locale: ``LC_ALL``, ``LC_MESSAGES``, ``LANG``, else that of the system."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    told = next(filter(None, names), None) or locale.getlocale()[0] or ""
    return "zh" if told.lower().startswith(("zh", "chinese")) else "en"


def texts_of(prefix: str, lang: str) -> dict[str, str]:
    """All texts whose keys start with this prefix, without it."""
    table = TABLES[lang]
    return {key.removeprefix(prefix): table[key] for key in table if key.startswith(prefix)}
