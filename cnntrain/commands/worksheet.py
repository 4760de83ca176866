"""``cnntrain worksheet``: exercises, and their worked solutions."""

from pathlib import Path

from cnntrain.errors import ConfigError, ExitCode
from cnntrain.files import write_text
from cnntrain.runs.console import warn
from cnntrain.text import printable
from cnntrain.views.trace.page import check_page
from cnntrain.views.worksheet.sheet import exercises_of, markdown, page

WRITERS = {".html": page, ".md": markdown}


def run_worksheet(topic: str, seed: int, count: int, key: bool, out: Path | None) -> ExitCode:
    """Print the sheet, or write it to a file whose suffix says how."""
    if out is not None and out.suffix not in WRITERS:
        raise ConfigError(f"--out {out}: write a sheet to a file that ends in .html or .md")
    if out is not None and out.suffix == ".html":
        check_page()
    exercises = exercises_of(topic, seed, count)
    if out is None:
        print(printable(markdown(topic, seed, exercises, key)), end="")
    else:
        write_text(out, WRITERS[out.suffix](topic, seed, exercises, key))
        warn(f"wrote {out}")
    return ExitCode.DONE
