"""``cnntrain summary``: the network at a glance."""

from pathlib import Path

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    json_option,
    settings_option,
    threads_option,
)


@click.command("summary")
@click.argument("target", type=click.Path(path_type=Path))
@settings_option
@data_dir_option
@engine_option
@threads_option
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Print the graph as Mermaid text.")
@json_option
def command(
    target: Path,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    as_mermaid: bool,
    as_json: bool,
) -> int:
    """Show the layers of TARGET, their shapes, work and memory.

    TARGET is a config, a checkpoint or a run folder. Also shows the peak memory of a training step.
    No data is read if the config has 'input', or for a checkpoint.

    \b
    Examples:
      cnntrain summary configs/mnist-lenet5.yaml
      cnntrain summary configs/digits-residual.yaml --mermaid
    """
    from cnntrain.commands.summary import run_summary

    return int(run_summary(target, settings, data_dir, threads, as_json, as_mermaid))
