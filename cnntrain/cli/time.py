"""``cnntrain time``: where the time goes."""

from pathlib import Path

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    json_option,
    settings_option,
    threads_option,
)


@click.command("time")
@click.argument("config", type=click.Path(path_type=Path))
@settings_option
@data_dir_option
@engine_option
@threads_option
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Number of steps to time.",
)
@json_option
def command(
    config: Path,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    runs: int,
    as_json: bool,
) -> int:
    """Time training steps of CONFIG, layer by layer.

    Forward and backward milliseconds on one thread, layer after layer; each number is the minimum
    of all runs.

    \b
    Example:
      cnntrain time configs/mnist-lenet5.yaml --data-dir data
    """
    from cnntrain.commands.time import run_time

    return int(run_time(config, settings, data_dir, threads, runs, as_json))
