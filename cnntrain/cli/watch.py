"""``cnntrain watch``: follow a run."""

from pathlib import Path

import click


@click.command("watch")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Refresh interval in seconds.",
)
@click.option("--once", is_flag=True, help="Show the current state once and exit.")
def command(run: Path, interval_s: float, once: bool) -> int:
    """Show the curves of RUN while it is trained in another shell.

    RUN is a run folder, or the name of an experiment for its newest run. Ends with the run; Ctrl-C
    ends it earlier and leaves the run alone. Needs the extra: pip install "cnntrain[watch]".

    \b
    Examples:
      cnntrain watch runs/digits/1
      cnntrain watch digits
    """
    from cnntrain.commands.watch import run_watch

    return int(run_watch(run, interval_s, once))
