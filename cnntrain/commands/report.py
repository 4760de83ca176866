"""``cnntrain report``: one or several runs as a page."""

from collections.abc import Sequence
from pathlib import Path

from cnntrain.commands.target import checkpoint_folders, open_checkpoint
from cnntrain.environment import available_cores
from cnntrain.errors import CnntrainError, ExitCode
from cnntrain.files import write_text
from cnntrain.runs.checkpoint import best_checkpoint, load
from cnntrain.runs.names import resolve
from cnntrain.runs.record import RunRecord, read_runs
from cnntrain.text import printable
from cnntrain.training.workers import Workers
from cnntrain.views.languages import say
from cnntrain.views.report.evaluation import look
from cnntrain.views.report.page import RunPage, report_html


def run_report(paths: Sequence[Path], out: Path, data_dir: Path | None) -> ExitCode:
    """Write the page."""
    records = read_runs([resolve(path) for path in paths])
    with Workers(available_cores()) as workers:
        pages = [page_of(record, data_dir, workers) for record in records]
    write_text(out, report_html(pages))
    print(printable(str(out)))
    return ExitCode.DONE


def page_of(record: RunRecord, data_dir: Path | None, workers: Workers) -> RunPage:
    """With the evaluation of its best network, where checkpoint and data are available."""
    try:
        found = load(best_checkpoint(record.path))
        experiment = open_checkpoint(found, checkpoint_folders(found, data_dir))
    except CnntrainError as error:
        return RunPage(record, None, say("report.no_network", error=error))
    seen = look(experiment, found.state.evaluated(), workers)
    checkpoint = say("report.checkpoint", file=found.path.name, step=f"{found.state.step:,}")
    return RunPage(record, seen, checkpoint=checkpoint)
