"""A figure for dark pages: the same drawing on dark ground, with light letters and axes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUND, INK, GRID = "#14171c", "#e6e9ee", "#353c46"


def darken(made: "Figure") -> None:
    """Recolour a figure in place; colours that carry data stay."""
    from matplotlib.colors import to_rgb
    from matplotlib.text import Text

    made.set_facecolor(GROUND)
    for axis in made.axes:
        axis.set_facecolor(GROUND)
        axis.tick_params(colors=INK)
        for spine in axis.spines.values():
            spine.set_edgecolor(INK)
        for line in (*axis.get_xgridlines(), *axis.get_ygridlines()):
            line.set_color(GRID)
    for text in made.findobj(Text):
        if isinstance(text, Text) and to_rgb(text.get_color()) == (0.0, 0.0, 0.0):
            text.set_color(INK)
