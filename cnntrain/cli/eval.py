"""``cnntrain eval``: metrics of a trained network."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, json_option, threads_option


@click.command("eval")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train"]),
    help="Samples to use. [default: test, else val, else train]",
)
@data_dir_option
@threads_option
@json_option
def command(
    checkpoint: Path,
    split: str | None,
    data_dir: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Evaluate a trained network.

    CHECKPOINT is a .npz file, or a run folder, which means its best checkpoint. Shows loss,
    accuracy, precision and recall per class and the confusion matrix; for regression MAE, RMSE and
    R². The checkpoint contains its config, so only the data is needed besides.

    \b
    Examples:
      cnntrain eval runs/digits/1
      cnntrain eval runs/digits/1/checkpoints/last.npz --split val --json
    """
    from cnntrain.commands.eval import run_eval

    return int(run_eval(checkpoint, split, data_dir, threads, as_json))
