"""The texts in English, one file per view.

May import: nothing else of the package.
"""

from cnntrain.views.languages.english.page import PAGE
from cnntrain.views.languages.english.trace import TRACE

ENGLISH = {**PAGE, **TRACE}
