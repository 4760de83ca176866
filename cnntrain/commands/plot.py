"""``cnntrain plot``: the learning curves of runs as a picture."""

from collections.abc import Sequence
from pathlib import Path

from cnntrain.errors import ExitCode
from cnntrain.runs.names import resolve
from cnntrain.runs.record import read_runs
from cnntrain.text import printable
from cnntrain.views.report.curves import need_matplotlib, save_curves


def run_plot(paths: Sequence[Path], out: Path) -> ExitCode:
    """Write the picture."""
    need_matplotlib()
    save_curves(read_runs([resolve(path) for path in paths]), out)
    print(printable(str(out)))
    return ExitCode.DONE
