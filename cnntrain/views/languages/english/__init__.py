"""The texts in English, one file per view.

May import: the tables of its own folder.
"""

from cnntrain.views.languages.english.page import PAGE

ENGLISH = {**PAGE}
