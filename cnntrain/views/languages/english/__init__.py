"""The texts in English, one file per view. What kinds and keys are is said by their docstrings.

May import: nothing else of the package.
"""

from cnntrain.views.languages.english.explain import EXPLAIN
from cnntrain.views.languages.english.page import PAGE
from cnntrain.views.languages.english.report import REPORT
from cnntrain.views.languages.english.sheet import SHEET
from cnntrain.views.languages.english.trace import TRACE

ENGLISH = {**PAGE, **TRACE, **EXPLAIN, **SHEET, **REPORT}
