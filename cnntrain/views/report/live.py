"""A run as text, with learning curves drawn in characters, for a terminal."""

from collections.abc import Sequence

import numpy as np

from cnntrain.errors import DataError
from cnntrain.metrics import is_percentage, metric_text
from cnntrain.runs.messages import REASONS
from cnntrain.runs.record import RunRecord
from cnntrain.text import duration, printable, table, visible
from cnntrain.views.report.curves import is_wide

CHART_ROWS = 13
WIDEST_CHART = 100
TICKS = 8  # along the epochs
VALUE_TICKS = 5
LAST_EPOCHS = 10  # shown as a table if curves cannot be drawn
SPLITS = {"train": ("training", "dot", "orange"), "val": ("validation", "braille", "blue")}


def live_text(run: RunRecord, width: int, colours: bool, curves: bool) -> str:
    """Status, curves (or the last epochs, without ``curves``) and the end of the run."""
    if not run.epochs:
        nothing = f"{run.label}: no completed epoch" + ("" if run.end else " yet")
        return printable("\n".join([nothing, *([ending(run)] if run.end else [])]))
    shown = _charts(run, min(width, WIDEST_CHART), colours) if curves else [_last_epochs(run)]
    end = [printable(ending(run))] if run.end else []
    return "\n".join([printable(status(run)), *shown, *end])


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
    text = (
        f"ended: {REASONS.get(run.end['reason'], run.end['reason'])} ({run.end.get('detail', '')})"
    )
    if run.best is not None and run.monitored is not None:
        value = metric_text(run.monitored, run.best[run.monitored])
        text += f"; best epoch {run.best['epoch']}: {value}"
    return text


def _charts(run: RunRecord, width: int, colours: bool) -> list[str]:
    names = dict.fromkeys(name.partition("/")[2] for name in run.metrics)
    names.pop("penalty", None)
    ordered = sorted(names, key=lambda name: name != "loss")
    return [_chart(run, name, width, colours) for name in ordered[:2]]


def _chart(run: RunRecord, name: str, width: int, colours: bool) -> str:
    """One metric by epoch, drawn by plotext."""
    try:
        import plotext
    except ImportError:
        raise DataError(
            "curves in the terminal need plotext; install it with: pip install 'cnntrain[watch]'"
        ) from None
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, CHART_ROWS)
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


def _last_epochs(run: RunRecord) -> str:
    rows: list[Sequence[str]] = [["epoch", *run.metrics]]
    for line in run.epochs[-LAST_EPOCHS:]:
        cells = [metric_text(name, line[name]).removeprefix(f"{name} ") for name in run.metrics]
        rows.append([str(line["epoch"]), *cells])
    return printable(table(rows))
