"""``cnntrain data``: look at the data before training on it."""

from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--preview",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Write a picture of training samples and what augmentation makes of them (extra 'plot').",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the config."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data files.")
def data(
    config: Path, preview: Path | None, settings: tuple[str, ...], data_dir: Path | None
) -> int:
    """Show what CONFIG will feed to its network.

    Without --preview: shapes, ranges, samples per class and split, whether a sample stands in two
    splits, and the fingerprint of the data.

    \b
    Examples:
      cnntrain data configs/digits.yaml
      cnntrain data configs/digits.yaml --preview digits.png --set "data.augment=[{rotation: {}}]"
    """
    from cnntrain.commands.data import run_data

    return int(run_data(config, settings, data_dir, preview))
