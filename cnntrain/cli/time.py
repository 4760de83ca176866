"""``cnntrain time``: where the time goes."""

from pathlib import Path

import click

from cnntrain.cli.options import (
    data_dir_option,
    engine_option,
    json_option,
    mpi_option,
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
@mpi_option
@click.option("--compare", is_flag=True, help="Time both engines, one after the other.")
@json_option
def command(
    config: Path,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    runs: int,
    mpi: bool | None,
    compare: bool,
    as_json: bool,
) -> int:
    """Time training steps of CONFIG, layer by layer.

    Forward and backward milliseconds on one thread, layer after layer; each number is the minimum
    of all runs. Under MPI, the mean time of a step on every rank: at work, communicating, waiting.

    \b
    Examples:
      cnntrain time configs/mnist-lenet5.yaml --data-dir data
      cnntrain time configs/mnist-lenet5.yaml --data-dir data --compare
      mpiexec -n 2 cnntrain time configs/digits.yaml
    """
    from cnntrain.commands.time import TimeOptions, run_time

    if mpi and compare:
        raise click.UsageError("--compare times both engines of one process; remove --mpi")
    options = TimeOptions(settings, data_dir, threads, runs, compare, as_json=as_json, mpi=mpi)
    return int(run_time(config, options))
