"""The texts in English, one file per view."""

from cnntrain.views.languages.english.page import PAGE

ENGLISH = {**PAGE}
