"""The report page of one or several runs: results, learning curves, and how to reproduce them.

One self-contained HTML file, made with Jinja2 (an optional extra).
"""

import base64
import io
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from cnntrain.config.differences import differences
from cnntrain.config.document import KeyPath
from cnntrain.config.overrides import dotted
from cnntrain.errors import DataError
from cnntrain.metrics import metric_text
from cnntrain.runs.record import RunRecord
from cnntrain.text import columns, duration, shortened, visible
from cnntrain.types import Array
from cnntrain.views.languages import language, say
from cnntrain.views.report.curves import (
    LONGEST_LABEL,
    STYLE,
    learning_curves,
    need_matplotlib,
    quiet_about_glyphs,
)
from cnntrain.views.report.dark import darken
from cnntrain.views.report.evaluation import Evaluation, Mistake
from cnntrain.views.report.fonts import write_letters
from cnntrain.views.report.headline import ending, headline
from cnntrain.views.report.pictures import (
    boundary_picture,
    confusion_picture,
    filter_picture,
    history_picture,
    image_grid,
    maps_picture,
    regression_picture,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_DPI = 110
LAST_DRAWN = 0x2FF  # letters up to here are in the font of the pictures
SHORT_NAMES = 8  # characters of two class names that fit into one line
ENVIRONMENT = ("cnntrain", "python", "numpy", "blas", "platform", "cpu", "cores", "threads", "seed")


@dataclass(frozen=True)
class Picture:
    """An image embedded in the page as a data URL."""

    src: str
    dark: str  # the same for dark pages
    alt: str
    caption: str


@dataclass(frozen=True)
class RunPage:
    """One run: its record, and the evaluation of its best network or why there is none."""

    record: RunRecord
    evaluation: Evaluation | None
    missing: str = ""
    checkpoint: str = ""  # file name and step of that network
    pictures: dict[str, Picture] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command that repeats this run."""
        words = self.record.env.get("command")
        if not (isinstance(words, list) and words):
            words = ["", "fit", str(self.record.path / "config.yaml")]
        return shlex.join(["cnntrain", *map(str, words[1:])])

    @property
    def folder(self) -> str:
        return str(self.record.env.get("working_folder", "."))


def report_html(
    pages: Sequence[RunPage], title: str = "", trials: Sequence[Sequence[str]] = ()
) -> str:
    """The whole page. ``title``: by default the runs. ``trials``: a table of all of a sweep."""
    try:
        import jinja2
    except ImportError:
        raise DataError(
            "the page needs Jinja2; install it with: pip install 'cnntrain[report]'"
        ) from None
    need_matplotlib()
    records = [page.record for page in pages]
    template = resources.files("cnntrain.views.report").joinpath("report.html")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        say=say,
        lang=language(),
        split_name=split_name,
        title=title or " · ".join(record.label for record in records),
        headlines=[headline(record) for record in records],
        trials=trials,
        results=result_rows(pages),
        curves=curves_of(records),
        pages=[with_pictures(page) for page in pages],
        config_differences=cells([record.config_tree() for record in records]),
        environment_differences=cells([environment_of(record) for record in records]),
        labels=[record.label for record in records],
        environments=[environment_of(record) for record in records],
    )


def result_rows(pages: Sequence[RunPage]) -> list[list[str]]:
    """A table with one column per run and one row per metric; the first column is the label."""
    records = [page.record for page in pages]
    rows: list[list[str]] = [["", *(record.label for record in records)]]

    def row(what: str, tell: Callable[[RunRecord], str], name: str = "") -> None:
        told = [tell(record) for record in records]
        if any(told):
            rows.append([say(f"report.{what}", name=name), *(text or "–" for text in told)])

    row("ended", lambda r: ending(r.end["reason"]) if r.end else say("report.not_ended"))
    row("why", lambda r: str(r.end.get("detail", "")) if r.end else "")
    row("epochs", lambda r: f"{r.epochs[-1]['epoch']:,}" if r.epochs else "")
    row("steps", lambda r: f"{r.newest['step']:,}" if r.newest else "")
    row("time", lambda r: duration(r.newest["elapsed_s"]) if r.newest else "")
    row("best_epoch", lambda r: str(r.best["epoch"]) if r.best else "")
    for name in dict.fromkeys(name for record in records for name in record.metrics):
        row("of_best", lambda r, name=name: _metric(name, r.best), name)  # type: ignore[misc]
        row("of_last", lambda r, name=name: _metric(name, r.last), name)  # type: ignore[misc]
    row("guessing", _guess)
    row("better", lambda r: _yes_or_no(r.baseline.get("better")))
    return rows + _test_rows(pages)


def split_name(split: str) -> str:
    """The word for ``train``, ``val`` or ``test``."""
    return say(f"report.{split}")


def _yes_or_no(value: bool | None) -> str:
    return "" if value is None else say("report.yes" if value else "report.no")


def _guess(record: RunRecord) -> str:
    """``val/loss 2.302, val/accuracy 10.3%`` of the same guess for all samples."""
    known, split = record.baseline.get("guessing", {}), record.baseline.get("split")
    shown = [name for name in ("loss", "accuracy", "rmse") if name in known]
    return ", ".join(f"{split}/{metric_text(name, known[name])}" for name in shown)


def _test_rows(pages: Sequence[RunPage]) -> list[list[str]]:
    """Metrics of the best checkpoint on the test split."""
    tested = [
        page.evaluation.metrics if page.evaluation and page.evaluation.split == "test" else {}
        for page in pages
    ]
    return [
        [say("report.tested", name=name), *(_metric(name, metrics) or "–" for metrics in tested)]
        for name in dict.fromkeys(name for metrics in tested for name in metrics)
    ]


def _metric(name: str, line: dict[str, Any] | None) -> str:
    if line is None or line.get(name) is None:
        return ""
    return metric_text(name, line[name]).removeprefix(f"{name} ")


def curves_of(records: Sequence[RunRecord]) -> Picture | None:
    """Learning curves with a caption; None before the first epoch."""
    if not any(record.epochs for record in records):
        return None
    return svg(learning_curves(records), _alt_of_curves(records), say("report.curves_caption"))


def _alt_of_curves(records: Sequence[RunRecord]) -> str:
    """What the curves show, in words."""
    told = []
    for record in records:
        name, best, first = record.monitored, record.best, record.epochs[:1]
        if name is not None and best is not None and first[0].get(name) is not None:
            start, end = (_metric(name, line) for line in (first[0], best))
            known = {"run": record.label, "name": name, "epoch": best["epoch"]}
            told.append(say("report.curve_goes", start=start, end=end, **known))
    return say("report.curves_alt", told="; ".join(told))


def with_pictures(page: RunPage) -> RunPage:
    """The page of one run with all pictures available for its data."""
    made: dict[str, Picture] = {}
    if page.record.stats:
        alt, drawn = _alt_of_history(page.record.stats), history_picture(page.record.stats)
        made["history"] = svg(drawn, alt, say("report.history_caption"))
    if (seen := page.evaluation) is not None:
        made |= _pictures_of(seen)
    return replace(page, pictures=made)


def _pictures_of(seen: Evaluation) -> dict[str, Picture]:
    made, split = {}, split_name(seen.split)
    if seen.confusion is not None:
        caption = say("report.confusion_caption", split=split)
        drawn = confusion_picture(seen.confusion, seen.labels)
        made["confusion"] = svg(drawn, _alt_of_confusion(seen.confusion, seen.labels), caption)
    if seen.predicted is not None and seen.true is not None:
        names = [say("report.target", k=k) for k in range(seen.true.shape[1])]
        r2 = "" if seen.r2 is None else f" R² {seen.r2:.4f}."
        caption = say("report.regression_caption", split=split, r2=r2)
        drawn = regression_picture(seen.true, seen.predicted, names)
        made["regression"] = svg(drawn, say("report.regression_alt", r2=r2), caption)
    if seen.boundary is not None:
        inputs = [say("report.input", k=k) for k in (0, 1)]
        drawn = boundary_picture(seen.boundary, seen.labels, inputs)
        alt = say("report.boundary_alt", count=len(seen.labels))
        caption = say("report.boundary_caption", split=split)
        made["boundary"] = svg(drawn, alt, caption)
    if seen.wrong is not None:
        caption = say("report.wrong_caption", split=split)
        titles = [_caption(mistake) for mistake in seen.wrong_as]
        first = seen.wrong_as[0]
        alt = say(
            "report.wrong_alt",
            count=len(titles),
            place=first.place,
            truly=first.truly,
            taken=first.taken_for,
            share=f"{100 * first.share:.1f}",
        )
        made["wrong"] = lettered(image_grid(seen.wrong, titles), titles, alt, caption)
    if seen.filters is not None:
        caption = say("report.filters_caption", layer=seen.filters_of)
        made["filters"] = png(filter_picture(seen.filters), say("report.filters_alt"), caption)
    for name, maps in seen.maps.items():
        caption = say("report.maps_caption", layer=name, split=split, label=seen.sample_label)
        made[f"maps {name}"] = png(maps_picture(maps), say("report.maps_alt", layer=name), caption)
    return made


def _caption(mistake: Mistake) -> str:
    """The caption of a mistake, in lines that fit above a small picture."""
    names = (mistake.taken_for, mistake.truly)
    taken_for, truly = (shortened(visible(name), LONGEST_LABEL) for name in names)
    space = " " if columns(taken_for + truly) <= SHORT_NAMES else "\n"
    told = say("report.not", name=truly)
    return f"{taken_for},{space}{told}\n{100 * mistake.share:.1f} %"


def environment_of(record: RunRecord) -> dict[str, Any]:
    """The entries of env.json that are relevant for reproducing the run, by their path."""
    return dict(_leaves({key: record.env[key] for key in ENVIRONMENT if key in record.env}))


def _leaves(tree: dict[str, Any], path: KeyPath = ()) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield dotted((*path, key)), value


def cells(trees: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """What differs: a row for each key, a column for each run."""
    return {
        dotted(found.path): [value or "–" for value in found.values]
        for found in differences(*trees)
    }


def _alt_of_confusion(confusion: Array, labels: Sequence[str]) -> str:
    """The most frequent confusion in words."""
    off = confusion.copy()
    np.fill_diagonal(off, 0)
    if not off.any():
        return say("report.nothing_confused")
    true, taken = divmod(int(off.argmax()), len(off))
    return say(
        "report.confusion_alt", count=off[true, taken], true=labels[true], taken=labels[taken]
    )


def _alt_of_history(stats: Sequence[dict[str, Any]]) -> str:
    arrays = [key for key in stats[0]["arrays"] if not key.endswith(".b")]
    return say("report.history_alt", count=len(arrays), first=arrays[0], last=arrays[-1])


def lettered(made: "Figure", titles: Sequence[str], alt: str, caption: str) -> Picture:
    """A raster image, or a drawing whose letters the browser writes, if others than Latin."""
    others = any(ord(letter) > LAST_DRAWN for title in titles for letter in title)
    return (svg if others else png)(made, alt, caption)


def svg(made: "Figure", alt: str, caption: str) -> Picture:
    """A vector drawing."""
    return _picture(made, "svg", "image/svg+xml", alt, caption, metadata={"Date": None})


def png(made: "Figure", alt: str, caption: str) -> Picture:
    """A raster image."""
    return _picture(made, "png", "image/png", alt, caption, dpi=PNG_DPI)


def _picture(
    made: "Figure", kind: str, media: str, alt: str, caption: str, **options: Any
) -> Picture:
    from matplotlib import rc_context

    def drawn() -> str:
        content = io.BytesIO()
        with rc_context(STYLE), quiet_about_glyphs():
            made.savefig(content, format=kind, **options)
        encoded = base64.b64encode(content.getvalue()).decode("ascii")
        return f"data:{media};base64,{encoded}"

    write_letters(made)
    light = drawn()
    darken(made)
    return Picture(light, drawn(), alt, caption)
