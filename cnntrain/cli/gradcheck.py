"""``cnntrain gradcheck``: prove the gradients."""

from pathlib import Path

import click

from cnntrain.cli.options import data_dir_option, engine_option, json_option, seed_option


@click.command("gradcheck")
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option(
    "--tol",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="Largest allowed relative error.",
)
@seed_option
@json_option
@data_dir_option
@engine_option
def command(
    target: Path | None, tol: float, seed: int | None, as_json: bool, data_dir: Path | None
) -> int:
    """Prove gradients by central differences.

    Without TARGET: every layer and loss, on small built-in cases. With a config, a checkpoint or a
    run folder: the whole network on a random batch, every parameter array and the input; all
    entries of small arrays, sampled entries and random directions of large ones. Exit code 4 if a
    gradient is wrong.

    \b
    Examples:
      cnntrain gradcheck
      cnntrain gradcheck configs/mnist-lenet5.yaml
      cnntrain gradcheck runs/digits/1 --json
    """
    from cnntrain.commands.gradcheck import run_gradcheck

    return int(run_gradcheck(target, tol, seed, as_json, data_dir))
