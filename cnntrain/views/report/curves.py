"""Learning curves of one run or several, drawn with matplotlib (an optional extra)."""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnntrain.errors import ConfigError, DataError
from cnntrain.files import atomic_write
from cnntrain.metrics import is_percentage
from cnntrain.runs.record import RunRecord
from cnntrain.text import shortened, visible
from cnntrain.views.languages import say
from cnntrain.views.report.fonts import write_letters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008: distinguishable with any kind of colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("", "o", "s", "^", "v", "D")  # for runs that share a colour
STYLES: Any = {"train": "--", "val": "-", "test": ":"}
SPLIT_WORDS = {
    "train": "picture.training", "val": "picture.validation", "test": "picture.test",
}  # fmt: skip
UNITS = {"accuracy": "picture.accuracy", "loss": "picture.loss", "lr": "picture.lr"}
PICTURES = (".png", ".svg", ".pdf")
PANELS_IN_A_ROW = 3
LEGEND_COLUMNS = 6
LONGEST_LABEL = 16  # characters beside a picture; with longer ones no room is left for it
LONGEST_RUN = 30  # characters of a run in the legend
LOG_FROM = 30.0  # ratio of largest to smallest value from which an axis is logarithmic
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "cnntrain",  # identical pictures give identical files
}


def need_matplotlib() -> None:
    """Raise ``DataError`` with installation advice if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise DataError(
            "pictures need matplotlib; install it with: pip install 'cnntrain[report]'"
        ) from None


def plain(name: str) -> str:
    """A name escaped so that matplotlib does not read it as a formula."""
    return name.replace("$", r"\$")


def label_of(name: str, most: int = LONGEST_LABEL) -> str:
    """A foreign name as a label: on one line, and short enough to leave room for the picture."""
    return plain(shortened(visible(name), most))


@contextlib.contextmanager
def quiet_about_glyphs() -> Iterator[None]:
    """Ignore warnings about missing glyphs: in SVG the viewer's fonts are used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def learning_curves(runs: Sequence[RunRecord]) -> "Figure":
    """Loss, other metrics and learning rate by epoch, one panel each."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = _panels(runs)
    with rc_context(STYLE):
        columns = min(len(panels), PANELS_IN_A_ROW)
        rows = math.ceil(len(panels) / columns)
        size = (max(4.6 * columns, 6.4), 3.7 * rows)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, name in zip(axes, panels, strict=False):
            _draw(axis, name, runs)
        for axis in axes[len(panels) :]:
            axis.remove()
        if len(runs) > 1:
            _legend_of_runs(figure, runs)
    return figure


def save_curves(runs: Sequence[RunRecord], path: Path) -> None:
    """Write the picture in the format of its suffix.

    Raises ``ConfigError`` for unknown suffixes, ``DataError`` if there is nothing to plot.
    """
    from matplotlib import rc_context

    if path.suffix not in PICTURES:
        raise ConfigError(f"--out {path}: must end in one of {', '.join(PICTURES)}")
    if not any(run.epochs for run in runs):
        raise DataError("no completed epoch to plot")
    with rc_context(STYLE):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        made = learning_curves(runs)
        write_letters(made)
        with atomic_write(path) as file, quiet_about_glyphs():
            made.savefig(file, format=path.suffix[1:], dpi=150, metadata=metadata)


def _panels(runs: Sequence[RunRecord]) -> list[str]:
    """Names of the metrics to plot, without their split: loss first, learning rate last."""
    drawn = [run for run in runs if run.epochs]
    names = dict.fromkeys(name.partition("/")[2] for run in drawn for name in run.metrics)
    names.pop("penalty", None)
    return [*sorted(names, key=lambda name: name != "loss"), "lr"]


def _draw(axis: "Axes", name: str, runs: Sequence[RunRecord]) -> None:
    from matplotlib.ticker import MaxNLocator

    shown: list[float] = []
    for k, run in enumerate(runs):
        for split in STYLES if name != "lr" else ("",):
            epochs, values = run.series(f"{split}/{name}" if split else name)
            if not epochs:
                continue
            values = [100 * value for value in values] if is_percentage(name) else values
            look: Any = _look(k) if len(runs) > 1 or not split else {"color": _colour(split)}
            if len(epochs) < 3:
                look["marker"] = look.get("marker") or "o"
            axis.plot(
                epochs, values, STYLES.get(split, "-"),
                label=say(SPLIT_WORDS[split]) if split else None,
                linewidth=1.6, markersize=4, markevery=0.1 if len(epochs) > 20 else 1, **look,
            )  # fmt: skip
            shown += values
    _mark_best(axis, name, runs)
    axis.set_xlabel(say("picture.epoch"))
    axis.set_ylabel(say(UNITS[name]) if name in UNITS else name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_wide(shown):
        axis.set_yscale("log")
    if len(runs) == 1 and name != "lr" and axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False)


def _look(k: int) -> dict[str, Any]:
    """Colour and marker of the k-th of several runs."""
    return {
        "color": COLOURS[k % len(COLOURS)],
        "marker": MARKERS[k // len(COLOURS) % len(MARKERS)],
    }


def _colour(split: str) -> str:
    """Legend of the splits of a single run."""
    return COLOURS[0 if split == "val" else 1]


def is_wide(values: Sequence[float]) -> bool:
    """Whether an axis for these values should be logarithmic."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOG_FROM


def _mark_best(axis: "Axes", name: str, runs: Sequence[RunRecord]) -> None:
    """A ring around the best epoch, in the panel of the monitored metric."""
    for k, run in enumerate(runs):
        best, decided = run.best, run.monitored
        if best is None or decided is None or decided.partition("/")[2] != name:
            continue
        value = best[decided] * (100 if is_percentage(name) else 1)
        split = decided.partition("/")[0]
        colour = _look(k)["color"] if len(runs) > 1 else _colour(split)
        told = say("picture.best", value=f"{value:.4g}", epoch=best["epoch"])
        label = told if len(runs) == 1 else None
        ring: Any = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "linestyle": ""}
        axis.plot(best["epoch"], value, color=colour, label=label, **ring)


def _legend_of_runs(figure: "Figure", runs: Sequence[RunRecord]) -> None:
    """Legend above all panels: runs by colour, splits by line style."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linewidth=2, label=label_of(run.label, LONGEST_RUN), **_look(k))
        for k, run in enumerate(runs)
    ]
    splits = [
        s for s in STYLES if any(name.startswith(f"{s}/") for r in runs for name in r.metrics)
    ]
    handles += [
        Line2D([], [], color="#555555", linestyle=STYLES[s], label=say(SPLIT_WORDS[s]))
        for s in splits
    ]
    columns = min(len(handles), LEGEND_COLUMNS)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False)
