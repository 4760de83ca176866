"""``cnntrain watch``: the curves of a run while another process trains it."""

import os
import shutil
import sys
import time
from pathlib import Path

from cnntrain.errors import ExitCode
from cnntrain.runs.folder import newest_run
from cnntrain.runs.names import resolve
from cnntrain.runs.record import read_run
from cnntrain.views.report.live import Screen, live_text

CLEAR = "\x1b[H\x1b[2J"  # cursor to the top left, screen empty


def run_watch(path: Path, interval_s: float, once: bool) -> ExitCode:
    """Show the run until it ends; once if stdout is not a terminal."""
    folder = resolve(path)
    if not folder.exists() and len(path.parts) == 1:
        folder = newest_run(str(path))  # which says how to start one
    live = not once and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    colours = live and "NO_COLOR" not in os.environ
    curves = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    while True:
        run = read_run(folder)
        columns, rows = shutil.get_terminal_size((80, 24))
        screen = Screen(columns, rows, colours, curves)
        text = live_text(run, screen, time.time() if live else None)
        print((CLEAR if live else "") + text, flush=True)
        if not live or run.end is not None:
            return ExitCode.DONE
        time.sleep(interval_s)
