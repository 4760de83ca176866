"""``cnntrain summary``: the network at a glance."""

from pathlib import Path

import click


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the config."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the data files, if the config does not say the shape of its 'input'.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads that a training would use: each takes memory. [default: all cores]",
)
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Print the graph as Mermaid text.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def summary(
    target: Path,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    as_mermaid: bool,
    as_json: bool,
) -> int:
    """Show the layers of TARGET, their shapes, work and memory.

    TARGET is a config, a checkpoint or a run folder. Also the peak memory of a training step. No
    data is read if the config has 'input', or is in a checkpoint.

    \b
    Examples:
      cnntrain summary configs/mnist-lenet5.yaml
      cnntrain summary configs/digits-residual.yaml --mermaid
    """
    from cnntrain.commands.summary import run_summary

    return int(run_summary(target, settings, data_dir, threads, as_json, as_mermaid))
