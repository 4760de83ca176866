"""``cnntrain init``: a first config for some data."""

from pathlib import Path
from typing import Any

import click


@click.command("init")
@click.argument("template", required=False, type=click.Choice(["linear", "mlp", "cnn"]))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A folder of images, a CSV, npz or IDX file. [default: the embedded digits]",
)
@click.option("--target", metavar="COLUMN", help="The column of a table that is to be predicted.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The config to write. [default: NAME.yaml, after the data]",
)
def command(template: Any, data: Path | None, target: str | None, out: Path | None) -> int:
    """Write a first config for your data.

    Looks at the data and writes a commented config that trains as it stands: source, shapes,
    classes, network, normalization, schedule. TEMPLATE is the kind of network: linear, mlp
    (default for rows of numbers) or cnn (default for images).

    \b
    Examples:
      cnntrain init
      cnntrain init --data photos/
      cnntrain init mlp --data houses.csv --target price --out houses.yaml
    """
    from cnntrain.commands.init import run_init

    return int(run_init(template, data, target, out))
