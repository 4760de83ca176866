"""The texts in Chinese, one file per view.

May import: the tables of its own folder.
"""

from cnntrain.views.languages.chinese.page import PAGE

CHINESE = {**PAGE}
