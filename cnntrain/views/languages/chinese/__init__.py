"""The texts in Chinese, one file per view."""

from cnntrain.views.languages.chinese.page import PAGE

CHINESE = {**PAGE}
