"""``cnntrain eval``: metrics of a trained network."""

from pathlib import Path
from typing import Any

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    json_option,
    settings_option,
    threads_option,
)


@click.command("eval")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train"]),
    help="Samples to use. [default: test, else val, else train]",
)
@click.option(
    "--data",
    metavar="FILE|FOLDER",
    help="Evaluate this labelled file or folder instead, read as the test data of the training.",
)
@click.option(
    "--mistakes",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=20,
    metavar="[N]",
    help="List the N most confident mistakes: where the sample is, true and predicted class. "
    "[default: 20]",
)
@settings_option
@data_dir_option
@engine_option
@threads_option
@json_option
def command(
    checkpoint: Path,
    split: Any,
    data: str | None,
    mistakes: int | None,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Evaluate a trained network.

    CHECKPOINT is a .npz file, a run folder (its best checkpoint), or a name (its newest run). Shows
    loss, accuracy, precision and recall per class and the confusion matrix; for regression MAE,
    RMSE and R². The checkpoint contains its config, so only the data is needed besides.

    \b
    Examples:
      cnntrain eval runs/digits/1
      cnntrain eval digits --data new.csv
      cnntrain eval digits --mistakes 30
      cnntrain eval runs/digits/1/checkpoints/last.npz --split val --json
    """
    from cnntrain.commands.eval import EvalOptions, run_eval

    options = EvalOptions(
        split=split,
        data=data,
        settings=settings,
        data_dir=data_dir,
        threads=threads,
        as_json=as_json,
        mistakes=mistakes or 0,
    )
    return int(run_eval(checkpoint, options))
