"""Texts for learners in several languages: one table per language, the same keys in each.

May import: nothing else of the package.
"""

from cnntrain.views.languages.chinese import CHINESE
from cnntrain.views.languages.english import ENGLISH

TABLES = {"en": ENGLISH, "zh": CHINESE}


def texts_of(prefix: str, lang: str) -> dict[str, str]:
    """All texts whose keys start with this prefix, without it."""
    table = TABLES[lang]
    return {key.removeprefix(prefix): table[key] for key in table if key.startswith(prefix)}
