"""A run as text, with learning curves drawn in characters, for a terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnntrain.errors import DataError
from cnntrain.metrics import is_percentage, metric_text
from cnntrain.runs.messages import best_line, reason_in_words
from cnntrain.runs.record import RunRecord
from cnntrain.text import duration, printable, table, visible
from cnntrain.views.report.curves import is_wide

LEAST_ROWS, MOST_ROWS = 6, 20  # of a chart
BESIDE = 150  # columns from which two charts are side by side
WIDEST_CHART = 100
TICKS = 8  # along the epochs
VALUE_TICKS = 5
LAST_EPOCHS = 10  # shown as a table if curves cannot be drawn
PROGRESS = 20  # characters
SPLITS = {"train": ("training", "dot", "orange"), "val": ("validation", "braille", "blue")}


@dataclass(frozen=True)
class Screen:
    """What can be shown: the size, colours, and curves made of Unicode characters."""

    width: int = 80
    height: int = 24
    colours: bool = False
    curves: bool = True


def live_text(run: RunRecord, screen: Screen, now: float | None = None) -> str:
    """Status, curves (or the last epochs, without ``curves``) and the end of the run.

    It fits the screen. ``now``: the time, from which the progress within the epoch is estimated.
    """
    head = status(run) if run.epochs else f"{run.label}: no completed epoch"
    head += "" if run.end or now is None else f"\n{within_epoch(run, now)}"
    end = ending(run).splitlines() if run.end else []
    told = [line for text in (head.splitlines(), end) for line in _fitted(text, screen.width)]
    if not run.epochs:
        return printable("\n".join(told))
    room = screen.height - 1 - len(told)
    shown = _charts(run, screen, room) if screen.curves else [_last_epochs(run, room)]
    cut = len(_fitted(head.splitlines(), screen.width))
    return "\n".join([*map(printable, told[:cut]), *shown, *map(printable, told[cut:])])


def _fitted(lines: Sequence[str], width: int) -> list[str]:
    """Lines broken between words to the width of the screen."""
    return [part for line in lines for part in textwrap.wrap(line, width) or [""]]


def within_epoch(run: RunRecord, now: float) -> str:
    """How far the running epoch is, by the time that the last ones took."""
    written = (run.path / "metrics.jsonl").stat().st_mtime
    since = max(0.0, now - written)
    if not run.epochs:
        return f"epoch 1 has been running for {duration(since)}"
    recent = run.epochs[-LAST_EPOCHS - 1 :]
    first = recent[0]["elapsed_s"] if len(recent) > 1 else 0.0
    each = (recent[-1]["elapsed_s"] - first) / max(1, len(recent) - 1)
    share = min(0.99, since / each) if each > 0 else 0.0
    done = round(PROGRESS * share)
    bar = "#" * done + "." * (PROGRESS - done)
    following = run.epochs[-1]["epoch"] + 1
    return f"epoch {following} [{bar}] about {100 * share:.0f} %"


def status(run: RunRecord) -> str:
    """``digits/1: epoch 7 of 20, step 287  train/loss ...``."""
    last, total = run.epochs[-1], run.config_tree()["train"].get("epochs")
    of = f" of {total}" if total else ""
    known = {name: last[name] for name in run.metrics if last.get(name) is not None}
    metrics = "  ".join(metric_text(name, value) for name, value in known.items())
    return (
        f"{run.label}: epoch {last['epoch']}{of}, step {last['step']:,}, "
        f"{duration(last['elapsed_s'])}, {last['samples_per_s']:,.0f} samples/s\n{metrics}"
    )


def ending(run: RunRecord) -> str:
    """Why the run stopped, and its best epoch."""
    assert run.end is not None
    text = f"ended: {reason_in_words(run.end['reason'], run.end.get('detail', ''))}"
    if run.best is not None and run.monitored is not None:
        text += f"\n{best_line(run.best['epoch'], run.monitored, run.best[run.monitored])}"
    return text


def _charts(run: RunRecord, screen: Screen, room: int) -> list[str]:
    """One or two charts: side by side, or below each other, or just the first, as fits."""
    names = dict.fromkeys(name.partition("/")[2] for name in run.metrics)
    names.pop("penalty", None)
    ordered = sorted(names, key=lambda name: name != "loss")
    width, colours = screen.width, screen.colours
    if len(ordered) > 1 and width >= BESIDE:
        rows = min(MOST_ROWS, max(LEAST_ROWS, room))
        sides = [_chart(run, name, (width // 2 - 1, rows), colours) for name in ordered[:2]]
        return [" ".join(pair) for pair in zip(*(s.splitlines() for s in sides), strict=False)]
    count = 2 if room >= 2 * LEAST_ROWS and len(ordered) > 1 else 1
    size = (min(width, WIDEST_CHART), min(MOST_ROWS, max(LEAST_ROWS, room // count)))
    return [_chart(run, name, size, colours) for name in ordered[:count]]


def _chart(run: RunRecord, name: str, size: tuple[int, int], colours: bool) -> str:
    """One metric by epoch, drawn by plotext."""
    try:
        import plotext
    except ImportError:
        raise DataError(
            "curves in the terminal need plotext; install it with: pip install 'cnntrain[watch]'"
        ) from None
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(*size)
    shown: list[float] = []
    for split, (word, marker, colour) in SPLITS.items():
        epochs, values = run.series(f"{split}/{name}")
        if epochs:
            percent = [100 * value for value in values] if is_percentage(name) else values
            look = {"color": colour} if colours else {}
            plotext.plot(epochs, percent, label=word, marker=marker, **look)
            shown += percent
    ticks, wide = _ticks(shown), is_wide(shown)
    plotext.yticks(ticks, [f"{value:.3g}" for value in ticks])
    if wide:
        plotext.yscale("log")
    first, last = run.epochs[0]["epoch"], run.epochs[-1]["epoch"]
    plotext.xticks(range(first, last + 1, max(1, -(-(last - first) // TICKS))))
    what = f"{visible(name)} (%)" if is_percentage(name) else visible(name)
    plotext.title(f"{what} by epoch")
    drawn: str = plotext.build()
    return drawn.rstrip() if colours else plotext.uncolorize(drawn).rstrip()


def _ticks(values: Sequence[float]) -> list[float]:
    """Ticks from the smallest to the largest value, on the scale of the axis."""
    spaced = np.geomspace if is_wide(values) else np.linspace
    ticks: list[float] = spaced(min(values), max(values), VALUE_TICKS).tolist()
    return list(dict.fromkeys(ticks))


def _last_epochs(run: RunRecord, room: int) -> str:
    rows: list[Sequence[str]] = [["epoch", *run.metrics]]
    for line in run.epochs[-max(1, min(LAST_EPOCHS, room - 2)) :]:
        cells = [metric_text(name, line[name]).removeprefix(f"{name} ") for name in run.metrics]
        rows.append([str(line["epoch"]), *cells])
    return printable(table(rows))
