"""``cnntrain clean``: remove what runs left behind."""

import sys
from pathlib import Path

import click


@click.command("clean")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--checkpoints",
    is_flag=True,
    help="Also the intermediate checkpoints (step-N.npz) of finished runs; best and last stay.",
)
@click.option("--yes", "-y", is_flag=True, help="Remove without asking.")
def command(folder: Path | None, checkpoints: bool, yes: bool) -> int:
    """Remove what runs below DIR (default: runs) left behind.

    Lists it and asks first.

    Temporary files of killed runs and empty run folders; with --checkpoints, checkpoints of
    finished runs that are neither the best nor the last. Runs that are training are left alone, and
    so is every file that cnntrain does not know. Without a terminal to ask at, nothing is removed
    unless --yes is given.

    \b
    Examples:
      cnntrain clean
      cnntrain clean runs/digits --checkpoints --yes
    """
    from cnntrain.commands.clean import run_clean

    def agreed(question: str) -> bool:
        return yes or (sys.stdin.isatty() and click.confirm(question, err=True))

    return int(run_clean(folder, checkpoints, agreed))
