"""``cnntrain report``: runs as a page."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, lang_option


@click.command("report")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The page to write.",
)
@data_dir_option
@lang_option
def command(runs: tuple[Path, ...], out: Path, data_dir: Path | None) -> int:
    """Write a page about one run, or several runs side by side.

    Results and stop reason, learning curves, confusion matrix, metrics per class, the most
    confident mistakes, filters and feature maps, weights and gradients over time (with log.stats),
    the config and what differs, the environment, the command to run it again. A single file that
    needs no network. Needs the extra: pip install "cnntrain[report]".

    \b
    Examples:
      cnntrain report runs/digits/1
      cnntrain report runs/digits/1 runs/digits/2 --out compare.html
    """
    from cnntrain.commands.report import run_report

    return int(run_report(runs, out, data_dir))
