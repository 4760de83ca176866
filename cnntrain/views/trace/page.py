"""The page of a trace: one self-contained HTML file, made with Jinja2."""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnntrain.errors import DataError
from cnntrain.views.languages import language
from cnntrain.views.trace.page_data import page_data
from cnntrain.views.trace.trace import Trace

FOLDER = Path(__file__).parent / "page_parts"
SCRIPTS = (
    *("data", "palette", "recipe", "sums", "sums_weighted", "sums_pooling", "sums_recipes"),
    "sums_plain",
    *("marks", "panel", "dependents", "explanation", "network", "photo", "stage", "stage_backward"),
    *("neurons", "boundary", "live", "play", "links", "main"),
)
NO_PICTURES: Mapping[str, Any] = {"photos": (), "points": None}
NEEDED = ("jinja2", "latex2mathml")


def check_page() -> None:
    """Raise ``DataError`` if a package needed for pages is not installed."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise DataError(
            "the page needs Jinja2 and latex2mathml; "
            "install them with: pip install 'cnntrain[report]'"
        )


def trace_page(
    found: Trace,
    only: Sequence[str] = (),
    pictures: Mapping[str, Any] = NO_PICTURES,
) -> str:
    """The page as HTML; ``only``: the layers to show; ``pictures`` of samples."""
    check_page()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    data, formulas = page_data(found, only)
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        data=data | dict(pictures),
        lang=language(),
        formulas=[mathml(latex) for latex in formulas],
        style=_part("page.css"),
        scripts=[_part(f"{name}.js") for name in SCRIPTS],
    )


def mathml(latex: str) -> str:
    """A formula as MathML, which browsers typeset."""
    from latex2mathml.converter import convert

    return convert(re.sub(r"\\operatorname\b", r"\\,\\mathrm", latex), display="block")


def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
