"""``cnntrain time``: where the time goes."""

from pathlib import Path

import click


@click.command("time")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the config."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data files.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to use. [default: all cores]")
@click.option(
    "--runs", type=click.IntRange(min=1), default=20, show_default=True, help="Steps to time."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def time_command(
    config: Path,
    settings: tuple[str, ...],
    data_dir: Path | None,
    threads: int | None,
    runs: int,
    as_json: bool,
) -> int:
    """Time training steps of CONFIG, layer by layer.

    Forward and backward milliseconds, on one thread, one layer after the other; each figure is the
    least of all runs.

    \b
    Example:
      cnntrain time configs/mnist-lenet5.yaml --data-dir data
    """
    from cnntrain.commands.time import run_time

    return int(run_time(config, settings, data_dir, threads, runs, as_json))
