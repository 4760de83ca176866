"""``cnntrain report`` and ``cnntrain plot``: look at runs."""

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The page to write.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data files.")
def report(runs: tuple[Path, ...], out: Path, data_dir: Path | None) -> int:
    """Write a page about one run, or about several side by side.

    Results and stop reason, learning curves, confusion matrix, figures per class, the most
    confident mistakes, filters and feature maps, weights and gradients over time (with log.stats),
    the config and what differs, the environment, the command to run it again. One file that needs
    no network. Needs the extra: pip install "cnntrain[report]".

    \b
    Examples:
      cnntrain report runs/digits/1
      cnntrain report runs/digits/1 runs/digits/2 --out compare.html
    """
    from cnntrain.commands.report import run_report

    return int(run_report(runs, out, data_dir))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("curves.png"),
    show_default=True,
    help="The picture to write: .png, .svg or .pdf.",
)
def plot(runs: tuple[Path, ...], out: Path) -> int:
    """Draw the learning curves of one run or several.

    Needs the extra: pip install "cnntrain[report]".

    \b
    Example:
      cnntrain plot runs/digits/1 runs/digits/2 --out curves.svg
    """
    from cnntrain.commands.report import run_plot

    return int(run_plot(runs, out))
