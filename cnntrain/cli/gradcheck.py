"""``cnntrain gradcheck``: prove the gradients."""

from pathlib import Path

import click


@click.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option(
    "--tol",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="Largest allowed relative error.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the random cases.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the data files, if the config does not say the shape of its 'input'.",
)
def gradcheck(
    target: Path | None, tol: float, seed: int, as_json: bool, data_dir: Path | None
) -> int:
    """Prove gradients by central differences.

    Without TARGET: every layer and loss, on small cases of its own. With a config, a checkpoint or
    a run folder: that whole network on a random batch, every parameter array and the input; all
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
