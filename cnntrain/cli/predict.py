"""``cnntrain predict``: classes or values of new samples."""

from pathlib import Path
from typing import Any

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    settings_option,
    threads_option,
)


@click.command("predict")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(allow_dash=True)
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="Show the K most likely classes. [default: 1]",
)
@click.option(
    "--format",
    type=click.Choice(["csv", "jsonl", "npy"]),
    default="csv",
    show_default=True,
    help="Rows, JSON lines, or one array of the probabilities of all classes.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write this file, whole or not at all. [default: stdout]",
)
@click.option(
    "--columns",
    metavar="ID,NAME",
    help="Write these columns only, under these names, such as ImageId,Label.",
)
@settings_option
@data_dir_option
@engine_option
@threads_option
def command(
    checkpoint: Path,
    inputs: tuple[str, ...],
    top: int | None,
    format: Any,  # noqa: A002
    out: Path | None,
    columns: str | None,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
) -> int:
    """Predict classes or target values of new samples.

    CHECKPOINT is a .npz file, a run folder (its best checkpoint), or a name (its newest run). Each
    INPUT is an image, a folder of images, a .npy, .npz, CSV or IDX file (also .gz), or - for an
    array or CSV lines on stdin. Samples are prepared as in training; columns are matched by name. A
    sample is called by its file, by the column that is called like an id, or by its number from 1.
    An image that cannot be read is reported, the others are predicted, and the exit code is 1.

    \b
    Examples:
      cnntrain predict runs/digits/1 new.npy --top 3
      cnntrain predict birds photos/ --format jsonl --out birds.jsonl
      cnntrain predict runs/kaggle/1 test.csv --columns ImageId,Label --out submission.csv
      cut -d, -f2- new.csv | cnntrain predict iris -
    """
    from cnntrain.commands.predict import PredictOptions, run_predict

    options = PredictOptions(
        top=top,
        format=format,
        out=out,
        columns=columns,
        settings=settings,
        data_dir=data_dir,
        threads=threads,
    )
    return int(run_predict(checkpoint, inputs, options))
