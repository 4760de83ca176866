"""A font with Chinese letters for pictures, where the machine has one."""

import contextlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cnntrain.runs.console import warn
from cnntrain.text import columns
from cnntrain.views.languages import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHINESE = re.compile(  # names of fonts
    r"Noto S.* (CJK|SC|TC)|Source Han S|WenQuanYi|SimHei|SimSun|Microsoft (YaHei|JhengHei)|"
    r"PingFang|Hiragino Sans GB|Heiti SC|STHeiti|Songti SC|AR PL U|Droid Sans Fallback|"
    r"Arial Unicode MS"
)
FILES = re.compile(  # and of their files
    r"noto.*cjk|noto.*(sc|tc)\b|sourcehan|wqy|wenquanyi|simhei|simsun|msyh|msjh|pingfang|"
    r"hiragino|heiti|songti|uming|ukai|droid.*fallback|arial.?uni",
    re.IGNORECASE,
)


@cache
def chinese_font() -> str | None:
    """The name of a font that has Chinese letters; None if matplotlib finds none.

    Matplotlib remembers the fonts of its first start; a font that was installed since then is
    looked for by the name of its file.
    """
    from matplotlib.font_manager import findSystemFonts, fontManager

    if (known := _known()) is None:
        for path in sorted(findSystemFonts()):
            if FILES.search(Path(path).name):
                with contextlib.suppress(OSError, RuntimeError):  # not a font after all
                    fontManager.addfont(path)
        known = _known()
    return known


def _known() -> str | None:
    """The first of the fonts that matplotlib knows, sans-serif ones before others."""
    from matplotlib.font_manager import fontManager

    found = sorted(filter(CHINESE.match, fontManager.get_font_names()))
    return min(found, key=lambda name: "Serif" in name or "Song" in name, default=None)


def write_letters(made: "Figure") -> None:
    """Give the texts of a figure that have Chinese letters a font for them, behind their own."""
    from matplotlib.text import Text

    texts = [text for text in made.findobj(Text) if isinstance(text, Text)]
    chinese = [text for text in texts if columns(text.get_text()) > len(text.get_text())]
    if not chinese:
        return
    font = chinese_font()
    if font is None:
        _say_that_there_is_none()
        return
    for text in chinese:
        text.set_fontfamily([*text.get_fontfamily(), font])


@cache
def _say_that_there_is_none() -> None:
    """The note, once."""
    warn(say("picture.no_font"))
