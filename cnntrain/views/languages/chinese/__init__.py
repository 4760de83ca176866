"""The texts in Chinese, one file per view.

May import: nothing else of the package.
"""

from cnntrain.views.languages.chinese.page import PAGE
from cnntrain.views.languages.chinese.trace import TRACE

CHINESE = {**PAGE, **TRACE}
