"""``cnntrain runs``: what has been trained."""

from pathlib import Path

import click

from cnntrain.cli.options import json_option


@click.command("runs")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--sort",
    "key",
    type=click.Choice(["name", "state", "metric", "epoch", "engine", "time", "when"]),
    default="when",
    show_default=True,
    help="Order of the rows; metric: the best first.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@json_option
def command(folder: Path | None, key: str, reverse: bool, as_json: bool) -> int:
    """Show all runs below DIR (default: runs) in a table.

    State: finished, stopped (Ctrl-C; --resume continues it), diverged, training, or unfinished
    (killed; --resume continues it too). The metric is the one that decides which epoch is best,
    at that epoch. Runs that cannot be read are listed with the reason.

    \b
    Examples:
      cnntrain runs
      cnntrain runs runs/digits --sort metric
      cnntrain runs --sort time --reverse --json
    """
    from cnntrain.commands.runs import run_runs

    return int(run_runs(folder, key, reverse, as_json))
