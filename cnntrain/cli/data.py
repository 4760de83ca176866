"""``cnntrain data``: look at the data before training on it."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, settings_option


@click.command("data")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--preview",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Write a picture of training samples and their augmented versions (extra 'plot').",
)
@settings_option
@data_dir_option
def command(
    config: Path, preview: Path | None, settings: tuple[str, ...], data_dir: Path | None
) -> int:
    """Show what CONFIG feeds to its network.

    Without --preview: shapes, ranges, samples per class and split, whether a sample is in two
    splits, and the fingerprint of the data.

    \b
    Examples:
      cnntrain data configs/digits.yaml
      cnntrain data configs/digits.yaml --preview digits.png --set "data.augment=[{rotation: {}}]"
    """
    from cnntrain.commands.data import run_data

    return int(run_data(config, settings, data_dir, preview))
