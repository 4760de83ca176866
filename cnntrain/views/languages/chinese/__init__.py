"""The texts in Chinese, one file per view, and what kinds, keys and shared options are.

May import: nothing else of the package.
"""

from cnntrain.views.languages.chinese.activations import ACTIVATIONS
from cnntrain.views.languages.chinese.data import DATA
from cnntrain.views.languages.chinese.explain import EXPLAIN
from cnntrain.views.languages.chinese.keys import KEYS
from cnntrain.views.languages.chinese.layers import LAYERS
from cnntrain.views.languages.chinese.page import PAGE
from cnntrain.views.languages.chinese.report import ENDINGS, REPORT
from cnntrain.views.languages.chinese.sheet import SHEET
from cnntrain.views.languages.chinese.trace import TRACE
from cnntrain.views.languages.chinese.training import TRAINING

CHINESE = {**PAGE, **TRACE, **EXPLAIN, **SHEET, **REPORT}
DESCRIPTIONS = {**ACTIVATIONS, **LAYERS, **TRAINING, **DATA, **KEYS, **ENDINGS}
