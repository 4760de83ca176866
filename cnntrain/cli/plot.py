"""``cnntrain plot``: the learning curves of runs as a picture."""

from pathlib import Path

import click


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("curves.png"),
    show_default=True,
    help="The picture to write: .png, .svg or .pdf.",
)
def command(runs: tuple[Path, ...], out: Path) -> int:
    """Draw the learning curves of one run or several.

    Needs the extra: pip install "cnntrain[report]".

    \b
    Example:
      cnntrain plot runs/digits/1 runs/digits/2 --out curves.svg
    """
    from cnntrain.commands.plot import run_plot

    return int(run_plot(runs, out))
